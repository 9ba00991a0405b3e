"""A test's request: what goes over the wire, and what a server reads from it.

How a case becomes bytes follows go-ftw, the runner that CRS is tested with: defaults for what a case leaves
out, form values encoded unless they are already, LF to CRLF in multipart bodies, `Content-Length` and `Connection`
added unless `autocomplete_headers` says no.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, unquote_to_bytes

_FORM = "application/x-www-form-urlencoded"
_BODY_METHODS = re.compile("^POST|PUT|PATCH|DELETE$")


@dataclass(frozen=True)
class Request:
    """What a server reads: the start line's parts, headers in order, the body with its framing undone."""

    method: bytes
    target: bytes
    protocol: bytes
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> bytes | None:
        """First value of a header; None when there is none."""
        wanted = name.lower().encode()
        return next((value for key, value in self.headers if key.lower() == wanted), None)


def wire(case: dict[str, Any]) -> bytes:
    """The bytes that a case sends.

    Args:
        case: `input` of a stage.
    """
    if "encoded_request" in case:
        return base64.b64decode(case["encoded_request"])
    method, target = case.get("method", "GET"), case.get("uri", "/")
    version = case.get("version", "HTTP/1.1")
    headers = {str(name): str(value) for name, value in (case.get("headers") or {}).items()}
    data = case.get("data") or ""
    body: bytes = data if isinstance(data, bytes) else str(data).encode()
    complete = case.get("autocomplete_headers", True)
    if body and complete:
        if not _has(headers, "content-type"):
            headers["Content-Type"] = _FORM
        body = _encoded(headers, body)
    if any(
        "multipart/form-data;" in value for name, value in headers.items() if name.lower() == "content-type"
    ):
        body = body.replace(b"\n", b"\r\n")
    if complete:
        if not _has(headers, "connection"):
            headers["Connection"] = "close"
        if not _has(headers, "content-length") and (body or _BODY_METHODS.search(method)):
            headers["Content-Length"] = str(len(body))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} {target} {version}\r\n{lines}\r\n".encode() + body


def _has(headers: dict[str, str], name: str) -> bool:
    return any(key.lower() == name for key in headers)


def _encoded(headers: dict[str, str], body: bytes) -> bytes:
    if _FORM not in (value for name, value in headers.items() if name.lower() == "content-type"):
        return body
    if re.search(rb"%(?![0-9A-Fa-f]{2})", body) or unquote_to_bytes(body.replace(b"+", b" ")) != body:
        return body
    parts = (part.partition(b"=") for part in body.split(b"&"))
    return b"&".join(
        (quote_plus(name, safe="") + equals.decode() + quote_plus(value, safe="")).encode()
        for name, equals, value in parts
    )


def read(raw: bytes) -> Request:
    """Read a request as leniently as a server may (RFC 9112, 2.2), for the rules are to judge the rest.

    Args:
        raw: one request.
    """
    head, separator, body = raw.partition(b"\r\n\r\n")
    if not separator:
        head, _, body = raw.partition(b"\n\n")
    start, *lines = re.split(rb"\r?\n", head)
    method, _, rest = start.partition(b" ")
    target, _, protocol = rest.rpartition(b" ")
    headers: list[tuple[bytes, bytes]] = []
    for line in lines:
        if line[:1] in {b" ", b"\t"} and headers:
            headers[-1] = (headers[-1][0], headers[-1][1] + b" " + line.strip(b" \t"))
        else:
            name, _, value = line.partition(b":")
            headers.append((name, value.strip(b" \t")))
    return _framed(Request(method, target, protocol, headers), body)


def _framed(request: Request, body: bytes) -> Request:
    """Undo the body's framing; of two framings the chunked one counts, the length goes (RFC 9112, 6.3)."""
    headers = request.headers
    if b"chunked" in (request.header("transfer-encoding") or b"").lower():
        headers = [pair for pair in headers if pair[0].lower() != b"content-length"]
        return Request(request.method, request.target, request.protocol, headers, _unchunked(body))
    length = request.header("content-length") or b"0"
    size = int(length) if re.fullmatch(rb"\d{1,9}", length) else 0
    return Request(request.method, request.target, request.protocol, headers, body[:size])


def _unchunked(body: bytes) -> bytes:
    taken = b""
    while found := re.match(rb"([0-9A-Fa-f]+)[^\r\n]*\r\n", body):
        size = int(found[1], 16)
        if not size:
            break
        taken += body[found.end() : found.end() + size]
        body = body[found.end() + size :].removeprefix(b"\r\n")
    return taken
