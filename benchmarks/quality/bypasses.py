"""Spellings that a server reads as the same thing: none of them may pass a policy of an endpoint or a condition."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from benchmarks.quality.clients import Call, sent
from benchmarks.quality.judge import HEAD
from benchmarks.quality.mutations.forms import FORM, JSON, gql, multipart, part
from benchmarks.quality.sample import Headers, Sample, chance

DOCUMENT: Final = {
    "openapi": "3.0.3",
    "info": {"title": "quality", "version": "1"},
    "paths": {
        path: {method: {"responses": {"200": {"description": "ok"}}} for method in methods}
        for path, methods in {
            "/v1/admin/users": ("get",),
            "/v1/secret/{id}": ("get",),
            "/v1/public/{file}": ("get",),
            "/v4/projects/{id}/issues/{iid}": ("get",),
            "/v1/profile": ("post", "put"),
            "/v1/items": ("get",),
        }.items()
    },
}

CONFIG: Final = (
    HEAD
    + """\
apis: [{name: api, upstream: api, openapi: openapi.json}]
rules: {sets: [], api_rules: false}
policies:
  - {name: admin, endpoints: ["GET /v1/admin/users"], action: block, mode: enforce}
  - {name: secret, when: 'endpoint.path == "/v1/secret/{id}"', action: block, mode: enforce}
  - {name: issues, when: 'endpoint.path == "/v4/projects/{id}/issues/{iid}"', action: block, mode: enforce}
  - {name: path, when: 'request.path.startsWith("/internal/")', action: block, mode: enforce}
  - {name: body, when: '"role" in request.body && request.body["role"] == "admin"', action: block, mode: enforce}
  - {name: query, when: '"role" in request.query && request.query["role"] == "admin"', action: block, mode: enforce}
  - {name: header, when: '"x-role" in request.headers && request.headers["x-role"] == "admin"', action: block, mode: enforce}
  - {name: cookie, when: '"role" in request.cookies && request.cookies["role"] == "admin"', action: block, mode: enforce}
"""
)
"""Only policies decide here: no rule may help them."""

PATHS: Final[dict[str, tuple[str, str]]] = {
    "as it is": ("/v1/admin/users", "all"),
    "encoded letter": ("/v1/%61dmin/users", "all"),
    "encoded slash": ("/v1/admin%2Fusers", "servlets that allow it, Node, Flask behind WSGI"),
    "encoded slash, lower case": ("/v1%2fadmin/users", "the same"),
    "encoded backslash": ("/v1/admin%5Cusers", "IIS, Tomcat that allows it"),
    "backslash": ("/v1/admin\\users", "IIS, WHATWG URL"),
    "doubled slash": ("/v1//admin/users", "nginx, Apache, servlets"),
    "trailing slash": ("/v1/admin/users/", "Express, Spring, Rails"),
    "dot segment": ("/v1/./admin/users", "all that normalise"),
    "parent segment": ("/v1/public/../admin/users", "all that normalise"),
    "encoded parent segment": ("/v1/public/%2e%2e/admin/users", "all that normalise"),
    "parent behind encoded slash": ("/v1/public/x%2f../../admin/users", "servers that decode before they normalise"),
    "path parameter": ("/v1/admin;x=1/users", "servlets, Spring"),
    "path parameter at the end": ("/v1/admin/users;jsessionid=1", "servlets, Spring"),
    "empty path parameter": ("/v1/admin;/users", "servlets"),
    "segment of a semicolon": ("/v1/;/admin/users", "servlets"),
    "parent with a parameter": ("/v1/public/..;/admin/users", "Tomcat, Jetty behind a proxy"),
    "encoded parent with a parameter": ("/v1/public/%2e%2e;/admin/users", "Tomcat, Jetty behind a proxy"),
    "parent with a named parameter": ("/v1/public/..;a=b/admin/users", "Tomcat, Jetty behind a proxy"),
    "encoded twice": ("/v1/%2561dmin/users", "proxies that decode again"),
    "slash encoded twice": ("/v1/admin%252Fusers", "proxies that decode again"),
    "overlong slash": ("/v1/admin%c0%afusers", "old Java"),
    "encoded question mark": ("/v1/admin/users%3Fx=1", "servers that decode before they split"),
    "empty query": ("/v1/admin/users?", "all"),
    "fragment": ("/v1/admin/users#x", "lenient servers"),
    "encoded fragment": ("/v1/admin/users%23x", "servers that decode before they split"),
    "extension": ("/v1/admin/users.json", "Rails, Spring's suffix patterns"),
    "upper case": ("/v1/ADMIN/users", "IIS, Express by default"),
    "trailing blank": ("/v1/admin/users%20", "Express no, IIS, Flask no"),
    "trailing dot": ("/v1/admin/users.", "IIS"),
    "NUL at the end": ("/v1/admin/users%00", "C strings"),
    "absolute form": ("https://api.example.com/v1/admin/users", "all (RFC 9112, 3.2.2)"),
    "tab": ("/v1/admin%09/users", "WHATWG URL"),
    "full width solidus": ("/v1/admin%EF%BC%8Fusers", "NFKC"),
}  # fmt: skip
"""Spellings of `/v1/admin/users`, and the servers that read them as this path."""

RARE: Final = frozenset(
    {
        "extension",
        "upper case",
        "trailing blank",
        "trailing dot",
        "NUL at the end",
        "full width solidus",
        "overlong slash",
        "tab",
        "fragment",
        "encoded fragment",
        "encoded question mark",
        "absolute form",
    }
)
"""Spellings that few servers read so, or that the listener refuses anyway: they are shown, but do not count in the share."""


IDS: Final = (
    "/v4/projects/7/issues/3",
    "/v4/projects/group%2Fapp/issues/3",
    "/v4/projects/group%2Fsub%2Fapp/issues/3",
    "/v4/projects/a.b/issues/3",
    "/v4/projects/group%2fapp/issues/3",
)
"""Paths whose first parameter is an id, some with an encoded slash in it: all of one endpoint."""

ORDINARY_PATHS: Final = (
    "/v1/items",
    "/v1/items?next=%2Fv1%2Fadmin%2Fusers",
    "/v1/public/admin",
    "/v1/public/users.txt",
    "/v1/public/a%2Fb",
    "/v1/public/a;v=1",
    "/v1/public/x..y",
    "/v1/public/administrator",
    "/v1/administrators",
    "/v1/public/internal",
)
"""Paths that look a little like those above, and that no policy is about."""

PROFILE: Final = "/v1/profile"


def samples() -> Iterator[tuple[Sample, bool]]:
    """Requests with what is expected: those that must meet a policy, and ordinary ones beside them that must not."""
    for name, (path, _) in PATHS.items():
        said = name + _rare(name, RARE)
        yield _sent(f"path: {said}", Call("GET", path)), True
        yield _sent(f"template: {said}", Call("GET", _below_secret(path))), True
        yield _sent(f"prefix: {said}", Call("GET", path.replace("/v1", "/internal", 1))), True
    for path in IDS:
        yield _sent(f"id: {path}", Call("GET", path)), True
    for path in ORDINARY_PATHS:
        yield _sent(f"ordinary path: {path}", Call("GET", path)), False
    yield from _conditions()


def _below_secret(path: str) -> str:
    """The same spelling of `/v1/secret/7`, a path with a parameter."""
    path = path.replace("users", "7").replace("61dmin", "73ecret")
    return path.replace("admin", "secret").replace("ADMIN", "SECRET")


Body = tuple[bytes, str]
"""A body and its `Content-Type`."""


def _json_bodies() -> dict[str, Body]:
    """JSON in which `role` is `admin` to a server that reads it."""
    return {
        "json": (b'{"role":"admin"}', JSON), "json first": (b'{"role":"admin","role":"user"}', JSON), "json last": (b'{"role":"user","role":"admin"}', JSON),
        "json escaped key": (b'{"r\\u006fle":"admin"}', JSON), "json escaped value": (b'{"role":"\\u0061dmin"}', JSON),
        "json list": (b'{"role":["user","admin"]}', JSON), "json +json": (b'{"role":"admin"}', "application/vnd.x+json"),
        "json behind 1,000 leaves": (json.dumps({**{f"k{n}": n for n in range(1000)}, "role": "admin"}).encode(), JSON),
        "json behind 30,000 leaves": (json.dumps({**{f"k{n}": n for n in range(30_000)}, "role": "admin"}).encode(), JSON),
        "json behind 1 MB": (b'{"x":"' + b"a" * (1 << 20) + b'","role":"admin"}', JSON), "json behind blanks": (b" " * (1 << 20) + b'{"role":"admin"}', JSON),
        "json as text": (b'{"role":"admin"}', "text/plain"), "json without type": (b'{"role":"admin"}', ""),
    }  # fmt: skip


def _other_bodies() -> dict[str, Body]:
    """Forms, XML and lines of JSON of which the same is true."""
    return {
        "form": (b"role=admin", FORM), "form first": (b"role=admin&role=user", FORM), "form last": (b"role=user&role=admin", FORM), "form encoded": (b"r%6fle=%61dmin", FORM),
        "form list": (b"role[]=admin", FORM), "form behind 10,000": (b"&".join(b"k%d=1" % n for n in range(10_000)) + b"&role=admin", FORM),
        "form behind 1 MB": (b"x=" + b"a" * (1 << 20) + b"&role=admin", FORM),
        "xml": (b"<profile><role>admin</role></profile>", "application/xml"),
        "ndjson": (b'{"role":"admin"}\n', "application/x-ndjson"),
    }  # fmt: skip


QUERIES: Final = {
    "as it is": "role=admin",
    "first": "role=admin&role=user",
    "last": "role=user&role=admin",
    "encoded": "r%6Fle=%61dmin",
    "upper hex": "role=%61%64min",
    "behind 1,000": "&".join(f"k{n}=1" for n in range(1000)) + "&role=admin",
    "semicolon (rare)": "a=1;role=admin",
    "list (rare)": "role[]=admin",
}
"""Queries in which `role` is `admin` to some server."""

HEADERS: Final[dict[str, Headers]] = {
    "as it is": (("x-role", "admin"),),
    "first": (("x-role", "admin"), ("x-role", "user")),
    "last": (("x-role", "user"), ("x-role", "admin")),
    "list (rare)": (("x-role", "user, admin"),),
    "underscore (rare)": (("x_role", "admin"),),
}
"""Headers in which `x-role` is `admin` to some server."""

COOKIES: Final[dict[str, Headers]] = {
    "as it is": (("cookie", "role=admin"),),
    "first": (("cookie", "role=admin; role=user"),),
    "last": (("cookie", "role=user; role=admin"),),
    "second header": (("cookie", "a=1"), ("cookie", "role=admin")),
    "encoded": (("cookie", "role=%61dmin"),),
    "quoted": (("cookie", 'role="admin"'),),
    "behind 1,000": (("cookie", "; ".join(f"c{n}=1" for n in range(1000)) + "; role=admin"),),
    "name encoded (rare)": (("cookie", "r%6fle=admin"),),
}
"""Cookies in which `role` is `admin` to some server."""

RARE_BODIES: Final = frozenset(
    {"json list", "form list", "xml", "ndjson", "json as text", "json without type"}
)
"""Bodies that few servers read so: they are shown, but do not count in the share."""

ORDINARY_BODIES: Final[tuple[Body, ...]] = (
    (b'{"role":"user","name":"admin"}', JSON),
    (b'{"roles":{"role":"x"},"text":"role=admin"}', JSON),
    (b"role=user&name=admin", FORM),
)


def _body_calls() -> Iterator[tuple[str, Call]]:
    for name, (body, kind) in {**_json_bodies(), **_other_bodies()}.items():
        yield name + _rare(name, RARE_BODIES), Call("POST", PROFILE, body, kind)
    yield "multipart", multipart(part("role", b"admin"), target=PROFILE)
    yield "multipart last", multipart(part("role", b"user"), part("role", b"admin"), target=PROFILE)
    yield (
        "graphql variable (rare)",
        gql("mutation S($role: String) { s(role: $role) { id } }", {"role": "admin"}),
    )


def _conditions() -> Iterator[tuple[Sample, bool]]:
    """Requests with `admin` in every place that a condition can name, and ordinary ones."""
    for name, call in _body_calls():
        yield _sent(f"body: {name}", call), True
    for name, query in QUERIES.items():
        yield _sent(f"query: {name}", Call("GET", f"/v1/items?{query}")), True
    for kind, listed in (("header", HEADERS), ("cookie", COOKIES)):
        for name, headers in listed.items():
            yield _sent(f"{kind}: {name}", Call("GET", "/v1/items", headers=headers)), True
    for body, content_type in ORDINARY_BODIES:
        yield _sent("ordinary body", Call("POST", PROFILE, body, content_type)), False


def _rare(name: str, rare: frozenset[str]) -> str:
    return " (rare)" if name in rare else ""


def _sent(name: str, call: Call) -> Sample:
    return sent("bypasses", name, call, chance(name), "curl")
