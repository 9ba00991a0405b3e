"""Policies of an endpoint and conditions on values, met in every spelling that a server reads as the same thing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from benchmarks.quality.clients import Call, sent
from benchmarks.quality.mutations.forms import FORM, JSON, gql, multipart, part
from benchmarks.quality.sample import Sample, chance

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

CONFIG: Final = """
version: 1
node: quality
data_dir: ./var
listeners: [{name: public, address: "127.0.0.1:8080"}]
upstreams: [{name: api, addresses: ["127.0.0.1:9000"]}]
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
"""Policies alone: no rule may help."""

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
"""Spellings of `/v1/admin/users`, and which servers read them as it."""

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
"""Spellings that few servers read so, or that the listener refuses before: shown, and not in the share."""


def samples() -> Iterator[tuple[Sample, bool]]:
    """Requests that have to meet a policy, and ordinary ones beside them that must not: with what is expected."""
    for name, (path, _) in PATHS.items():
        yield _sent(f"path: {name}{' (rare)' if name in RARE else ''}", Call("GET", path)), True
        other = (
            path.replace("users", "7")
            .replace("61dmin", "73ecret")
            .replace("admin", "secret")
            .replace("ADMIN", "SECRET")
        )
        yield _sent(f"template: {name}{' (rare)' if name in RARE else ''}", Call("GET", other)), True
        yield (
            _sent(
                f"prefix: {name}{' (rare)' if name in RARE else ''}",
                Call("GET", path.replace("/v1", "/internal", 1)),
            ),
            True,
        )
    for path in (
        "/v4/projects/7/issues/3",
        "/v4/projects/group%2Fapp/issues/3",
        "/v4/projects/group%2Fsub%2Fapp/issues/3",
        "/v4/projects/a.b/issues/3",
        "/v4/projects/group%2fapp/issues/3",
    ):
        yield _sent(f"id: {path}", Call("GET", path)), True
    for path in (
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
    ):
        yield _sent(f"ordinary path: {path}", Call("GET", path)), False
    yield from _conditions()


def _conditions() -> Iterator[tuple[Sample, bool]]:
    target = "/v1/profile"
    bodies = {
        "json": (b'{"role":"admin"}', JSON), "json first": (b'{"role":"admin","role":"user"}', JSON), "json last": (b'{"role":"user","role":"admin"}', JSON),
        "json escaped key": (b'{"r\\u006fle":"admin"}', JSON), "json escaped value": (b'{"role":"\\u0061dmin"}', JSON),
        "json list": (b'{"role":["user","admin"]}', JSON), "json +json": (b'{"role":"admin"}', "application/vnd.x+json"),
        "json behind 1,000 leaves": (json.dumps({**{f"k{n}": n for n in range(1000)}, "role": "admin"}).encode(), JSON),
        "json behind 30,000 leaves": (json.dumps({**{f"k{n}": n for n in range(30_000)}, "role": "admin"}).encode(), JSON),
        "json behind 1 MB": (b'{"x":"' + b"a" * (1 << 20) + b'","role":"admin"}', JSON), "json behind blanks": (b" " * (1 << 20) + b'{"role":"admin"}', JSON),
        "json as text": (b'{"role":"admin"}', "text/plain"), "json without type": (b'{"role":"admin"}', ""),
        "form": (b"role=admin", FORM), "form first": (b"role=admin&role=user", FORM), "form last": (b"role=user&role=admin", FORM), "form encoded": (b"r%6fle=%61dmin", FORM),
        "form list": (b"role[]=admin", FORM), "form behind 10,000": (b"&".join(b"k%d=1" % n for n in range(10_000)) + b"&role=admin", FORM),
        "form behind 1 MB": (b"x=" + b"a" * (1 << 20) + b"&role=admin", FORM),
        "xml": (b"<profile><role>admin</role></profile>", "application/xml"),
        "ndjson": (b'{"role":"admin"}\n', "application/x-ndjson"),
    }  # fmt: skip
    for name, (body, kind) in bodies.items():
        rare = (
            " (rare)"
            if name in {"json list", "form list", "xml", "ndjson", "json as text", "json without type"}
            else ""
        )
        yield _sent(f"body: {name}{rare}", Call("POST", target, body, kind)), True
    yield _sent("body: multipart", multipart(part("role", b"admin"), target=target)), True
    yield (
        _sent(
            "body: multipart last", multipart(part("role", b"user"), part("role", b"admin"), target=target)
        ),
        True,
    )
    yield (
        _sent(
            "body: graphql variable (rare)",
            gql("mutation S($role: String) { s(role: $role) { id } }", {"role": "admin"}),
        ),
        True,
    )
    for name, query in {
        "as it is": "role=admin",
        "first": "role=admin&role=user",
        "last": "role=user&role=admin",
        "encoded": "r%6Fle=%61dmin",
        "upper hex": "role=%61%64min",
        "behind 1,000": "&".join(f"k{n}=1" for n in range(1000)) + "&role=admin",
        "semicolon (rare)": "a=1;role=admin",
        "list (rare)": "role[]=admin",
    }.items():
        yield _sent(f"query: {name}", Call("GET", f"/v1/items?{query}")), True
    for name, headers in {
        "as it is": (("x-role", "admin"),),
        "first": (("x-role", "admin"), ("x-role", "user")),
        "last": (("x-role", "user"), ("x-role", "admin")),
        "list (rare)": (("x-role", "user, admin"),),
        "underscore (rare)": (("x_role", "admin"),),
    }.items():
        yield _sent(f"header: {name}", Call("GET", "/v1/items", headers=headers)), True
    for name, headers in {
        "as it is": (("cookie", "role=admin"),),
        "first": (("cookie", "role=admin; role=user"),),
        "last": (("cookie", "role=user; role=admin"),),
        "second header": (("cookie", "a=1"), ("cookie", "role=admin")),
        "encoded": (("cookie", "role=%61dmin"),),
        "quoted": (("cookie", 'role="admin"'),),
        "behind 1,000": (("cookie", "; ".join(f"c{n}=1" for n in range(1000)) + "; role=admin"),),
        "name encoded (rare)": (("cookie", "r%6fle=admin"),),
    }.items():
        yield _sent(f"cookie: {name}", Call("GET", "/v1/items", headers=headers)), True
    for body, kind in (
        (b'{"role":"user","name":"admin"}', JSON),
        (b'{"roles":{"role":"x"},"text":"role=admin"}', JSON),
        (b"role=user&name=admin", FORM),
    ):
        yield _sent("ordinary body", Call("POST", target, body, kind)), False


def _sent(name: str, call: Call) -> Sample:
    return sent("bypasses", name, call, chance(name), "curl")
