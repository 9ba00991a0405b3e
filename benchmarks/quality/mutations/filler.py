"""Something long before the attack: 1,000 parameters, 10,000 leaves, 1 MB of filler."""

from __future__ import annotations

import gzip
import json
import re
from xml.sax.saxutils import escape

from benchmarks.quality.clients import Call
from benchmarks.quality.mutations.forms import (
    FORM,
    JSON,
    MIB,
    XML,
    dumped,
    get,
    gql,
    multipart,
    mutation,
    part,
    post,
    q,
    raw,
)


def _filler(count: int, between: str = "&") -> str:
    return between.join(f"p{number}={number}" for number in range(count))


@mutation("filler", "1,000 parameters before, query", "query", "all", ordinary=False)
def _(text: str) -> Call:
    return get(f"/v1/items?{_filler(1000)}&q={q(text)}")


@mutation("filler", "1,000 parameters before, form", "form field", "all")
def _(text: str) -> Call:
    return post(f"{_filler(1000)}&q={q(text)}".encode(), FORM)


@mutation(
    "filler",
    "10,000 parameters before, form",
    "form field",
    "Go, Java without limits, Node's querystring",
    ordinary=False,
    heavy=True,
)
def _(text: str) -> Call:
    return post(f"{_filler(10_000)}&q={q(text)}".encode(), FORM)


@mutation("filler", "1,000 cookies before", "cookie", "all but those that limit header size", ordinary=False)
def _(text: str) -> Call:
    return get(
        "/v1/items",
        (("cookie", "; ".join(f"c{number}={number}" for number in range(1000)) + f"; q={q(text)}"),),
    )


@mutation("filler", "80 headers before", "query", "all", ordinary=False)
def _(text: str) -> Call:
    return get(
        "/v1/items",
        (*((f"x-h{number}", "1") for number in range(80)), ("x-note", re.sub(rb"[\r\n\0]", b" ", raw(text)))),
    )


@mutation("filler", "1,000 leaves before, JSON", "json value", "all")
def _(text: str) -> Call:
    return post(dumped({"items": list(range(1000)), "customer": text}))


@mutation("filler", "10,000 leaves before, JSON", "json value", "all", heavy=True)
def _(text: str) -> Call:
    return post(dumped({"items": [{"id": number, "name": "a"} for number in range(5000)], "customer": text}))


@mutation("filler", "50,000 leaves before, JSON", "json value", "all", ordinary=False, heavy=True)
def _(text: str) -> Call:
    return post(dumped({"items": [{"i": number, "n": "a"} for number in range(25_000)], "customer": text}))


@mutation("filler", "1 MB of blanks before JSON", "json value", "all", ordinary=False, heavy=True)
def _(text: str) -> Call:
    return post(b" " * MIB + dumped({"customer": text}))


@mutation("filler", "1 MB of blanks inside JSON", "json value", "all", ordinary=False, heavy=True)
def _(text: str) -> Call:
    return post(b'{"a":1,' + b"\n" * MIB + b'"customer":' + dumped(text) + b"}")


@mutation("filler", "1 MB string before, JSON", "json value", "all", heavy=True)
def _(text: str) -> Call:
    return post(dumped({"image": "QUJD" * (MIB // 4), "customer": text}))


@mutation("filler", "1 MB string with an attack at its end", "json value", "all", heavy=True, ordinary=False)
def _(text: str) -> Call:
    return post(dumped({"customer": "a" * MIB + " " + text}))


@mutation("filler", "64 levels deep", "json value", "all")
def _(text: str) -> Call:
    return post(b'{"a":' * 60 + dumped({"customer": text}) + b"}" * 60)


@mutation("filler", "500 levels deep", "json value", "Python, Java, Node", ordinary=False)
def _(text: str) -> Call:
    return post(b'{"a":' * 500 + dumped({"customer": text}) + b"}" * 500)


@mutation("filler", "500 levels deep before", "json value", "Python, Java, Node", ordinary=False)
def _(text: str) -> Call:
    return post(b'{"x":' + b"[" * 500 + b"]" * 500 + b',"customer":' + dumped(text) + b"}")


@mutation(
    "filler",
    "1 MB value before, form",
    "form field",
    "all but those that limit forms",
    ordinary=False,
    heavy=True,
)
def _(text: str) -> Call:
    return post(b"a=" + b"x" * MIB + f"&q={q(text)}".encode(), FORM)


@mutation(
    "filler",
    "1 MB of & before, form",
    "form field",
    "all but those that limit forms",
    ordinary=False,
    heavy=True,
)
def _(text: str) -> Call:
    return post(b"&" * MIB + f"q={q(text)}".encode(), FORM)


@mutation("filler", "1 MB file before, multipart", "multipart field", "all", heavy=True)
def _(text: str) -> Call:
    return multipart(part("file", b"\x89PNG" + bytes(range(256)) * 4096, "a.png"), part("city", raw(text)))


@mutation("filler", "4 MB file before, multipart", "multipart field", "all", heavy=True)
def _(text: str) -> Call:
    return multipart(part("file", b"\x89PNG" + bytes(range(256)) * 16384, "a.png"), part("city", raw(text)))


@mutation(
    "filler", "1,000 parts before, multipart", "multipart field", "Go, Java, PHP to its limit", ordinary=False
)
def _(text: str) -> Call:
    return multipart(*(part(f"p{number}", b"1") for number in range(1000)), part("city", raw(text)))


@mutation("filler", "1 MB preamble, multipart", "multipart field", "all", ordinary=False, heavy=True)
def _(text: str) -> Call:
    call = multipart(part("city", raw(text)))
    return post(b"x" * MIB + b"\r\n" + call.body, call.content_type)


@mutation("filler", "1 MB comment before, XML", "xml text", "all", ordinary=False, heavy=True)
def _(text: str) -> Call:
    return post(raw(f"<o><!--{'x' * MIB}--><customer>{escape(text)}</customer></o>"), XML)


@mutation("filler", "10,000 elements before, XML", "xml text", "all", heavy=True)
def _(text: str) -> Call:
    return post(raw(f"<o>{'<i>1</i>' * 10_000}<customer>{escape(text)}</customer></o>"), XML)


@mutation("filler", "500 elements deep, XML", "xml text", "all but libxml2's limit of 256", ordinary=False)
def _(text: str) -> Call:
    return post(raw(f"{'<a>' * 250}{escape(text)}{'</a>' * 250}"), XML)


@mutation(
    "filler",
    "1 MB comment before, GraphQL",
    "graphql argument",
    "graphql-js, graphql-java",
    ordinary=False,
    heavy=True,
)
def _(text: str) -> Call:
    return gql(f"#{'x' * MIB}\nmutation {{ save(city: {json.dumps(text, ensure_ascii=False)}) {{ id }} }}")


@mutation(
    "filler", "1,000 aliases before, GraphQL", "graphql argument", "graphql-js, graphql-java", ordinary=False
)
def _(text: str) -> Call:
    many = " ".join(f"a{number}: item(id: {number}) {{ id }}" for number in range(1000))
    return gql(f"{{ {many} x: find(city: {json.dumps(text, ensure_ascii=False)}) {{ id }} }}")


@mutation(
    "filler",
    "8 MB of blanks, compressed, before JSON",
    "json value",
    "Express, Spring, Go behind a decompressing proxy",
    ordinary=False,
    heavy=True,
)
def _(text: str) -> Call:
    return post(
        gzip.compress(b" " * (8 * MIB) + dumped({"customer": text}), mtime=0),
        JSON,
        (("content-encoding", "gzip"),),
    )


@mutation(
    "filler",
    "200 KB long line of a query before",
    "query",
    "all but those that limit targets",
    ordinary=False,
    heavy=True,
)
def _(text: str) -> Call:
    return get(f"/v1/items?a={'x' * 50_000}&q={q(text)}")
