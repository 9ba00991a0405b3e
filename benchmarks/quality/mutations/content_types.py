"""Bodies under missing, wrong and rare content types, and in other charsets."""

from __future__ import annotations

import json

from benchmarks.quality.clients import Call
from benchmarks.quality.mutations.forms import FORM, JSON, dumped, mutation, post, q, raw


@mutation(
    "content types", "JSON without a type", "json value", "Go, Flask with force, raw readers", ordinary=False
)
def _(text: str) -> Call:
    return Call("POST", "/v1/orders", dumped({"customer": text}))


@mutation("content types", "JSON as text/plain", "json value", "Flask with force, SNS receivers, beacons")
def _(text: str) -> Call:
    return post(dumped({"customer": text}), "text/plain;charset=UTF-8")


@mutation("content types", "JSON as a form", "json value", "PHP's input, Go, jQuery mistakes", ordinary=False)
def _(text: str) -> Call:
    return post(dumped({"customer": text}), FORM)


@mutation("content types", "JSON as octets", "json value", "Go, raw readers", ordinary=False)
def _(text: str) -> Call:
    return post(dumped({"customer": text}), "application/octet-stream")


@mutation("content types", "JSON as text/json", "json value", "ASP.NET, Rails")
def _(text: str) -> Call:
    return post(dumped({"customer": text}), "text/json")


@mutation("content types", "JSON as application/x-json", "json value", "lenient readers", ordinary=False)
def _(text: str) -> Call:
    return post(dumped({"customer": text}), "application/x-json")


@mutation("content types", "+json", "json value", "all")
def _(text: str) -> Call:
    return post(dumped({"customer": text}), "application/vnd.example.v3+json; charset=utf-8")


@mutation("content types", "JSON called an image", "json value", "Go, raw readers", ordinary=False)
def _(text: str) -> Call:
    return post(dumped({"customer": text}), "image/png")


@mutation(
    "content types", "JSON and then another", "json value", "Fastify, Express (first wins)", ordinary=False
)
def _(text: str) -> Call:
    return post(dumped({"customer": text}), "application/json, image/png")


@mutation("content types", "another and then JSON", "json value", "lenient readers", ordinary=False)
def _(text: str) -> Call:
    return post(dumped({"customer": text}), "image/png, application/json")


@mutation("content types", "JSON, upper case with odd parameters", "json value", "all")
def _(text: str) -> Call:
    return post(dumped({"customer": text}), 'Application/JSON ; Charset="utf-8"; v=1')


@mutation(
    "content types",
    "JSON in UTF-16 with a mark",
    "json value",
    "Python's json.loads(bytes), Jackson, .NET",
    ordinary=False,
)
def _(text: str) -> Call:
    return post(json.dumps({"customer": text}, ensure_ascii=False).encode("utf-16", "replace"), JSON)


@mutation(
    "content types", "JSON in UTF-16LE", "json value", "Python's json.loads(bytes), Jackson", ordinary=False
)
def _(text: str) -> Call:
    return post(
        json.dumps({"customer": text}, ensure_ascii=False).encode("utf-16-le", "replace"),
        JSON + "; charset=utf-16le",
    )


@mutation(
    "content types",
    "JSON in UTF-16BE without saying so",
    "json value",
    "Python's json.loads(bytes), Jackson",
    ordinary=False,
)
def _(text: str) -> Call:
    return post(json.dumps({"customer": text}, ensure_ascii=False).encode("utf-16-be", "replace"), JSON)


@mutation(
    "content types", "JSON in UTF-32", "json value", "Python's json.loads(bytes), Jackson", ordinary=False
)
def _(text: str) -> Call:
    return post(json.dumps({"customer": text}, ensure_ascii=False).encode("utf-32-be", "replace"), JSON)


@mutation("content types", "form in EBCDIC", "form field", "servlets, ASP.NET", ordinary=False)
def _(text: str) -> Call:
    return post(
        f"{q('q'.encode('cp037'))}={q(text.encode('cp037', 'replace'))}".encode(), FORM + "; charset=ibm037"
    )


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
    return post(b'{"a":1}\n' + dumped({"customer": text}) + b"\n", "application/x-ndjson")


@mutation("content types", "JSON text sequence", "json value", "log sinks (RFC 7464)")
def _(text: str) -> Call:
    return post(b'\x1e{"a":1}\n\x1e' + dumped({"customer": text}) + b"\n", "application/json-seq")


@mutation("content types", "NDJSON as JSON", "json value", "Go's Decoder, Elasticsearch", ordinary=False)
def _(text: str) -> Call:
    return post(b'{"index":{}}\n' + dumped({"customer": text}) + b"\n", JSON)


@mutation("content types", "plain text", "json value", "whoever reads it")
def _(text: str) -> Call:
    return post(raw(text), "text/plain")


@mutation("content types", "YAML", "json value", "YAML readers")
def _(text: str) -> Call:
    return post(b"customer: " + dumped(text) + b"\nid: 1\n", "application/yaml")


@mutation("content types", "CSV", "json value", "imports")
def _(text: str) -> Call:
    return post(b'id,customer\n1,"' + raw(text).replace(b'"', b'""') + b'"\n', "text/csv")


@mutation("content types", "protobuf with a string", "json value", "gRPC, protobuf readers")
def _(text: str) -> Call:
    return post(_protobuf(raw(text)), "application/x-protobuf")


@mutation("content types", "gRPC with a string", "json value", "gRPC servers")
def _(text: str) -> Call:
    message = _protobuf(raw(text))
    return post(
        b"\0" + len(message).to_bytes(4) + message,
        "application/grpc",
        (("te", "trailers"),),
        "/shop.v1.Orders/Find",
    )


def _protobuf(content: bytes) -> bytes:
    """Field 1 (varint) and field 2 (string) of a message."""
    length = len(content)
    size = bytes([length]) if length < 0x80 else bytes([length & 0x7F | 0x80, length >> 7])
    return b"\x08\x2a\x12" + size + content
