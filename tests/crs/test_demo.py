"""The demo's configuration with CRS: its callers pass, its attackers are stopped."""

from __future__ import annotations

from typing import Any

import pytest
from examples.demo import callers
from examples.demo.traffic import INJECTIONS, NOSQL_INJECTION

from starfort import _engine, bundle
from starfort.runtime import checked
from tests.support.corpora import needs_corpus
from tests.support.installation import write_configuration
from tests.support.rule_sets import installed_crs

pytestmark = needs_corpus("crs")
HOME = "203.0.113.7"
ORDER = b'{"items": [{"id": 3, "quantity": 1}], "note": "ring twice"}'
LOGIN = b'{"email": "customer7@shop.example", "password": "pw-1f2e3d4c5b6a"}'
PRODUCTS = "http://shop.example/v1/products"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> _engine.Engine:
    """An engine of the demo's bundle, CRS in it."""
    folder = tmp_path_factory.mktemp("demo")
    names = ("listen", "admin", "shop", "bank", "fraud_desk")
    write_configuration(folder, {name: 20_000 + number for number, name in enumerate(names)}, None)
    with installed_crs(folder / "rulesets"):
        made = checked.check(folder / "starfort.yaml")
    geo = folder / "var" / "geo"
    return _engine.Engine(
        bundle.encode(made.compiled.bundle),
        country=(geo / "country.mmdb").read_bytes(),
        asn=(geo / "asn.mmdb").read_bytes(),
    )


def _ask(
    engine: _engine.Engine, method: str, url: str, headers: callers.Headers, body: bytes = b""
) -> dict[str, Any]:
    lower = [(name.lower(), value) for name, value in headers]
    if body:
        lower.append(("content-length", str(len(body))))
    return dict(engine.explain({"method": method, "url": url, "headers": lower, "body": body}))


@pytest.mark.parametrize("number", range(3))
def test_people_pass(engine: _engine.Engine, number: int) -> None:
    """Reading, logging in and ordering with each browser is no attack."""
    reads = callers.browser(number, "shop.example", HOME, token="6b8a")
    sends = callers.browser(number, "shop.example", HOME, json_body=True)
    for method, url, headers, body in (
        ("GET", f"{PRODUCTS}?page=3", reads, b""),
        ("POST", "http://shop.example/login", sends, LOGIN),
        ("POST", "http://shop.example/v1/orders", sends, ORDER),
    ):
        asked = _ask(engine, method, url, headers, body)
        assert (asked["action"], asked["policy"]) == ("allow", ""), asked["findings"]


def test_ofx_passes_at_home_and_is_diverted_abroad(engine: _engine.Engine) -> None:
    """OFX is no attack, for all that CRS does not know its content type."""
    url = "http://bank.example/ofx"
    home = _ask(engine, "POST", url, callers.money_program("bank.example", HOME), callers.OFX_REQUEST)
    assert home["action"] == "allow", home["findings"]
    abroad = callers.money_program("bank.example", "198.51.100.7")
    assert _ask(engine, "POST", url, abroad, callers.OFX_REQUEST)["action"] == "divert"


def test_good_bots_pass(engine: _engine.Engine) -> None:
    """A search engine is no attack."""
    assert _ask(engine, "GET", PRODUCTS, callers.googlebot("shop.example", HOME))["action"] == "allow"


@pytest.mark.parametrize("target", INJECTIONS[:5])
def test_exploits_are_stopped(engine: _engine.Engine, target: str) -> None:
    """What the demo sends as exploits is blocked by its score, whatever the address."""
    headers = callers.browser(1, "shop.example", HOME)
    asked = _ask(engine, "GET", f"http://shop.example{target}", headers)
    assert (asked["action"], asked["policy"]) == ("block", "exploits"), asked["findings"]


def test_an_injection_in_json_is_stopped(engine: _engine.Engine) -> None:
    """NoSQL operators in a log-in are blocked by their score."""
    headers = callers.browser(1, "shop.example", HOME, json_body=True)
    asked = _ask(engine, "POST", "http://shop.example/login", headers, NOSQL_INJECTION)
    assert (asked["action"], asked["policy"]) == ("block", "exploits"), asked["findings"]
