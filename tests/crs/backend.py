"""The server behind the rules: answers as coreruleset's `albedo` does."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field

from tests.crs.request import Request


@dataclass(frozen=True)
class Response:
    """An answer, as the proxy sees it."""

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""


def answer(request: Request) -> Response:
    """Answer a request: `POST /reflect` with what its JSON body describes, all else with an empty 200."""
    path = request.target.partition(b"?")[0]
    if request.method != b"POST" or not re.match(rb"/reflect(?:/|$)", path):
        return _complete(200, {}, b"")
    try:
        wanted = json.loads(request.body)
    except ValueError:
        return _complete(400, {}, b"Invalid JSON in request body")
    status = wanted.get("status") or 200
    if not 100 <= status < 600:
        return _complete(400, {}, f"Invalid status code: {status}".encode())
    body = wanted.get("body", "").encode() or base64.b64decode(wanted.get("encodedBody", ""))
    return _complete(status, wanted.get("headers") or {}, body)


_HTML = re.compile(
    rb"\s*<(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p|!--)[ >]",
    re.IGNORECASE,
)


def _complete(status: int, headers: dict[str, str], body: bytes) -> Response:
    """With the headers that a server adds: length, and the type where none is given (MIME Sniffing, 7.1)."""
    names = {name.lower() for name in headers}
    added = [] if "content-length" in names else [("Content-Length", str(len(body)))]
    if body and "content-type" not in names:
        kind = (
            "text/html"
            if _HTML.match(body)
            else "text/xml"
            if body.lstrip().startswith(b"<?xml")
            else "text/plain"
        )
        added.append(("Content-Type", f"{kind}; charset=utf-8"))
    return Response(status, [(name, str(value)) for name, value in headers.items()] + added, body)
