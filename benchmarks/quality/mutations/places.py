"""Places other than bodies: cookies, credentials, headers, segments of the path."""

from __future__ import annotations

import base64
import re
from typing import Any
from urllib.parse import quote

from benchmarks.quality.clients import Call, urlsafe
from benchmarks.quality.mutations.forms import dumped, get, mutation, q, raw


@mutation("places", "cookie, percent-encoded", "json value", "Express, PHP, Rails, Django no")
def _(text: str) -> Call:
    return get("/v1/items", (("cookie", f"session=4f1c; prefs={q(text)}; lang=en"),))


@mutation("places", "cookie in quotes", "json value", "Python, Java, Go", ordinary=False)
def _(text: str) -> Call:
    return get(
        "/v1/items",
        (("cookie", b'prefs="' + re.sub(rb"[\r\n\0]", b" ", raw(text)).replace(b'"', b'\\"') + b'"'),),
    )


@mutation("places", "second cookie header", "json value", "HTTP/2, all")
def _(text: str) -> Call:
    return get("/v1/items", (("cookie", "session=4f1c"), ("cookie", f"prefs={q(text)}")))


@mutation("places", "user of Basic credentials", "json value", "all")
def _(text: str) -> Call:
    return get(
        "/v1/me",
        (
            (
                "authorization",
                "Basic " + base64.b64encode(raw(text).replace(b":", b"%3A") + b":secret").decode(),
            ),
        ),
    )


@mutation("places", "password of Basic credentials", "json value", "all")
def _(text: str) -> Call:
    return get("/v1/me", (("authorization", "basic " + base64.b64encode(b"anna:" + raw(text)).decode()),))


@mutation("places", "JWT claim", "json value", "all that read claims")
def _(text: str) -> Call:
    return get("/v1/me", (("authorization", "Bearer " + _jwt({"alg": "HS256"}, {"sub": "7", "name": text})),))


@mutation("places", "JWT kid", "json value", "all that look up keys")
def _(text: str) -> Call:
    return get("/v1/me", (("authorization", "Bearer " + _jwt({"alg": "HS256", "kid": text}, {"sub": "7"})),))


@mutation("places", "JWT claim in a cookie", "json value", "sessions")
def _(text: str) -> Call:
    return get("/v1/me", (("cookie", "token=" + _jwt({"alg": "HS256"}, {"sub": "7", "name": text})),))


def _jwt(head: dict[str, Any], claims: dict[str, Any]) -> str:
    return ".".join([urlsafe(dumped(head)), urlsafe(dumped(claims)), urlsafe(bytes(range(100, 132)))])


@mutation("places", "bearer token as it is", "json value", "tokens that are looked up in a database")
def _(text: str) -> Call:
    return get("/v1/me", (("authorization", b"Bearer " + _field(text)),))


@mutation("places", "API key header", "json value", "keys that are looked up in a database")
def _(text: str) -> Call:
    return get("/v1/me", (("x-api-key", _field(text)),))


@mutation("places", "custom header", "json value", "all")
def _(text: str) -> Call:
    return get("/v1/me", (("x-tenant-name", _field(text)),))


@mutation("places", "custom header, percent-encoded", "json value", "whoever decodes it")
def _(text: str) -> Call:
    return get("/v1/me", (("x-tenant-name", q(text)),))


@mutation("places", "X-Forwarded-For", "json value", "logs, SQL of addresses")
def _(text: str) -> Call:
    return get("/v1/me", (("x-forwarded-for", _field(text)),))


@mutation("headers of browsers", "Accept-Language", "json value", "file names of translations")
def _(text: str) -> Call:
    return get("/v1/me", (("accept-language", _field(text)),))


@mutation("headers of browsers", "Referer", "json value", "logs, analytics")
def _(text: str) -> Call:
    return get("/v1/me", (("referer", f"https://app.example.com/?q={q(text)}"),))


@mutation("headers of browsers", "User-Agent", "json value", "logs, analytics")
def _(text: str) -> Call:
    return get("/v1/me", (("user-agent", b"Mozilla/5.0 " + _field(text)),))


def _field(text: str) -> bytes:
    return re.sub(rb"[\r\n\0]+", b" ", raw(text)).strip() or b"x"


@mutation("places", "path segment", "json value", "all")
def _(text: str) -> Call:
    return get(f"/v1/items/{q(text)}/reviews")


@mutation("places", "path segment, as little encoded as can be", "json value", "all")
def _(text: str) -> Call:
    return get("/v1/items/" + quote(raw(text), safe="~-._!$&'()*+,;=:@{}|^`<>\"") + "/reviews")


@mutation(
    "places",
    "path segment, percent twice",
    "path segment",
    "proxies and frameworks that decode again",
    ordinary=False,
)
def _(text: str) -> Call:
    return get(f"/v1/items/{q(q(text))}")


@mutation("places", "last path segment with an extension", "json value", "all")
def _(text: str) -> Call:
    return get(f"/v1/items/{q(text)}.json")


@mutation("places", "parameter of a path segment", "json value", "servlets, Spring's matrix variables")
def _(text: str) -> Call:
    return get(f"/v1/items;color={q(text)}/reviews")


@mutation("places", "fragment in the target", "query", "lenient servers", ordinary=False)
def _(text: str) -> Call:
    return get(f"/v1/items?q=a#{q(text)}")
