"""Escapes of JSON, and JSON inside strings."""

from __future__ import annotations

import json
import string

from benchmarks.quality.clients import Call
from benchmarks.quality.mutations.forms import (
    FORM,
    JSON,
    dumped,
    get,
    multipart,
    mutation,
    part,
    post,
    q,
    u,
)


@mutation("json escapes", "\\u for every character", "json value", "all", escaped=True)
def _(text: str) -> Call:
    return post(f'{{"customer":"{u(text)}"}}'.encode())


@mutation("json escapes", "\\u in upper case for some", "json value", "all")
def _(text: str) -> Call:
    escaped = "".join(
        f"\\u{ord(c):04X}" if c in "<>'\"\\/;=( $" or c in string.ascii_letters[::3] else c
        for c in text
        if ord(c) < 0x80 and c >= " "
    )
    return post(f'{{"customer":"{escaped}"}}'.encode())


@mutation("json escapes", "\\/ for slashes", "json value", "all")
def _(text: str) -> Call:
    return post(b'{"customer":' + dumped(text).replace(b"/", b"\\/") + b"}")


@mutation("json escapes", "key in \\u", "json key", "all", escaped=True)
def _(text: str) -> Call:
    return post(f'{{"filter":{{"{u(text)}":1}}}}'.encode())


@mutation(
    "json escapes", "JSON in a JSON string", "json value", "whoever parses it: SNS, queues, metadata fields"
)
def _(text: str) -> Call:
    return post(dumped({"message": json.dumps({"customer": text, "n": 1})}))


@mutation("json escapes", "JSON in a JSON string, in \\u", "json value", "whoever parses it", escaped=True)
def _(text: str) -> Call:
    return post(dumped({"message": f'{{"customer":"{u(text)}","n":1}}'}))


@mutation("json escapes", "JSON in JSON in JSON, in \\u", "json value", "whoever parses it", escaped=True)
def _(text: str) -> Call:
    inner = f'{{"customer":"{u(text)}"}}'
    return post(dumped({"message": json.dumps({"inner": inner})}))


@mutation(
    "json escapes", "JSON in \\u in a form field", "form field", "whoever parses it: webhooks", escaped=True
)
def _(text: str) -> Call:
    return post(("payload=" + q(f'{{"customer":"{u(text)}"}}')).encode(), FORM)


@mutation(
    "json escapes",
    "JSON in \\u in the query",
    "query",
    "LoopBack, Waterline, GraphQL variables",
    escaped=True,
)
def _(text: str) -> Call:
    return get("/v1/items?filter=" + q(f'{{"where":{{"name":"{u(text)}"}}}}'))


@mutation(
    "json escapes",
    "JSON in \\u in a multipart field",
    "multipart field",
    "Spring's @RequestPart, GraphQL uploads",
    escaped=True,
)
def _(text: str) -> Call:
    return multipart(
        part("data", f'{{"customer":"{u(text)}"}}'.encode(), kind=JSON), part("file", b"hello", "a.txt")
    )


@mutation("json escapes", "JSON in \\u in a cookie", "cookie", "whoever parses it", escaped=True)
def _(text: str) -> Call:
    return get("/v1/items", (("cookie", "prefs=" + q(f'{{"name":"{u(text)}"}}')),))


@mutation("json escapes", "byte order mark before JSON", "json value", "Python (utf-8-sig), .NET, Node")
def _(text: str) -> Call:
    return post(b"\xef\xbb\xbf" + dumped({"customer": text}))


@mutation(
    "json escapes",
    "a second document behind the first",
    "json value",
    "Go's Decoder, jq, ijson",
    ordinary=False,
)
def _(text: str) -> Call:
    return post(b'{"a":1}' + dumped({"customer": text}))


@mutation(
    "json escapes",
    "comments and a trailing comma",
    "json value",
    "JSON5, Jackson and Json.NET as configured",
    ordinary=False,
)
def _(text: str) -> Call:
    return post(b'{/* x */"customer":' + dumped(text) + b",}")


@mutation(
    "json escapes",
    "an invalid value behind the attack",
    "json value",
    "streaming parsers act before they fail",
    ordinary=False,
)
def _(text: str) -> Call:
    return post(b'{"customer":' + dumped(text) + b',"x":truf}')
