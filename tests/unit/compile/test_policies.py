"""Policies: actions, phases, and what is wrong with them."""

import re
from pathlib import Path

import pytest

from starfort import _engine
from starfort.bundle import Phase, encode
from starfort.bundle import expression as e
from starfort.bundle import policy as p
from tests.unit.compile.support import at, compiled, problems

RESPONSES = "responses: [{name: no, status: 401, headers: {Content-Type: text/plain}, body: wrong}]\n"


def only(folder: Path, policy: str, rest: str = RESPONSES) -> p.Policy:
    """The compiled form of one policy, given as what stands between braces."""
    (found,) = compiled(folder, f"{rest}policies: [{{name: x, {policy}}}]\n").bundle.policies
    return found


@pytest.mark.parametrize(
    ("action", "wanted"),
    [
        ("allow", p.AllowAction()),
        ("block", p.BlockAction(403)),
        (
            "{block: {status: 404, body: no, content_type: text/plain}}",
            p.BlockAction(404, "no", "text/plain"),
        ),
        ("{tag: {header: X-Risk, value: high}}", p.TagAction("x-risk", "high")),
        (
            "{limit: {rate: 10/1m, burst: 5}}",
            p.LimitAction(10, 60_000, 5, (e.FieldExpr(e.PlainField.CLIENT_ADDRESS),)),
        ),
        ("{limit: {rate: 1/s, key: []}}", p.LimitAction(1, 1000, 0, ())),
        ("{divert: desk}", p.DivertAction("desk")),
        ("{deceive: no}", p.DeceiveAction(0)),
        ("{delay: 1.5s}", p.DelayAction(1500)),
        ("mask", p.MaskAction(())),
        ("{mask: [email, email, iban]}", p.MaskAction(("email", "iban"))),
    ],
)
def test_actions_become_the_engines(tmp_path: Path, action: str, wanted: p.Action) -> None:
    """Each of the eight."""
    found = only(tmp_path, f"action: {action}")
    assert found.action == wanted
    assert found.mode is p.Mode.OBSERVE
    assert found.phase is (Phase.RESPONSE if "mask" in action else Phase.REQUEST)


@pytest.mark.parametrize(
    ("when", "phase"),
    [
        ("true", Phase.REQUEST),
        ('"email" in sensitive.request', Phase.REQUEST),
        ("response.status >= 500", Phase.RESPONSE),
        ('"email" in sensitive.response', Phase.RESPONSE),
        ('response.headers["server"] != ""', Phase.RESPONSE),
        (
            'endpoint.labels.exists(l, l == "x" && (true ? [response.content_type] : []).exists(t, t == l))',
            Phase.RESPONSE,
        ),
    ],
)
def test_the_phase_follows_from_the_variables(tmp_path: Path, when: str, phase: Phase) -> None:
    """Wherever in the condition they stand."""
    assert only(tmp_path, f"when: '{when}', action: block").phase is phase


@pytest.mark.parametrize(
    "action",
    [
        "{tag: {header: a, value: b}}",
        "{limit: {rate: 1/s}}",
        "{divert: desk}",
        "{deceive: no}",
        "{delay: 1s}",
    ],
)
def test_what_comes_too_late_is_a_problem(tmp_path: Path, action: str) -> None:
    """After the upstream answered only allow, block and mask make sense."""
    policy = f"policies: [{{name: x, when: response.status == 500, action: {action}}}]\n"
    (problem,) = problems(tmp_path, RESPONSES + policy)
    assert "cannot follow a condition on response.status" in problem.what
    assert problem.fix
    assert at(problem).startswith(action)


def test_a_key_may_not_ask_the_response_either(tmp_path: Path) -> None:
    """A limit is counted before the upstream is asked."""
    policy = "policies: [{name: x, action: {limit: {rate: 1/s, key: [response.content_type]}}}]\n"
    (problem,) = problems(tmp_path, policy)
    assert "limit cannot follow a condition on response.content_type" in problem.what


@pytest.mark.parametrize(
    ("policy", "where", "what"),
    [
        ("when: 'request.methd == 1', action: block", "request.methd == 1", "no variable 'request.methd'"),
        ('when: "request.path == \\"/\\" && foo(1)", action: block', "foo(1)", "no function 'foo'"),
        ("when: 'request.path.matches(\"(\")', action: block", '"(")', "regular expression"),
        ("when: 'in_list(client.address, ''tor'')', action: block", "''tor'')", "no list 'tor'"),
        ("action: {limit: {rate: 1/s, key: [client.address, client.asn]}}", "client.asn]", "must be a text"),
        ("action: {tag: {header: Content-Length, value: '1'}}", "Content-Length", "cannot be set"),
        ("action: {tag: {header: X-Starfort-Peer, value: '1'}}", "X-Starfort-Peer", "cannot be set"),
        ("action: {limit: {rate: 1/0ms}}", "1/0ms", "at least 1ms"),
        ("action: {delay: 0.1ms}", "0.1ms", "at least 1ms"),
    ],
)  # fmt: skip
def test_problems_are_where_they_are_in_the_file(tmp_path: Path, policy: str, where: str, what: str) -> None:
    """To the character, through YAML's quotes and escapes."""
    (problem,) = problems(tmp_path, f"policies:\n  - {{name: x, {policy}}}\n")
    assert what in problem.what
    assert at(problem).startswith(where), (at(problem), problem)


def test_positions_hold_in_folded_and_literal_texts(tmp_path: Path) -> None:
    """Long conditions are written over several lines."""
    rest = (
        "policies:\n"
        "  - name: folded\n    when: >-\n      request.method == 'GET' &&\n      request.pth == '/'\n    action: block\n"
        "  - name: literal\n    when: |\n      request.method == 'GET'\n        && request.pth == '/'\n    action: block\n"
        "  - name: plain\n    when: request.method == 'GET'\n      && request.pth == '/'\n    action: block\n"
    )
    found = problems(tmp_path, rest)
    assert [at(problem) for problem in found] == ["request.pth == '/'"] * 3
    assert len({problem.line for problem in found}) == 3


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    """Of every policy and every other part."""
    rest = (
        "sensitive: {classes: [email, shoe_size]}\n"
        "policies:\n  - {name: a, when: 'x', action: block}\n  - {name: b, when: 'y || z', action: block}\n"
    )
    found = [re.sub(".*no ", "", problem.what) for problem in problems(tmp_path, rest)]
    assert found == ["class of sensitive data 'shoe_size'", "variable 'x'", "variable 'y'", "variable 'z'"]


def test_masking_needs_something_to_look_for(tmp_path: Path) -> None:
    """With the stage off nothing is ever masked."""
    (problem,) = problems(tmp_path, "sensitive: {classes: []}\npolicies: [{name: a, action: mask}]\n")
    assert "nothing to mask" in problem.what


def test_policies_are_described_for_people(tmp_path: Path) -> None:
    """As they were written."""
    rest = "policies:\n  - name: x\n    apis: [shop]\n    when: client.asn == 1\n    action: block\n    expires: 2030-01-01\n"
    (shown,) = compiled(tmp_path, rest).policies
    assert (shown.name, shown.when, shown.action, shown.mode, shown.phase) == (
        "x", "client.asn == 1", "block", "observe", "request",
    )  # fmt: skip
    assert (shown.apis, shown.endpoints, shown.expires_s) == (("shop",), None, 1893456000)
    assert (tmp_path / "starfort.yaml").read_text(encoding="utf-8").split("\n")[
        shown.line - 1
    ] == "  - name: x"


def test_the_engine_does_what_policies_say(tmp_path: Path) -> None:
    """From the file through the bundle to a decision, one policy an action."""
    rest = (
        RESPONSES
        + "lists: [{name: office, addresses: [192.0.2.0/24]}]\n"
        + "policies:\n"
        + "  - {name: office, when: 'in_list(client.address, \"office\")', action: allow, mode: enforce}\n"
        + "  - {name: tools, when: client.bot == 'tool', action: {tag: {header: x-kind, value: tool}}, mode: enforce}\n"
        + "  - {name: campaign, when: signals.credential_stuffing.score > 0.8, action: {deceive: no}, mode: enforce}\n"
        + "  - {name: rate, endpoints: [POST /login], action: {limit: {rate: 1/1h}}, mode: enforce}\n"
        + "  - {name: desk, when: 'request.path.matches(\"^/ofx\")', action: {divert: desk}, mode: enforce}\n"
        + "  - {name: mail, when: '\"email\" in sensitive.response', action: mask, mode: enforce}\n"
        + "  - {name: rest, when: 'has(request.headers.evil)', action: block, mode: enforce}\n"
    )
    engine = _engine.Engine(encode(compiled(tmp_path, rest).bundle))

    def policy(**request: object) -> str:
        return engine.explain({"address": "203.0.113.9", **request})["policy"]  # type: ignore[typeddict-item]

    assert policy(headers={"evil": "1"}, address="192.0.2.7") == "office"
    assert policy(headers={"evil": "1"}) == "rest"
    assert policy(url="/ofx/1") == "desk"
    assert engine.explain({"headers": {"user-agent": "curl/8.5.0"}})["tags"] == [["x-kind", "tool"]]
    assert [policy(method="POST", url="/login") for _ in range(2)] == ["", "rate"]
    answer = {"headers": {"content-type": "application/json"}, "body": '{"a": "ada@example.com"}'}
    assert b"ada@" not in (engine.explain({"response": answer})["masked_body"] or b"ada@")  # type: ignore[typeddict-item]
    engine.signals(
        [
            {
                "kind": "credential_stuffing",
                "key_type": "address",
                "key": "203.0.113.9",
                "score": 0.9,
                "ttl_ms": 60_000,
            }
        ]
    )
    assert policy() == "campaign"
    assert [one["error"] for one in engine.explain({})["policies"] if one["error"]] == []
