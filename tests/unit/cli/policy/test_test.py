"""`starfort policy test`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from examples.demo import geo

from starfort.store import Store
from tests.support.events import event, stream
from tests.unit.cli.conftest import Run, Served

CONFIG = """version: 1
listeners: [{name: public, address: 127.0.0.1:8080}]
upstreams:
  - {name: bank, addresses: [127.0.0.1:9002]}
  - {name: fraud-desk, addresses: [127.0.0.1:9003]}
geo: {country: country.mmdb}
apis:
  - name: bank
    hosts: [bank.example]
    upstream: bank
    endpoints: [{match: POST /ofx, labels: [payments]}, {match: POST /login, labels: [login]}]
policies:
  - {name: no-admin, when: request.path.startsWith("/admin"), action: {block: {status: 451, body: gone}}, mode: enforce}
  - {name: home-only, endpoints: [POST /ofx], when: client.continent == "AS", action: {divert: fraud-desk}, mode: enforce}
  - {name: stuffing, when: signals.credential_stuffing.score > 0.8, action: block}
  - {name: once, when: '"login" in endpoint.labels', action: {limit: {rate: 1/1h}}, mode: enforce}
  - {name: cards, when: '"card_number" in sensitive.response', action: mask, mode: enforce}
"""


@pytest.fixture(autouse=True)
def _configuration(tmp_path: Path) -> None:
    geo.write(tmp_path)
    Path("starfort.yaml").write_text(CONFIG)


def test_deciding_policy_and_every_other(run: Run) -> None:
    """The policy that decides is named, those before and after it say why not, and what the client gets is shown."""
    shown = run("policy", "test", "--url", "https://bank.example/admin/x")
    assert shown.code == 0, shown.err
    assert "block by no-admin" in shown.out
    assert "451 gone" in shown.out
    found = json.loads(run("policy", "test", "--url", "https://bank.example/admin/x", "--json").out)
    outcomes = {each["policy"]: each["outcome"] for each in found["policies"]}
    assert outcomes["no-admin"] == "applied"
    assert outcomes["home-only"] == "not_reached"


def test_a_request_over_a_limit_is_explained(run: Run) -> None:
    """It names the limit, and where it is set; the same request where that passes is allowed."""
    Path("starfort.yaml").write_text(
        CONFIG.replace("match: POST /ofx,", "match: POST /ofx, limits: {cookies: 1},")
    )
    arguments = [
        "policy",
        "test",
        "--url",
        "https://bank.example/ofx",
        "-X",
        "POST",
        "-H",
        "cookie: a=1; b=2",
    ]
    shown = run(*arguments)
    assert "block: over a limit of what is called (cookies_over_limit)" in shown.out
    assert "431" in shown.out
    elsewhere = [each.replace("/ofx", "/login") for each in arguments]
    assert json.loads(run(*elsewhere, "--json").out)["action"] == "allow"


def test_country_signal_and_observe(run: Run) -> None:
    """An address of a country is taken from the database; a signal holds for the caller; observed policies are told."""
    arguments = ["policy", "test", "--url", "https://bank.example/ofx", "-X", "POST", "--json"]
    abroad = json.loads(run(*arguments, "--country", "sg").out)
    assert (abroad["action"], abroad["policy"], abroad["upstream"]) == ("divert", "home-only", "fraud-desk")
    assert abroad["client"]["country"] == "SG"
    assert json.loads(run(*arguments, "--country", "US").out)["action"] == "allow"
    signalled = json.loads(run(*arguments, "--signal", "credential_stuffing=0.9").out)
    assert signalled["observed"] == ["block:stuffing"]
    nowhere = run(*arguments, "--country", "ZZ")
    assert nowhere.code == 2
    assert "knows no network in ZZ" in nowhere.err


def test_response_is_masked(run: Run) -> None:
    """With the upstream's answer described, response policies are asked too."""
    Path("answer.json").write_text('{"card": "4111111111111111"}')
    arguments = ["policy", "test", "--url", "https://bank.example/x", "--response-body", "@answer.json"]
    found = json.loads(run(*arguments, "--json").out)
    assert found["done"] in ([], ["mask:cards"])  # without a content type nobody knows that it is JSON
    Path("case.yaml").write_text(
        "url: https://bank.example/x\n"
        'response: {status: 200, headers: {content-type: application/json}, body: \'{"card": "4111111111111111"}\'}\n'
    )
    masked = json.loads(run("policy", "test", "case.yaml", "--json").out)
    assert masked["done"] == ["mask:cards"]
    assert "4111111111111111" not in masked["masked_body"]


def test_cases_of_a_file(run: Run) -> None:
    """A file of cases is a test of policies: it ends with 1 when one is decided otherwise; limits start anew each time."""
    Path("cases.yaml").write_text(
        "- {name: log in, request: {url: 'https://bank.example/login', method: POST}, expect: allow}\n"
        "- {name: again, request: {url: 'https://bank.example/login', method: POST}, expect: allow}\n"
        "- {name: admin, request: {url: 'https://bank.example/admin'}, expect: 'block:no-admin'}\n"
    )
    good = run("policy", "test", "cases.yaml")
    assert good.code == 0, good.err
    assert "again" in good.out
    Path("cases.yaml").write_text(
        "- {name: admin, request: {url: 'https://bank.example/admin'}, expect: allow}\n"
    )
    bad = run("policy", "test", "cases.yaml")
    assert bad.code == 1
    assert "admin: expected allow, got block:no-admin" in bad.err
    assert run("policy", "test", "--url", "https://bank.example/", "--expect", "block").code == 1


def test_of_an_event(run: Run, served: Served, store: Store) -> None:
    """A request that was seen is tried against the configuration as it is now."""
    row = event(
        id="policy-test-event", host="bank.example", path="/admin/9", address="198.51.100.3", api="bank"
    )
    store.insert_arrow(stream([row]))
    found = json.loads(run("policy", "test", "--event", "policy-test-event", "--json").out)
    assert found["policy"] == "no-admin"
    assert found["client"]["address"] == "198.51.100.3"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "--url"),
        (("--url", "no url"), "not understood"),
        (("--url", "/x", "--header", "nothing"), "no header"),
        (("--url", "/x", "--signal", "a=b"), "KIND=SCORE"),
        (("--url", "/x", "--body", "@none"), "cannot be read"),
        (("--url", "/x", "--from", "nowhere"), "not understood"),
        (("wrong.yaml",), "is not understood"),
    ],
)
def test_wrong_descriptions(run: Run, arguments: tuple[str, ...], words: str) -> None:
    """What is no request ends with 2 and says what would be one."""
    Path("wrong.yaml").write_text("- {request: {url: /x}, expects: block}\n")
    result = run("policy", "test", *arguments)
    assert result.code == 2, result.err
    assert words in result.err


def test_wrong_configuration(run: Run) -> None:
    """A configuration with mistakes is shown as `check` shows it."""
    Path("starfort.yaml").write_text(CONFIG.replace("upstream: bank", "upstream: bnak"))
    result = run("policy", "test", "--url", "/x")
    assert result.code == 1
    assert "did you mean 'bank'?" in result.out
