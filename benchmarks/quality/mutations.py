"""Forms in which an attack arrives without looking like itself, each as some common server would read it.

A mutation puts a text into a request. Evasions are counted among texts that are found in plain in the place that the
mutation names. Where the form as such is ordinary traffic, a harmless text in it has to pass.
"""

from __future__ import annotations

import base64
import gzip
import json
import random
import re
import string
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from backports import zstd

from benchmarks.quality.clients import Call, urlsafe
from benchmarks.quality.sample import Headers

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
XML: Final = "application/xml"
MIB: Final = 1 << 20

Make = Callable[[str], Call]


@dataclass(frozen=True, slots=True)
class Mutation:
    """A form.

    Attributes:
        group: what it is about, as rows call it.
        plain: the place of `attacks.PLACES` in which a text has to be found to count.
        decoded_by: servers that read the text out of this form.
        make: the request with a text in it.
        ordinary: requests of this form are ordinary, so a harmless text in it has to pass.
        heavy: it is large, so few texts are tried.
    """

    group: str
    name: str
    plain: str
    decoded_by: str
    make: Make
    ordinary: bool = True
    heavy: bool = False


ALL: Final[list[Mutation]] = []


def mutation(
    group: str, name: str, plain: str, decoded_by: str, *, ordinary: bool = True, heavy: bool = False
) -> Callable[[Make], Make]:
    """Enter a function into the list of mutations."""

    def enter(make: Make) -> Make:
        ALL.append(Mutation(group, name, plain, decoded_by, make, ordinary, heavy))
        return make

    return enter


def raw(text: str) -> bytes:
    """The bytes of a text; those that are no UTF-8 are carried as surrogates."""
    return text.encode("utf-8", "surrogateescape")


def dumped(value: Any) -> bytes:
    """JSON with letters of all scripts as they are."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogateescape")


def q(text: str | bytes) -> str:
    """Percent-encoded, everything but letters and digits."""
    return quote(raw(text) if isinstance(text, str) else text, safe="")


def post(body: bytes, kind: str = JSON, headers: Headers = (), target: str = "/v1/orders") -> Call:
    """A request with a body."""
    return Call("POST", target, body, kind, headers)


def get(target: str, headers: Headers = ()) -> Call:
    """A request without one."""
    return Call("GET", target, headers=headers)


def every(text: str, form: str) -> str:
    """Each character in a form such as `\\\\u{:04x}`; those outside the BMP as two."""
    units = text.encode("utf-16-be", "surrogatepass")
    return "".join(form.format(int.from_bytes(units[at : at + 2])) for at in range(0, len(units), 2))


def u(text: str) -> str:
    """Each character as an escape of JSON."""
    return every(text, "\\u{:04x}")


# --- filler: 1,000 parameters, 10,000 leaves, 1 MB of something before the attack ---


def _filler(count: int, between: str = "&") -> str:
    return between.join(f"p{number}={number}" for number in range(count))


@mutation("filler", "1,000 parameters before, query", "query", "all", ordinary=False)
def _(text: str) -> Call:
    return get(f"/v1/items?{_filler(1000)}&q={q(text)}")


@mutation("filler", "1,000 parameters before, form", "form field", "all")
def _(text: str) -> Call:
    return post(f"{_filler(1000)}&q={q(text)}".encode(), FORM)


@mutation("filler", "10,000 parameters before, form", "form field", "Go, Java without limits, Node's querystring", ordinary=False, heavy=True)
def _(text: str) -> Call:
    return post(f"{_filler(10_000)}&q={q(text)}".encode(), FORM)


@mutation("filler", "1,000 cookies before", "cookie", "all but those that limit header size", ordinary=False)
def _(text: str) -> Call:
    return get("/v1/items", (("cookie", "; ".join(f"c{number}={number}" for number in range(1000)) + f"; q={q(text)}"),))


@mutation("filler", "80 headers before", "query", "all", ordinary=False)
def _(text: str) -> Call:
    return get("/v1/items", (*((f"x-h{number}", "1") for number in range(80)), ("x-note", re.sub(rb"[\r\n\0]", b" ", raw(text)))))


@mutation("filler", "1,000 leaves before, JSON", "json value", "all")
def _(text: str) -> Call:
    return post(dumped({"items": list(range(1000)), "note": text}))


@mutation("filler", "10,000 leaves before, JSON", "json value", "all", heavy=True)
def _(text: str) -> Call:
    return post(dumped({"items": [{"id": number, "name": "a"} for number in range(5000)], "note": text}))


@mutation("filler", "50,000 leaves before, JSON", "json value", "all", ordinary=False, heavy=True)
def _(text: str) -> Call:
    return post(dumped({"items": [{"i": number, "n": "a"} for number in range(25_000)], "note": text}))


@mutation("filler", "1 MB of blanks before JSON", "json value", "all", ordinary=False, heavy=True)
def _(text: str) -> Call:
    return post(b" " * MIB + dumped({"note": text}))


@mutation("filler", "1 MB of blanks inside JSON", "json value", "all", ordinary=False, heavy=True)
def _(text: str) -> Call:
    return post(b'{"a":1,' + b"\n" * MIB + b'"note":' + dumped(text) + b"}")


@mutation("filler", "1 MB string before, JSON", "json value", "all", heavy=True)
def _(text: str) -> Call:
    return post(dumped({"image": "QUJD" * (MIB // 4), "note": text}))


@mutation("filler", "1 MB string with an attack at its end", "json value", "all", heavy=True, ordinary=False)
def _(text: str) -> Call:
    return post(dumped({"note": "a" * MIB + " " + text}))


@mutation("filler", "64 levels deep", "json value", "all")
def _(text: str) -> Call:
    return post(b'{"a":' * 60 + dumped({"note": text}) + b"}" * 60)


@mutation("filler", "500 levels deep", "json value", "Python, Java, Node", ordinary=False)
def _(text: str) -> Call:
    return post(b'{"a":' * 500 + dumped({"note": text}) + b"}" * 500)


@mutation("filler", "500 levels deep before", "json value", "Python, Java, Node", ordinary=False)
def _(text: str) -> Call:
    return post(b'{"x":' + b"[" * 500 + b"]" * 500 + b',"note":' + dumped(text) + b"}")


@mutation("filler", "1 MB value before, form", "form field", "all but those that limit forms", ordinary=False, heavy=True)
def _(text: str) -> Call:
    return post(b"a=" + b"x" * MIB + f"&q={q(text)}".encode(), FORM)


@mutation("filler", "1 MB of & before, form", "form field", "all but those that limit forms", ordinary=False, heavy=True)
def _(text: str) -> Call:
    return post(b"&" * MIB + f"q={q(text)}".encode(), FORM)


@mutation("filler", "1 MB file before, multipart", "multipart field", "all", heavy=True)
def _(text: str) -> Call:
    return multipart(part("file", b"\x89PNG" + bytes(range(256)) * 4096, "a.png"), part("text", raw(text)))


@mutation("filler", "4 MB file before, multipart", "multipart field", "all", heavy=True)
def _(text: str) -> Call:
    return multipart(part("file", b"\x89PNG" + bytes(range(256)) * 16384, "a.png"), part("text", raw(text)))


@mutation("filler", "1,000 parts before, multipart", "multipart field", "Go, Java, PHP to its limit", ordinary=False)
def _(text: str) -> Call:
    return multipart(*(part(f"p{number}", b"1") for number in range(1000)), part("text", raw(text)))


@mutation("filler", "1 MB preamble, multipart", "multipart field", "all", ordinary=False, heavy=True)
def _(text: str) -> Call:
    call = multipart(part("text", raw(text)))
    return post(b"x" * MIB + b"\r\n" + call.body, call.content_type)


@mutation("filler", "1 MB comment before, XML", "xml text", "all", ordinary=False, heavy=True)
def _(text: str) -> Call:
    return post(raw(f"<o><!--{'x' * MIB}--><note>{escape(text)}</note></o>"), XML)


@mutation("filler", "10,000 elements before, XML", "xml text", "all", heavy=True)
def _(text: str) -> Call:
    return post(raw(f"<o>{'<i>1</i>' * 10_000}<note>{escape(text)}</note></o>"), XML)


@mutation("filler", "500 elements deep, XML", "xml text", "all but libxml2's limit of 256", ordinary=False)
def _(text: str) -> Call:
    return post(raw(f"{'<a>' * 250}{escape(text)}{'</a>' * 250}"), XML)


@mutation("filler", "1 MB comment before, GraphQL", "graphql argument", "graphql-js, graphql-java", ordinary=False, heavy=True)
def _(text: str) -> Call:
    return gql(f"#{'x' * MIB}\nmutation {{ save(text: {json.dumps(text, ensure_ascii=False)}) {{ id }} }}")


@mutation("filler", "1,000 aliases before, GraphQL", "graphql argument", "graphql-js, graphql-java", ordinary=False)
def _(text: str) -> Call:
    many = " ".join(f"a{number}: item(id: {number}) {{ id }}" for number in range(1000))
    return gql(f"{{ {many} x: find(text: {json.dumps(text, ensure_ascii=False)}) {{ id }} }}")


@mutation("filler", "8 MB of blanks, compressed, before JSON", "json value", "Express, Spring, Go behind a decompressing proxy", ordinary=False, heavy=True)
def _(text: str) -> Call:
    return post(gzip.compress(b" " * (8 * MIB) + dumped({"note": text}), mtime=0), JSON, (("content-encoding", "gzip"),))


@mutation("filler", "200 KB long line of a query before", "query", "all but those that limit targets", ordinary=False, heavy=True)
def _(text: str) -> Call:
    return get(f"/v1/items?a={'x' * 50_000}&q={q(text)}")


# --- keys that come twice ---


@mutation("repeated keys", "JSON, attack first", "json value", "Go (case), Erlang; most keep the last", ordinary=False)
def _(text: str) -> Call:
    return post(b'{"note":' + dumped(text) + b',"note":"hello"}')


@mutation("repeated keys", "JSON, attack last", "json value", "Python, Node, Java, PHP", ordinary=False)
def _(text: str) -> Call:
    return post(b'{"note":"hello","note":' + dumped(text) + b"}")


@mutation("repeated keys", "JSON, key escaped", "json value", "all", ordinary=False)
def _(text: str) -> Call:
    return post(b'{"note":"hello","\\u006eote":' + dumped(text) + b"}")


@mutation("repeated keys", "JSON, nested over a plain one", "json value", "all", ordinary=False)
def _(text: str) -> Call:
    return post(b'{"a":{"note":"x"},"a":{"note":' + dumped(text) + b"}}")


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
    return multipart(part("text", b"hello"), part("text", raw(text)))


@mutation("repeated keys", "cookie twice", "cookie", "all, first or last", ordinary=False)
def _(text: str) -> Call:
    return get("/v1/items", (("cookie", "q=a"), ("cookie", f"q={q(text)}")))


@mutation("repeated keys", "query and body", "form field", "PHP's $_REQUEST, Rails, servlets")
def _(text: str) -> Call:
    return post(f"q={q(text)}".encode(), FORM, target="/v1/messages?q=hello")


# --- escapes of JSON ---


@mutation("json escapes", "\\u for every character", "json value", "all")
def _(text: str) -> Call:
    return post(f'{{"note":"{u(text)}"}}'.encode())


@mutation("json escapes", "\\u in upper case for some", "json value", "all")
def _(text: str) -> Call:
    escaped = "".join(f"\\u{ord(c):04X}" if c in "<>'\"\\/;=( $" or c in string.ascii_letters[::3] else c for c in text if ord(c) < 0x80 and c >= " ")
    return post(f'{{"note":"{escaped}"}}'.encode())


@mutation("json escapes", "\\/ for slashes", "json value", "all")
def _(text: str) -> Call:
    return post(b'{"note":' + dumped(text).replace(b"/", b"\\/") + b"}")


@mutation("json escapes", "key in \\u", "json key", "all")
def _(text: str) -> Call:
    return post(f'{{"filter":{{"{u(text)}":1}}}}'.encode())


@mutation("json escapes", "JSON in a JSON string", "json value", "whoever parses it: SNS, queues, metadata fields")
def _(text: str) -> Call:
    return post(dumped({"message": json.dumps({"note": text, "n": 1})}))


@mutation("json escapes", "JSON in a JSON string, in \\u", "json value", "whoever parses it")
def _(text: str) -> Call:
    return post(dumped({"message": f'{{"note":"{u(text)}","n":1}}'}))


@mutation("json escapes", "JSON in JSON in JSON, in \\u", "json value", "whoever parses it")
def _(text: str) -> Call:
    inner = f'{{"note":"{u(text)}"}}'
    return post(dumped({"message": json.dumps({"inner": inner})}))


@mutation("json escapes", "JSON in \\u in a form field", "form field", "whoever parses it: webhooks")
def _(text: str) -> Call:
    return post(("payload=" + q(f'{{"note":"{u(text)}"}}')).encode(), FORM)


@mutation("json escapes", "JSON in \\u in the query", "query", "LoopBack, Waterline, GraphQL variables")
def _(text: str) -> Call:
    return get("/v1/items?filter=" + q(f'{{"where":{{"name":"{u(text)}"}}}}'))


@mutation("json escapes", "JSON in \\u in a multipart field", "multipart field", "Spring's @RequestPart, GraphQL uploads")
def _(text: str) -> Call:
    return multipart(part("data", f'{{"note":"{u(text)}"}}'.encode(), kind=JSON), part("file", b"hello", "a.txt"))


@mutation("json escapes", "JSON in \\u in a cookie", "cookie", "whoever parses it")
def _(text: str) -> Call:
    return get("/v1/items", (("cookie", "prefs=" + q(f'{{"name":"{u(text)}"}}')),))


@mutation("json escapes", "byte order mark before JSON", "json value", "Python (utf-8-sig), .NET, Node")
def _(text: str) -> Call:
    return post(b"\xef\xbb\xbf" + dumped({"note": text}))


@mutation("json escapes", "a second document behind the first", "json value", "Go's Decoder, jq, ijson", ordinary=False)
def _(text: str) -> Call:
    return post(b'{"a":1}' + dumped({"note": text}))


@mutation("json escapes", "comments and a trailing comma", "json value", "JSON5, Jackson and Json.NET as configured", ordinary=False)
def _(text: str) -> Call:
    return post(b'{/* x */"note":' + dumped(text) + b",}")


@mutation("json escapes", "an invalid value behind the attack", "json value", "streaming parsers act before they fail", ordinary=False)
def _(text: str) -> Call:
    return post(b'{"note":' + dumped(text) + b',"x":truf}')


# --- Base64 and hex ---


def b64(text: str) -> str:
    """Base64 with padding."""
    return base64.b64encode(raw(text)).decode()


@mutation("base64", "JSON value", "json value", "whoever decodes it: Kubernetes secrets, mail, messages")
def _(text: str) -> Call:
    return post(dumped({"data": b64(text)}))


@mutation("base64", "JSON value without padding", "json value", "whoever decodes it")
def _(text: str) -> Call:
    return post(dumped({"data": b64(text).rstrip("=")}))


@mutation("base64", "JSON value, URL-safe", "json value", "whoever decodes it")
def _(text: str) -> Call:
    return post(dumped({"data": urlsafe(raw(text))}))


@mutation("base64", "JSON value in lines of 76", "json value", "MIME decoders")
def _(text: str) -> Call:
    return post(dumped({"data": base64.encodebytes(raw(text + " " * 80)).decode()}))


@mutation("base64", "data: URL in JSON", "json value", "whoever decodes it: avatars")
def _(text: str) -> Call:
    return post(dumped({"avatar": "data:text/plain;base64," + b64(text)}))


@mutation("base64", "query", "query", "whoever decodes it: cursors, states")
def _(text: str) -> Call:
    return get(f"/v1/items?cursor={q(b64(text))}")


@mutation("base64", "query, URL-safe without padding", "query", "whoever decodes it")
def _(text: str) -> Call:
    return get(f"/v1/items?cursor={urlsafe(raw(text))}")


@mutation("base64", "form", "form field", "whoever decodes it: SAML, Mixpanel")
def _(text: str) -> Call:
    return post(f"data={q(b64(text))}".encode(), FORM)


@mutation("base64", "cookie", "cookie", "whoever decodes it: sessions")
def _(text: str) -> Call:
    return get("/v1/items", (("cookie", f"prefs={q(b64(text))}"),))


@mutation("base64", "JSON in it, JSON value", "json value", "whoever decodes it")
def _(text: str) -> Call:
    return post(dumped({"state": b64(json.dumps({"note": text}))}))


@mutation("base64", "JSON in it, query", "query", "whoever decodes it: OAuth's state")
def _(text: str) -> Call:
    return get(f"/callback?state={urlsafe(json.dumps({'next': text}).encode())}")


@mutation("base64", "of Base64", "json value", "whoever decodes it", ordinary=False)
def _(text: str) -> Call:
    return post(dumped({"data": b64(b64(text))}))


@mutation("hex", "JSON value", "json value", "whoever decodes it")
def _(text: str) -> Call:
    return post(dumped({"data": raw(text).hex()}))


@mutation("hex", "JSON value in upper case", "json value", "whoever decodes it")
def _(text: str) -> Call:
    return post(dumped({"data": raw(text).hex().upper()}))


@mutation("hex", "JSON value behind 0x", "json value", "MySQL, Ethereum")
def _(text: str) -> Call:
    return post(dumped({"data": "0x" + raw(text).hex()}))


@mutation("hex", "query", "query", "whoever decodes it")
def _(text: str) -> Call:
    return get(f"/v1/items?data={raw(text).hex()}")


# --- GraphQL ---


def gql(query: str, variables: dict[str, Any] | None = None, **more: Any) -> Call:
    """A GraphQL operation as JSON."""
    payload = {"query": query, **({"variables": variables} if variables is not None else {}), **more}
    return post(dumped(payload), JSON, target="/graphql")


def literal(text: str) -> str:
    """A GraphQL string (escapes are those of JSON)."""
    return json.dumps(text, ensure_ascii=False)


@mutation("graphql", "\\u in a string", "graphql argument", "all GraphQL servers")
def _(text: str) -> Call:
    return gql(f'{{ find(text: "{u(text)}") {{ id }} }}')


@mutation("graphql", "\\u{…} in a string", "graphql argument", "graphql-js 16, graphql-java")
def _(text: str) -> Call:
    return gql('{ find(text: "' + "".join(f"\\u{{{ord(c):x}}}" for c in text) + '") { id } }')


@mutation("graphql", "block string", "graphql argument", "all GraphQL servers")
def _(text: str) -> Call:
    return gql('{ find(text: """\n  ' + text.replace('"""', '\\"""') + '\n""") { id } }')


@mutation("graphql", "default of a variable", "graphql argument", "all GraphQL servers")
def _(text: str) -> Call:
    return gql(f"query F($text: String = {literal(text)}) {{ find(text: $text) {{ id }} }}")


@mutation("graphql", "argument in a fragment", "graphql argument", "all GraphQL servers")
def _(text: str) -> Call:
    return gql(f"{{ viewer {{ ...F }} }} fragment F on User {{ posts(search: {literal(text)}) {{ id }} }}")


@mutation("graphql", "argument of a directive", "graphql argument", "all GraphQL servers")
def _(text: str) -> Call:
    return gql(f"{{ viewer @tag(name: {literal(text)}) {{ id }} }}")


@mutation("graphql", "object and list", "graphql argument", "all GraphQL servers")
def _(text: str) -> Call:
    return gql(f"mutation {{ save(input: {{tags: [\"a\", {literal(text)}], n: 1}}) {{ id }} }}")


@mutation("graphql", "variable deep in an input", "graphql variable", "all GraphQL servers")
def _(text: str) -> Call:
    return gql("mutation S($input: I!) { save(input: $input) { id } }", {"input": {"where": {"_and": [{"name": {"_like": text}}]}}})


@mutation("graphql", "second of a batch", "graphql argument", "Apollo, Yoga, graphql-ruby as configured")
def _(text: str) -> Call:
    return post(dumped([{"query": "{ viewer { id } }"}, {"query": f"{{ find(text: {literal(text)}) {{ id }} }}"}]), JSON, target="/graphql")


@mutation("graphql", "GET, string in \\u", "graphql argument", "all GraphQL servers")
def _(text: str) -> Call:
    return get("/graphql?query=" + q(f'{{ find(text: "{u(text)}") {{ id }} }}'))


@mutation("graphql", "GET, variables", "graphql variable", "all GraphQL servers")
def _(text: str) -> Call:
    return get("/graphql?query=" + q("query F($t: String) { find(text: $t) { id } }") + "&variables=" + q(json.dumps({"t": text})))


@mutation("graphql", "application/graphql", "graphql argument", "express-graphql, Yoga")
def _(text: str) -> Call:
    return post(raw(f"{{ find(text: {literal(text)}) {{ id }} }}"), "application/graphql", target="/graphql")


@mutation("graphql", "application/graphql, \\u", "graphql argument", "express-graphql, Yoga")
def _(text: str) -> Call:
    return post(f'{{ find(text: "{u(text)}") {{ id }} }}'.encode(), "application/graphql", target="/graphql")


@mutation("graphql", "form", "graphql argument", "Yoga, express-graphql")
def _(text: str) -> Call:
    return post(("query=" + q(f"{{ find(text: {literal(text)}) {{ id }} }}")).encode(), FORM, target="/graphql")


@mutation("graphql", "multipart request", "graphql variable", "graphql-upload")
def _(text: str) -> Call:
    operations = {"query": "mutation U($f: Upload!, $t: String) { up(file: $f, text: $t) { id } }", "variables": {"f": None, "t": text}}
    return multipart(part("operations", dumped(operations)), part("map", b'{"0":["variables.f"]}'), part("0", b"hello", "a.txt"), target="/graphql")


@mutation("graphql", "variables as a string", "graphql variable", "express-graphql")
def _(text: str) -> Call:
    return gql("query F($t: String) { find(text: $t) { id } }", None) if not text else post(dumped({"query": "query F($t: String) { find(text: $t) { id } }", "variables": json.dumps({"t": text})}), JSON, target="/graphql")


@mutation("graphql", "extensions", "json value", "all GraphQL servers")
def _(text: str) -> Call:
    return gql("{ viewer { id } }", {}, extensions={"tag": text})


# --- XML ---


def xml(body: str, kind: str = XML, head: str = '<?xml version="1.0"?>') -> Call:
    """An XML document."""
    return post(raw(head + body), kind)


def _xml_safe(text: str) -> str:
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", " ", text)


@mutation("xml", "internal entity", "json value", "libxml2, Xerces, .NET as configured", ordinary=False)
def _(text: str) -> Call:
    return xml(f"<!DOCTYPE o [<!ENTITY e {quoteattr(_xml_safe(text)).replace('%', '&#37;')}>]><o><note>&e;</note></o>")


@mutation("xml", "internal entities in pieces", "json value", "libxml2, Xerces, .NET as configured", ordinary=False)
def _(text: str) -> Call:
    clean = _xml_safe(text)
    pieces = [clean[at : at + 3] for at in range(0, len(clean), 3)]
    declared = "".join(f"<!ENTITY e{number} {quoteattr(piece).replace('%', '&#37;')}>" for number, piece in enumerate(pieces))
    return xml(f"<!DOCTYPE o [{declared}]><o><note>{''.join(f'&e{number};' for number in range(len(pieces)))}</note></o>")


@mutation("xml", "decimal references", "json value", "all XML readers")
def _(text: str) -> Call:
    return xml(f"<o><note>{''.join(f'&#{ord(c)};' for c in _xml_safe(text))}</note></o>")


@mutation("xml", "hexadecimal references", "json value", "all XML readers")
def _(text: str) -> Call:
    return xml(f"<o><note>{''.join(f'&#x{ord(c):x};' for c in _xml_safe(text))}</note></o>")


@mutation("xml", "CDATA", "json value", "all XML readers")
def _(text: str) -> Call:
    return xml(f"<o><note><![CDATA[{_xml_safe(text).replace(']]>', ']]]]><![CDATA[>')}]]></note></o>")


@mutation("xml", "CDATA in pieces", "json value", "all XML readers")
def _(text: str) -> Call:
    clean = _xml_safe(text)
    return xml(f"<o><note>{''.join(f'<![CDATA[{clean[at : at + 4]}]]>' for at in range(0, len(clean), 4))}</note></o>")


@mutation("xml", "comments between", "json value", "all XML readers", ordinary=False)
def _(text: str) -> Call:
    clean = _xml_safe(text)
    return xml(f"<o><note>{'<!--x-->'.join(escape(clean[at : at + 4]) for at in range(0, len(clean), 4))}</note></o>")


@mutation("xml", "attribute", "json value", "all XML readers")
def _(text: str) -> Call:
    return xml(f"<o><line note={quoteattr(_xml_safe(text))}/></o>")


@mutation("xml", "attribute in references", "json value", "all XML readers")
def _(text: str) -> Call:
    return xml(f"<o><line note='{''.join(f'&#x{ord(c):x};' for c in _xml_safe(text))}'/></o>")


@mutation("xml", "SOAP", "xml text", "SOAP servers")
def _(text: str) -> Call:
    body = f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><f><a>{escape(_xml_safe(text))}</a></f></s:Body></s:Envelope>'
    return xml(body, "text/xml; charset=utf-8")


@mutation("xml", "+xml", "xml text", "all XML readers")
def _(text: str) -> Call:
    return xml(f"<o>{escape(_xml_safe(text))}</o>", "application/vnd.example.v1+xml")


@mutation("xml", "UTF-16", "xml text", "all XML readers (XML 1.0, 4.3.3)", ordinary=False)
def _(text: str) -> Call:
    return post(f'<?xml version="1.0" encoding="UTF-16"?><o><note>{escape(_xml_safe(text))}</note></o>'.encode("utf-16", "replace"), XML)


@mutation("xml", "processing instruction", "xml text", "readers of stylesheets and includes", ordinary=False)
def _(text: str) -> Call:
    return xml(f"<o><?x {_xml_safe(text).replace('?>', '? >')}?></o>")


@mutation("xml", "as text/plain", "xml text", "whoever parses it", ordinary=False)
def _(text: str) -> Call:
    return xml(f"<o><note>{escape(_xml_safe(text))}</note></o>", "text/plain")


@mutation("xml", "OFX 1 (SGML)", "json value", "OFX servers")
def _(text: str) -> Call:
    head = "OFXHEADER:100\r\nDATA:OFXSGML\r\nVERSION:102\r\nSECURITY:NONE\r\nENCODING:USASCII\r\nCHARSET:1252\r\nCOMPRESSION:NONE\r\nOLDFILEUID:NONE\r\nNEWFILEUID:NONE\r\n\r\n"
    line = escape(re.sub(r"[\r\n]+", " ", _xml_safe(text)))
    return post(raw(f"{head}<OFX><SIGNONMSGSRQV1><SONRQ><DTCLIENT>20241127<USERID>{line}<USERPASS>secret<LANGUAGE>ENG</SONRQ></SIGNONMSGSRQV1></OFX>"), "application/x-ofx", target="/ofx")


@mutation("xml", "OFX 2 (XML)", "json value", "OFX servers")
def _(text: str) -> Call:
    return post(raw(f'<?xml version="1.0"?><?OFX OFXHEADER="200" VERSION="211"?><OFX><SIGNONMSGSRQV1><SONRQ><USERID>{escape(_xml_safe(text))}</USERID></SONRQ></SIGNONMSGSRQV1></OFX>'), "application/x-ofx", target="/ofx")


# --- multipart ---


BOUNDARY: Final = "----b4711"


def part(name: str, content: bytes, filename: str = "", kind: str = "", head: str = "", more: str = "") -> bytes:
    """A part: its headers, a line, its content."""
    line = head or f'Content-Disposition: form-data; name="{name}"' + (f'; filename="{filename}"' if filename else "")
    kind = kind or ("application/octet-stream" if filename else "")
    return raw(line) + b"\r\n" + (f"Content-Type: {kind}\r\n".encode() if kind else b"") + more.encode() + b"\r\n" + content


def multipart(*parts: bytes, kind: str = f"multipart/form-data; boundary={BOUNDARY}", target: str = "/v1/files", close: bool = True, line: bytes = b"\r\n") -> Call:
    """A body of parts."""
    body = b"".join(b"--" + BOUNDARY.encode() + line + (each.replace(b"\r\n", b"\n") if line == b"\n" else each) + line for each in parts)
    return post(body + (b"--" + BOUNDARY.encode() + b"--" + line if close else b""), kind, target=target)


def _file_name(text: str) -> str:
    return re.sub(r"[\r\n\0]", " ", text)


@mutation("multipart", "quoted boundary", "multipart field", "all")
def _(text: str) -> Call:
    return multipart(part("text", raw(text)), kind=f'multipart/form-data; boundary="{BOUNDARY}"')


@mutation("multipart", "boundary in upper case, other parameter before", "multipart field", "all")
def _(text: str) -> Call:
    return multipart(part("text", raw(text)), kind=f"Multipart/Form-Data; charset=utf-8; BOUNDARY={BOUNDARY}")


@mutation("multipart", "filename*", "file name", "Django, Starlette, Spring, Go, multer", ordinary=True)
def _(text: str) -> Call:
    head = f"Content-Disposition: form-data; name=\"file\"; filename=\"a.txt\"; filename*=UTF-8''{q(_file_name(text))}"
    return multipart(part("file", b"hello", head=head))


@mutation("multipart", "filename* alone", "file name", "Django, Starlette, Spring, Go, multer")
def _(text: str) -> Call:
    head = f"Content-Disposition: form-data; name=\"file\"; filename*=UTF-8''{q(_file_name(text))}"
    return multipart(part("file", b"hello", head=head))


@mutation("multipart", "filename in pieces (RFC 2231)", "file name", "Werkzeug, Django, Go, commons-fileupload", ordinary=False)
def _(text: str) -> Call:
    name = _file_name(text)
    pieces = "; ".join(f"filename*{number}*=\"{q(name[at : at + 8])}\"" if number else f"filename*0*=UTF-8''{q(name[:8])}" for number, at in enumerate(range(0, max(1, len(name)), 8)))
    return multipart(part("file", b"hello", head=f'Content-Disposition: form-data; name="file"; {pieces}'))


@mutation("multipart", "filename in pieces, not encoded", "file name", "Werkzeug, Django, Go, commons-fileupload", ordinary=False)
def _(text: str) -> Call:
    name = _file_name(text).replace("\\", "\\\\").replace('"', '\\"')
    half = len(name) // 2
    return multipart(part("file", b"hello", head=f'Content-Disposition: form-data; name="file"; filename*0="{name[:half]}"; filename*1="{name[half:]}"'))


@mutation("multipart", "filename as an encoded word", "file name", "commons-fileupload, Python's email", ordinary=False)
def _(text: str) -> Call:
    return multipart(part("file", b"hello", head=f'Content-Disposition: form-data; name="file"; filename="=?UTF-8?B?{b64(_file_name(text))}?="'))


@mutation("multipart", "name*", "json key", "Werkzeug, Go", ordinary=False)
def _(text: str) -> Call:
    return multipart(part("x", b"1", head=f"Content-Disposition: form-data; name=\"a\"; name*=UTF-8''{q(_file_name(text))}"))


@mutation("multipart", "filename twice", "file name", "first or last, by server", ordinary=False)
def _(text: str) -> Call:
    name = _file_name(text).replace('"', "%22")
    return multipart(part("file", b"hello", head=f'Content-Disposition: form-data; name="file"; filename="a.txt"; filename="{name}"'))


@mutation("multipart", "filename without quotes", "file name", "PHP, Go, multer", ordinary=False)
def _(text: str) -> Call:
    return multipart(part("file", b"hello", head="Content-Disposition: form-data; name=file; filename=" + re.sub(r"[\s;\"]", "_", text)))


@mutation("multipart", "header in two lines", "file name", "commons-fileupload, Python, PHP", ordinary=False)
def _(text: str) -> Call:
    name = _file_name(text).replace('"', "%22")
    return multipart(part("file", b"hello", head=f'Content-Disposition: form-data; name="file";\r\n filename="{name}"'))


@mutation("multipart", "part without a body before", "multipart field", "Starlette, FastAPI", ordinary=False)
def _(text: str) -> Call:
    body = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="x"\r\n\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\n'
    return post(raw(body + text) + f"\r\n--{BOUNDARY}--\r\n".encode(), f"multipart/form-data; boundary={BOUNDARY}")


@mutation("multipart", "field that looks like a file", "multipart field", "PHP, Node where the name is empty", ordinary=False)
def _(text: str) -> Call:
    return multipart(part("text", raw(text), head='Content-Disposition: form-data; name="text"; filename=""'))


@mutation("multipart", "transfer encoding Base64", "multipart field", "Django, Spring, Rails, commons-fileupload", ordinary=False)
def _(text: str) -> Call:
    return multipart(part("text", base64.encodebytes(raw(text)), more="Content-Transfer-Encoding: base64\r\n"))


@mutation("multipart", "transfer encoding quoted-printable", "multipart field", "Go, Spring, Rails", ordinary=False)
def _(text: str) -> Call:
    return multipart(part("text", "".join(f"={byte:02X}" for byte in raw(text)).encode(), more="Content-Transfer-Encoding: quoted-printable\r\n"))


@mutation("multipart", "JSON part in \\u", "multipart field", "Spring's @RequestPart")
def _(text: str) -> Call:
    return multipart(part("data", f'{{"note":"{u(text)}"}}'.encode(), kind=JSON))


@mutation("multipart", "LF for line ends", "multipart field", "Werkzeug, Python's email, PHP", ordinary=False)
def _(text: str) -> Call:
    return multipart(part("text", raw(text).replace(b"\n", b" ")), line=b"\n")


@mutation("multipart", "no closing boundary", "multipart field", "PHP, busboy, Starlette", ordinary=False)
def _(text: str) -> Call:
    return multipart(part("text", raw(text)), close=False)


@mutation("multipart", "charset UTF-16 of the part", "multipart field", "Django, Spring", ordinary=False)
def _(text: str) -> Call:
    return multipart(part("text", text.encode("utf-16", "replace"), kind="text/plain; charset=utf-16"))


@mutation("multipart", "related", "json value", "Google's uploads, SOAP with attachments")
def _(text: str) -> Call:
    return multipart(part("", dumped({"note": text}), head="Content-Type: application/json; charset=UTF-8"), part("", b"\x89PNG", head="Content-Type: image/png"), kind=f"multipart/related; boundary={BOUNDARY}")


@mutation("multipart", "mixed", "json value", "OData batches, Google's batches")
def _(text: str) -> Call:
    return multipart(part("", dumped({"note": text}), head="Content-Type: application/json"), kind=f"multipart/mixed; boundary={BOUNDARY}")


@mutation("multipart", "mixed with HTTP requests in it", "json value", "OData batches, Google's batches")
def _(text: str) -> Call:
    inner = f"POST /v1/notes HTTP/1.1\r\nHost: api.example.com\r\nContent-Type: application/json\r\n\r\n{{\"note\":{json.dumps(text, ensure_ascii=False)}}}"
    return multipart(part("", raw(inner), head="Content-Type: application/http\r\nContent-Transfer-Encoding: binary"), kind=f"multipart/mixed; boundary={BOUNDARY}")


@mutation("multipart", "mixed in form-data", "multipart field", "commons-fileupload, busboy no", ordinary=False)
def _(text: str) -> Call:
    inner = b'--in\r\nContent-Disposition: file; filename="a.txt"\r\n\r\n' + raw(text) + b"\r\n--in--"
    return multipart(part("files", inner, kind="multipart/mixed; boundary=in"))


# --- content types and charsets ---


@mutation("content types", "JSON without a type", "json value", "Go, Flask with force, raw readers", ordinary=False)
def _(text: str) -> Call:
    return Call("POST", "/v1/orders", dumped({"note": text}))


@mutation("content types", "JSON as text/plain", "json value", "Flask with force, SNS receivers, beacons")
def _(text: str) -> Call:
    return post(dumped({"note": text}), "text/plain;charset=UTF-8")


@mutation("content types", "JSON as a form", "json value", "PHP's input, Go, jQuery mistakes", ordinary=False)
def _(text: str) -> Call:
    return post(dumped({"note": text}), FORM)


@mutation("content types", "JSON as octets", "json value", "Go, raw readers", ordinary=False)
def _(text: str) -> Call:
    return post(dumped({"note": text}), "application/octet-stream")


@mutation("content types", "JSON as text/json", "json value", "ASP.NET, Rails")
def _(text: str) -> Call:
    return post(dumped({"note": text}), "text/json")


@mutation("content types", "JSON as application/x-json", "json value", "lenient readers", ordinary=False)
def _(text: str) -> Call:
    return post(dumped({"note": text}), "application/x-json")


@mutation("content types", "+json", "json value", "all")
def _(text: str) -> Call:
    return post(dumped({"note": text}), "application/vnd.example.v3+json; charset=utf-8")


@mutation("content types", "JSON called an image", "json value", "Go, raw readers", ordinary=False)
def _(text: str) -> Call:
    return post(dumped({"note": text}), "image/png")


@mutation("content types", "JSON and then another", "json value", "Fastify, Express (first wins)", ordinary=False)
def _(text: str) -> Call:
    return post(dumped({"note": text}), "application/json, image/png")


@mutation("content types", "another and then JSON", "json value", "lenient readers", ordinary=False)
def _(text: str) -> Call:
    return post(dumped({"note": text}), "image/png, application/json")


@mutation("content types", "JSON, upper case with odd parameters", "json value", "all")
def _(text: str) -> Call:
    return post(dumped({"note": text}), 'Application/JSON ; Charset="utf-8"; v=1')


@mutation("content types", "JSON in UTF-16 with a mark", "json value", "Python's json.loads(bytes), Jackson, .NET", ordinary=False)
def _(text: str) -> Call:
    return post(json.dumps({"note": text}, ensure_ascii=False).encode("utf-16", "replace"), JSON)


@mutation("content types", "JSON in UTF-16LE", "json value", "Python's json.loads(bytes), Jackson", ordinary=False)
def _(text: str) -> Call:
    return post(json.dumps({"note": text}, ensure_ascii=False).encode("utf-16-le", "replace"), JSON + "; charset=utf-16le")


@mutation("content types", "JSON in UTF-16BE without saying so", "json value", "Python's json.loads(bytes), Jackson", ordinary=False)
def _(text: str) -> Call:
    return post(json.dumps({"note": text}, ensure_ascii=False).encode("utf-16-be", "replace"), JSON)


@mutation("content types", "JSON in UTF-32", "json value", "Python's json.loads(bytes), Jackson", ordinary=False)
def _(text: str) -> Call:
    return post(json.dumps({"note": text}, ensure_ascii=False).encode("utf-32-be", "replace"), JSON)


@mutation("content types", "form in EBCDIC", "form field", "servlets, ASP.NET", ordinary=False)
def _(text: str) -> Call:
    return post(f"{q('q'.encode('cp037'))}={q(text.encode('cp037', 'replace'))}".encode(), FORM + "; charset=ibm037")


@mutation("content types", "form in UTF-16", "form field", "servlets, ASP.NET", ordinary=False)
def _(text: str) -> Call:
    return post(f"q={q(text.encode('utf-16-be', 'replace'))}".encode(), FORM + "; charset=utf-16")


@mutation("content types", "form by PUT", "form field", "all")
def _(text: str) -> Call:
    return Call("PUT", "/v1/orders/42", f"q={q(text)}".encode(), FORM)


@mutation("content types", "form without a type", "form field", "PHP no, Go no, raw readers", ordinary=False)
def _(text: str) -> Call:
    return Call("POST", "/v1/orders", f"q={q(text)}".encode())


@mutation("content types", "JSON with GET", "json value", "Elasticsearch, Express, Spring", ordinary=False)
def _(text: str) -> Call:
    return Call("GET", "/v1/search", dumped({"query": text}), JSON)


@mutation("content types", "JSON with DELETE", "json value", "Express, Spring, Django")
def _(text: str) -> Call:
    return Call("DELETE", "/v1/orders", dumped({"reason": text}), JSON)


@mutation("content types", "NDJSON", "json value", "bulk imports, log sinks")
def _(text: str) -> Call:
    return post(b'{"a":1}\n' + dumped({"note": text}) + b"\n", "application/x-ndjson")


@mutation("content types", "JSON text sequence", "json value", "log sinks (RFC 7464)")
def _(text: str) -> Call:
    return post(b'\x1e{"a":1}\n\x1e' + dumped({"note": text}) + b"\n", "application/json-seq")


@mutation("content types", "NDJSON as JSON", "json value", "Go's Decoder, Elasticsearch", ordinary=False)
def _(text: str) -> Call:
    return post(b'{"index":{}}\n' + dumped({"note": text}) + b"\n", JSON)


@mutation("content types", "plain text", "json value", "whoever reads it")
def _(text: str) -> Call:
    return post(raw(text), "text/plain")


@mutation("content types", "YAML", "json value", "YAML readers")
def _(text: str) -> Call:
    return post(b"note: " + dumped(text) + b"\nid: 1\n", "application/yaml")


@mutation("content types", "CSV", "json value", "imports")
def _(text: str) -> Call:
    return post(b"id,note\n1,\"" + raw(text).replace(b'"', b'""') + b'"\n', "text/csv")


@mutation("content types", "protobuf with a string", "json value", "gRPC, protobuf readers")
def _(text: str) -> Call:
    return post(_protobuf(raw(text)), "application/x-protobuf")


@mutation("content types", "gRPC with a string", "json value", "gRPC servers")
def _(text: str) -> Call:
    message = _protobuf(raw(text))
    return post(b"\0" + len(message).to_bytes(4) + message, "application/grpc", (("te", "trailers"),), "/shop.v1.Orders/Find")


def _protobuf(content: bytes) -> bytes:
    """Field 1 (varint) and field 2 (string) of a message."""
    length = len(content)
    size = bytes([length]) if length < 0x80 else bytes([length & 0x7F | 0x80, length >> 7])
    return b"\x08\x2a\x12" + size + content


# --- content encodings ---


def stored_brotli(content: bytes) -> bytes:
    """A Brotli stream of meta-blocks that are not compressed (RFC 7932, 9.2)."""
    made = bytearray()
    bits = count = 0

    def put(value: int, width: int) -> None:
        nonlocal bits, count
        bits |= value << count
        count += width
        while count >= 8:
            made.append(bits & 0xFF)
            bits >>= 8
            count -= 8

    put(0, 1)  # window of 16 bits
    for at in range(0, len(content), 65536):
        piece = content[at : at + 65536]
        put(0, 1)  # not the last
        put(0, 2)  # length in four nibbles
        put(len(piece) - 1, 16)
        put(1, 1)  # not compressed
        if count:
            put(0, 8 - count)
        made += piece
    put(3, 2)  # last, and empty
    if count:
        put(0, 8 - count)
    return bytes(made)


def _encoded(name: str, coding: str, squeeze: Callable[[bytes], bytes], decoded_by: str, *, ordinary: bool = True) -> None:
    @mutation("content encodings", name, "json value", decoded_by, ordinary=ordinary)
    def _(text: str) -> Call:
        return post(squeeze(dumped({"note": text})), JSON, (("content-encoding", coding),))


def _gzip(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def _raw_deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(content) + packer.flush()


_DECODERS: Final = "Express, Spring, ASP.NET, Go behind middleware"
_encoded("gzip", "gzip", _gzip, _DECODERS)
_encoded("x-gzip", "x-gzip", _gzip, _DECODERS)
_encoded("gzip in upper case", "GZIP", _gzip, _DECODERS, ordinary=False)
_encoded("gzip in two members", "gzip", lambda content: _gzip(content[:9]) + _gzip(content[9:]), _DECODERS, ordinary=False)
_encoded("gzip with a file name", "gzip", lambda content: b"\x1f\x8b\x08\x08\0\0\0\0\0\xffa.json\0" + _gzip(content)[10:], _DECODERS)
_encoded("gzip, cut off", "gzip", lambda content: _gzip(content)[:-6], "zlib streams act before they fail", ordinary=False)
_encoded("deflate", "deflate", zlib.compress, _DECODERS)
_encoded("deflate without a frame", "deflate", _raw_deflate, "lenient decoders", ordinary=False)
_encoded("Brotli", "br", stored_brotli, _DECODERS)
_encoded("zstd", "zstd", zstd.compress, "ASP.NET, Go and Rust with middleware")
_encoded("gzip twice", "gzip, gzip", lambda content: _gzip(_gzip(content)), "tower-http, Undertow", ordinary=False)
_encoded("deflate in gzip", "deflate, gzip", lambda content: _gzip(zlib.compress(content)), "tower-http, Undertow", ordinary=False)
_encoded("identity", "identity", bytes, "all")
_encoded("gzip that is none", "gzip", bytes, "servers that ignore it", ordinary=False)


@mutation("content encodings", "gzip without saying so", "json value", "analytics endpoints (PostHog)", ordinary=False)
def _(text: str) -> Call:
    return post(_gzip(dumped({"note": text})), JSON)


@mutation("content encodings", "gzip of a form", "form field", _DECODERS)
def _(text: str) -> Call:
    return post(_gzip(f"q={q(text)}".encode()), FORM, (("content-encoding", "gzip"),))


@mutation("content encodings", "gzip of XML", "xml text", _DECODERS)
def _(text: str) -> Call:
    return post(_gzip(raw(f"<o>{escape(_xml_safe(text))}</o>")), XML, (("content-encoding", "gzip"),))


@mutation("content encodings", "gzip of multipart", "multipart field", _DECODERS)
def _(text: str) -> Call:
    call = multipart(part("text", raw(text)))
    return post(_gzip(call.body), call.content_type, (("content-encoding", "gzip"),))


# --- spellings of values ---


def _double(text: str) -> str:
    return q(q(text))


@mutation("spellings", "percent twice, query", "query", "proxies and frameworks that decode again", ordinary=True)
def _(text: str) -> Call:
    return get(f"/v1/items?q={_double(text)}")


@mutation("spellings", "percent twice, form", "form field", "proxies and frameworks that decode again")
def _(text: str) -> Call:
    return post(f"q={_double(text)}".encode(), FORM)


@mutation("spellings", "percent in JSON", "json value", "whoever decodes it: URLs, redirects")
def _(text: str) -> Call:
    return post(dumped({"next": q(text)}))


@mutation("spellings", "every character percent-encoded", "query", "all")
def _(text: str) -> Call:
    return get("/v1/items?q=" + "".join(f"%{byte:02x}" for byte in raw(text)))


@mutation("spellings", "%u", "query", "IIS, classic ASP", ordinary=False)
def _(text: str) -> Call:
    return get("/v1/items?q=" + every(text, "%u{:04x}"))


@mutation("spellings", "full width", "query", "IIS best fit, NFKC in Python and Java")
def _(text: str) -> Call:
    return get("/v1/items?q=" + q(_wide(text)))


@mutation("spellings", "full width in JSON", "json value", "NFKC in Python and Java")
def _(text: str) -> Call:
    return post(dumped({"note": _wide(text)}))


def _wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


@mutation("spellings", "overlong UTF-8 of two bytes", "query", "old Java, PHP's utf8_decode", ordinary=False)
def _(text: str) -> Call:
    return get("/v1/items?q=" + "".join(f"%{0xC0 | ord(c) >> 6:02x}%{0x80 | ord(c) & 0x3F:02x}" if c in "<>'\"/\\.;=()&|$" else q(c) for c in text))


@mutation("spellings", "overlong UTF-8 of three bytes", "query", "old Java", ordinary=False)
def _(text: str) -> Call:
    return get("/v1/items?q=" + "".join(f"%e0%{0x80 | ord(c) >> 6:02x}%{0x80 | ord(c) & 0x3F:02x}" if c in "<>'\"/\\.;=()&|$" else q(c) for c in text))


@mutation("spellings", "overlong UTF-8 in JSON", "json value", "old Java", ordinary=False)
def _(text: str) -> Call:
    body = b"".join(bytes([0xC0 | ord(c) >> 6, 0x80 | ord(c) & 0x3F]) if c in "<>'/.;=()&|$" else raw(json.dumps(c, ensure_ascii=False)[1:-1]) for c in text)
    return post(b'{"note":"' + body + b'"}')


@mutation("spellings", "HTML references", "query", "templates, mail, rich text")
def _(text: str) -> Call:
    return get("/v1/items?q=" + q("".join(f"&#{ord(c)};" if not c.isalnum() else c for c in text)))


@mutation("spellings", "blanks as +", "query", "all")
def _(text: str) -> Call:
    return get("/v1/items?q=" + q(text).replace("%20", "+"))


@mutation("spellings", "NUL in the middle", "query", "C strings, PHP of old", ordinary=False)
def _(text: str) -> Call:
    return get(f"/v1/items?q=a%00{q(text)}")


@mutation("spellings", "; between parameters", "query", "Python and Go of old, Tornado", ordinary=False)
def _(text: str) -> Call:
    return get(f"/v1/items?a=1;q={q(text)}")


@mutation("spellings", "as the name of a parameter", "query", "all", ordinary=False)
def _(text: str) -> Call:
    return get(f"/v1/items?{q(text)}=1")


@mutation("spellings", "in brackets of a name", "query", "PHP, Rails, qs", ordinary=False)
def _(text: str) -> Call:
    return get(f"/v1/items?filter%5B{q(text)}%5D=1")


# --- places: cookies, credentials, paths, headers ---


@mutation("places", "cookie, percent-encoded", "json value", "Express, PHP, Rails, Django no")
def _(text: str) -> Call:
    return get("/v1/items", (("cookie", f"session=4f1c; prefs={q(text)}; lang=en"),))


@mutation("places", "cookie in quotes", "json value", "Python, Java, Go", ordinary=False)
def _(text: str) -> Call:
    return get("/v1/items", (("cookie", b'prefs="' + re.sub(rb"[\r\n\0]", b" ", raw(text)).replace(b'"', b'\\"') + b'"'),))


@mutation("places", "second cookie header", "json value", "HTTP/2, all")
def _(text: str) -> Call:
    return get("/v1/items", (("cookie", "session=4f1c"), ("cookie", f"prefs={q(text)}")))


@mutation("places", "user of Basic credentials", "json value", "all")
def _(text: str) -> Call:
    return get("/v1/me", (("authorization", "Basic " + base64.b64encode(raw(text).replace(b":", b"%3A") + b":secret").decode()),))


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


@mutation("places", "Accept-Language", "json value", "file names of translations")
def _(text: str) -> Call:
    return get("/v1/me", (("accept-language", _field(text)),))


@mutation("places", "Referer", "json value", "logs, analytics")
def _(text: str) -> Call:
    return get("/v1/me", (("referer", f"https://app.example.com/?q={q(text)}"),))


@mutation("places", "User-Agent", "json value", "logs, analytics")
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


@mutation("places", "path segment, percent twice", "path segment", "proxies and frameworks that decode again", ordinary=False)
def _(text: str) -> Call:
    return get(f"/v1/items/{_double(text)}")


@mutation("places", "last path segment with an extension", "json value", "all")
def _(text: str) -> Call:
    return get(f"/v1/items/{q(text)}.json")


@mutation("places", "parameter of a path segment", "json value", "servlets, Spring's matrix variables")
def _(text: str) -> Call:
    return get(f"/v1/items;color={q(text)}/reviews")


@mutation("places", "fragment in the target", "query", "lenient servers", ordinary=False)
def _(text: str) -> Call:
    return get(f"/v1/items?q=a#{q(text)}")
