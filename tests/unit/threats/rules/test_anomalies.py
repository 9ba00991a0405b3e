"""Which anomalies of the engine's readers are refused, and their ordinary twins."""

from __future__ import annotations

import gzip
import time
from typing import Any

import pytest

from starfort import bundle
from starfort._engine import Engine
from starfort.runtime import checked
from tests.unit.threats.cases import octets

CONFIG = """
version: 1
listeners: [{name: public, address: "127.0.0.1:18080"}]
upstreams: [{name: app, addresses: ["127.0.0.1:18081"]}]
apis: [{name: app, upstream: app}]
rules: {sets: []}
policies: [{name: attacks, when: rules.interrupted, action: block, mode: enforce}]
"""
SVG = '"-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd"'
PLIST = '"-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd"'
XML = "application/xml"
JSON = "application/json"
FORM = "multipart/form-data; boundary=b"
FIELD = '--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n'
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 9))

REFUSED: dict[str, tuple[str, str, str]] = {
    "external entity": (XML, '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "9530300"),
    "parameter entity": (XML, '<!DOCTYPE a [<!ENTITY % p SYSTEM "http://x.example/d"> %p;]><a/>', "9530300"),
    "external type": (XML, '<!DOCTYPE a PUBLIC "-//x" "http://x.example/d"><a/>', "9530300"),
    "external entity in SVG": (
        "image/svg+xml",
        '<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg><text>&x;</text></svg>',
        "9530300",
    ),
    "external entity under a standard type": (
        XML,
        f'<!DOCTYPE svg PUBLIC {SVG} [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>',
        "9530300",
    ),
    "inclusion": (
        XML,
        '<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="file:///etc/passwd"/></a>',
        "9530300",
    ),
    "entities that grow": (XML, f'<!DOCTYPE a [<!ENTITY l0 "lol">{LAUGHS}]><a>&l8;</a>', "9530300"),
    "role given twice": (JSON, '{"role": "user", "role": "admin"}', "9530302"),
    "role given twice, deep and escaped": (JSON, r'[{"a": {"role": 1, "b": {}, "r\u006fle": 2}}]', "9530302"),
    "part without a body": (
        FORM,
        FIELD + '--b\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\nabc\r\n--b--\r\n',
        "9530011",
    ),
    "lines that end both ways": (FORM, FIELD.replace("\r\n\r\n", "\n\n") + "abc\r\n--b--\r\n", "9530011"),
    "no part at all": (FORM, "--c\r\nabc\r\n", "9530011"),
}
PASSING: dict[str, tuple[str, str]] = {
    "SVG": ("image/svg+xml", f"<!DOCTYPE svg PUBLIC {SVG}><svg><text>a &amp; b</text></svg>"),
    "property list": (XML, f"<!DOCTYPE plist PUBLIC {PLIST}><plist><string>a</string></plist>"),
    "order": (XML, '<!DOCTYPE cXML SYSTEM "http://xml.cxml.org/schemas/cXML/1.2.014/cXML.dtd"><cXML/>'),
    "type without an address": (XML, "<!DOCTYPE html><html><body>a</body></html>"),
    "entity of the document's own": (XML, '<!DOCTYPE a [<!ENTITY me "Ann">]><a>&me; &lt; &#x41;</a>'),
    "the same value twice": (JSON, '{"a": [1, "x"], "b": 2, "a": [1, "x"]}'),
    "the same key in two objects": (JSON, '[{"role": "user"}, {"role": "admin"}]'),
    "a document a line": (JSON, '{"index": {}}\n{"role": "user"}\n{"index": {}}\n{"role": "admin"}\n'),
    "empty field": (FORM, FIELD + "\r\n--b--\r\n"),
    "field of lines": (FORM, FIELD + "a\nb\n--\nc\r\n--b--\r\n"),
    "one way of ending lines": (FORM, FIELD.replace("\r\n", "\n") + "abc\n--b--\n"),
    "text around the parts": (FORM, "This is a form.\r\n" + FIELD + "abc\r\n--b--\r\n\r\n"),
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Starfort's own rules, whose score is enforced."""
    file = tmp_path_factory.mktemp("anomalies") / "starfort.yaml"
    file.write_text(CONFIG)
    return Engine(bundle.encode(checked.check(file).compiled.bundle))


def ask(engine: Engine, path: str, headers: dict[str, str], body: bytes = b"") -> dict[str, Any]:
    """What the engine makes of a request."""
    lower = [("user-agent", "client/1"), *headers.items()]
    if body:
        lower.append(("content-length", str(len(body))))
    method = "POST" if body else "GET"
    url = f"https://app.example{path}"
    return dict(engine.explain({"method": method, "url": url, "headers": lower, "body": body}))


def _rules(asked: dict[str, Any]) -> set[str]:
    return {code.removeprefix("rule:") for code in asked["findings"] if code.startswith("rule:")}


@pytest.mark.parametrize("name", REFUSED)
def test_dangerous_bodies_are_refused(name: str, engine: Engine) -> None:
    """By the rule that is for the anomaly."""
    kind, body, rule = REFUSED[name]
    asked = ask(engine, "/v1/things", {"content-type": kind}, octets(body))
    assert asked["action"] == "block"
    assert rule in _rules(asked)


@pytest.mark.parametrize("name", PASSING)
def test_their_twins_pass(name: str, engine: Engine) -> None:
    """What only looks alike has no score."""
    kind, body = PASSING[name]
    asked = ask(engine, "/v1/things", {"content-type": kind}, octets(body))
    assert (asked["action"], _rules(asked)) == ("allow", set())


@pytest.mark.parametrize(
    "path",
    ["/public/..;/admin", "/public/%2e%2e;/admin", "/a/%2e%2e/b", "/a/..%2fb", "/a/..\\b", "/a%00.png"],
)
def test_hidden_steps_are_refused(path: str, engine: Engine) -> None:
    """However the step is spelled."""
    asked = ask(engine, path, {})
    assert asked["action"] == "block"
    assert "9530301" in _rules(asked)


@pytest.mark.parametrize(
    "path", ["/a/...", "/a/..b", "/a/b..", "/v1/cars;color=red/parts", "/a/.well-known/b"]
)
def test_dots_that_are_no_steps_pass(path: str, engine: Engine) -> None:
    """A segment that only holds dots is a name."""
    assert ask(engine, path, {})["action"] == "allow"


def test_what_cannot_be_decompressed_is_refused(engine: Engine) -> None:
    """An unknown encoding, and one that is not what it says; chunks of S3 are no compression."""
    plain = {"content-type": "application/json"}
    packed = gzip.compress(b'{"a": 1}')
    for encoding, body, action in (
        ("gzip", packed, "allow"),
        ("identity", b"{}", "allow"),
        ("gzip", b"\x00garbage", "block"),
        ("x-own", b"{}", "block"),
    ):
        asked = ask(engine, "/", {**plain, "content-encoding": encoding}, body)
        assert asked["action"] == action, encoding
    chunked = {"content-type": "application/octet-stream", "content-encoding": "aws-chunked"}
    assert ask(engine, "/b/k", chunked, b"3;chunk-signature=a\r\nabc\r\n")["action"] == "allow"


def test_many_conflicts_take_linear_time(engine: Engine) -> None:
    """Equal and different values of repeated keys in a large object are compared in a moment."""
    members = ",".join(f'"k{number % 5_000}": "{"v" * 20}"' for number in range(20_000))
    started = time.monotonic()
    asked = ask(engine, "/", {"content-type": "application/json"}, f"{{{members}}}".encode())
    assert time.monotonic() - started < 5
    assert "duplicate_json_key" in asked["anomalies"]
    assert "conflicting_json_key" not in asked["anomalies"]
