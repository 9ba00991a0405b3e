"""Repeated keys: servers take the first, the last, or both."""

from __future__ import annotations

from benchmarks.quality.clients import Call
from benchmarks.quality.mutations.forms import (
    FORM,
    dumped,
    get,
    multipart,
    mutation,
    part,
    post,
    q,
    raw,
)


@mutation(
    "repeated keys",
    "JSON, attack first",
    "json value",
    "Go (case), Erlang; most keep the last",
    ordinary=False,
)
def _(text: str) -> Call:
    return post(b'{"customer":' + dumped(text) + b',"customer":"hello"}')


@mutation("repeated keys", "JSON, attack last", "json value", "Python, Node, Java, PHP", ordinary=False)
def _(text: str) -> Call:
    return post(b'{"customer":"hello","customer":' + dumped(text) + b"}")


@mutation("repeated keys", "JSON, key escaped", "json value", "all", ordinary=False)
def _(text: str) -> Call:
    return post(b'{"customer":"hello","\\u0063ustomer":' + dumped(text) + b"}")


@mutation("repeated keys", "JSON, nested over a plain one", "json value", "all", ordinary=False)
def _(text: str) -> Call:
    return post(b'{"a":{"customer":"x"},"a":{"customer":' + dumped(text) + b"}}")


@mutation("repeated keys", "query, first", "query", "PHP last, Java first, ASP both")
def _(text: str) -> Call:
    return get(f"/v1/items?q={q(text)}&q=a&q=b")


@mutation("repeated keys", "query, last", "query", "PHP, Ruby")
def _(text: str) -> Call:
    return get(f"/v1/items?q=a&q=b&q={q(text)}")


@mutation("repeated keys", "form, last of 20", "form field", "PHP, Ruby")
def _(text: str) -> Call:
    return post(("q=a&" * 20 + f"q={q(text)}").encode(), FORM)


@mutation("repeated keys", "multipart, last", "multipart field", "PHP, Node's multer as a list")
def _(text: str) -> Call:
    return multipart(part("city", b"hello"), part("city", raw(text)))


@mutation("repeated keys", "cookie twice", "cookie", "all, first or last", ordinary=False)
def _(text: str) -> Call:
    return get("/v1/items", (("cookie", "q=a"), ("cookie", f"q={q(text)}")))


@mutation("repeated keys", "query and body", "form field", "PHP's $_REQUEST, Rails, servlets")
def _(text: str) -> Call:
    return post(f"q={q(text)}".encode(), FORM, target="/v1/messages?q=hello")
