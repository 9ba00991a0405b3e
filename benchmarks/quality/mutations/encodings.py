"""Compressed bodies."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from typing import Final
from xml.sax.saxutils import escape

from backports import zstd

from benchmarks.quality.clients import Call
from benchmarks.quality.mutations.forms import (
    FORM,
    JSON,
    XML,
    dumped,
    multipart,
    mutation,
    part,
    post,
    q,
    raw,
    xml_safe,
)


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


def _encoded(
    name: str, coding: str, squeeze: Callable[[bytes], bytes], decoded_by: str, *, ordinary: bool = True
) -> None:
    @mutation("content encodings", name, "json value", decoded_by, ordinary=ordinary)
    def _(text: str) -> Call:
        return post(squeeze(dumped({"customer": text})), JSON, (("content-encoding", coding),))


def _gzip(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def _raw_deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(content) + packer.flush()


_DECODERS: Final = "Express, Spring, ASP.NET, Go behind middleware"
_encoded("gzip", "gzip", _gzip, _DECODERS)
_encoded("x-gzip", "x-gzip", _gzip, _DECODERS)
_encoded("gzip in upper case", "GZIP", _gzip, _DECODERS, ordinary=False)
_encoded(
    "gzip in two members",
    "gzip",
    lambda content: _gzip(content[:9]) + _gzip(content[9:]),
    _DECODERS,
    ordinary=False,
)
_encoded(
    "gzip with a file name",
    "gzip",
    lambda content: b"\x1f\x8b\x08\x08\0\0\0\0\0\xffa.json\0" + _gzip(content)[10:],
    _DECODERS,
)
_encoded(
    "gzip, cut off",
    "gzip",
    lambda content: _gzip(content)[:-6],
    "zlib streams act before they fail",
    ordinary=False,
)
_encoded("deflate", "deflate", zlib.compress, _DECODERS)
_encoded("deflate without a frame", "deflate", _raw_deflate, "lenient decoders", ordinary=False)
_encoded("Brotli", "br", stored_brotli, _DECODERS)
_encoded("zstd", "zstd", zstd.compress, "ASP.NET, Go and Rust with middleware")
_encoded(
    "gzip twice", "gzip, gzip", lambda content: _gzip(_gzip(content)), "tower-http, Undertow", ordinary=False
)
_encoded(
    "deflate in gzip",
    "deflate, gzip",
    lambda content: _gzip(zlib.compress(content)),
    "tower-http, Undertow",
    ordinary=False,
)
_encoded("identity", "identity", bytes, "all")
_encoded("gzip that is none", "gzip", bytes, "servers that ignore it", ordinary=False)


@mutation(
    "content encodings",
    "gzip without saying so",
    "json value",
    "analytics endpoints (PostHog)",
    ordinary=False,
)
def _(text: str) -> Call:
    return post(_gzip(dumped({"customer": text})), JSON)


@mutation("content encodings", "gzip of a form", "form field", _DECODERS)
def _(text: str) -> Call:
    return post(_gzip(f"q={q(text)}".encode()), FORM, (("content-encoding", "gzip"),))


@mutation("content encodings", "gzip of XML", "xml text", _DECODERS)
def _(text: str) -> Call:
    return post(_gzip(raw(f"<o>{escape(xml_safe(text))}</o>")), XML, (("content-encoding", "gzip"),))


@mutation("content encodings", "gzip of multipart", "multipart field", _DECODERS)
def _(text: str) -> Call:
    call = multipart(part("city", raw(text)))
    return post(_gzip(call.body), call.content_type, (("content-encoding", "gzip"),))
