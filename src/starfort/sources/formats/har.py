"""HAR files: what browsers and debugging proxies record.

Source: http://www.softwareishard.com/blog/har-12-spec/ (HAR 1.2)
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import quote_plus

from starfort.sources.call import (
    Call,
    Headers,
    Part,
    address_of,
    header_pairs,
    protocol_of,
    split_url,
    to_bytes,
    value_of,
    without,
)
from starfort.sources.formats.fields import time_of
from starfort.sources.formats.outcome import Failure, Outcome, Skipped

_CREDENTIALS: Final = frozenset({b"authorization", b"cookie", b"x-api-key", b"proxy-authorization"})


def calls(document: object) -> Iterator[Outcome]:
    """The calls of a HAR file.

    Yields:
        A call, or why an entry is none, for each entry in order.

    Raises:
        ValueError: it has no list of entries.
    """
    log = document.get("log") if isinstance(document, dict) else None
    entries = log.get("entries") if isinstance(log, dict) else None
    if not isinstance(entries, list):
        raise ValueError("log.entries is no list")
    # Browsers leave credentials out of what they save unless asked: then their absence proves nothing.
    clean = not any(_shows_credentials(entry) for entry in entries)
    for index, entry in enumerate(entries):
        where = f"log.entries[{index}]"
        try:
            yield _call(entry, clean=clean)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            yield Failure(where, f"{error}" if isinstance(error, ValueError) else f"has no {error}")


def _shows_credentials(entry: object) -> bool:
    request = entry.get("request") if isinstance(entry, dict) else None
    headers = request.get("headers") if isinstance(request, dict) else None
    return any(name.lower() in _CREDENTIALS for name, _ in _pairs(headers))


def _call(entry: Mapping[str, object], *, clean: bool) -> Call | Skipped:
    request, response = entry["request"], entry["response"]
    if not isinstance(request, dict) or not isinstance(response, dict):
        raise ValueError("request or response is no object")
    url = str(request["url"])
    if not url.lower().startswith(("http://", "https://", "ws://", "wss://")):
        return Skipped("no_http")
    scheme, host, target = split_url(url)
    status = response.get("status")
    if not isinstance(status, int) or not 100 <= status <= 999:  # noqa: PLR2004 (three digits, RFC 9110, 15)
        return Skipped("no_answer")
    headers = _pairs(request.get("headers"))
    body, content_type = _posted(request.get("postData"))
    if body and content_type and not value_of(headers, b"content-type"):
        headers = (*headers, (b"content-type", to_bytes(content_type)))
    answered, answer, size = _answered(response)
    unseen = {Part.REQUEST_HEADERS} if clean else set()
    if not answer and size:
        unseen.add(Part.RESPONSE_BODY)
    started = entry.get("startedDateTime")
    took = entry.get("time")
    sent = request.get("bodySize")
    return Call(
        method=str(request["method"]),
        target=to_bytes(target),
        host=value_of(headers, b":authority") or host,
        scheme=scheme,
        time_us=time_of(started) if isinstance(started, str) and started else None,
        duration_us=round(took * 1000) if isinstance(took, int | float) and 0 <= took < 1e9 else 0,  # noqa: PLR2004 (11 days)
        protocol=protocol_of(str(request.get("httpVersion", ""))),
        address=address_of(str(entry.get("_clientAddress", ""))),
        headers=headers,
        body=body,
        request_bytes=sent if isinstance(sent, int) and sent > len(body) else None,
        status=status,
        response_headers=answered,
        response_body=answer,
        response_bytes=size or None,
        unseen=frozenset(unseen),
    )


def _posted(posted: object) -> tuple[bytes, str]:
    """The body of a request, and its type."""
    if not isinstance(posted, dict):
        return b"", ""
    content_type = str(posted.get("mimeType", ""))
    text = posted.get("text")
    if isinstance(text, str) and text:
        return _decoded(text, posted.get("encoding")), content_type
    params = posted.get("params")
    if not isinstance(params, list):
        return b"", content_type
    pairs = [
        f"{quote_plus(str(param.get('name', '')))}={quote_plus(str(param.get('value', '')))}"
        for param in params
        if isinstance(param, dict)
    ]
    return "&".join(pairs).encode(), content_type


def _answered(response: Mapping[str, object]) -> tuple[Headers, bytes, int]:
    """Headers and body of a response, and how long the whole body was."""
    headers = _pairs(response.get("headers"))
    content = response.get("content")
    if not isinstance(content, dict):
        return headers, b"", 0
    text, size = content.get("text"), content.get("size")
    body = _decoded(text, content.get("encoding")) if isinstance(text, str) else b""
    mime = content.get("mimeType")
    if isinstance(mime, str) and mime and mime != "x-unknown" and not value_of(headers, b"content-type"):
        headers = (*headers, (b"content-type", to_bytes(mime)))
    length = size if isinstance(size, int) and size > 0 else 0
    # `text` is what is left after decoding, whatever the header says.
    return without(headers, b"content-encoding"), body, max(length, len(body))


def _decoded(text: str, encoding: object) -> bytes:
    if encoding != "base64":
        return to_bytes(text)
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError) as error:
        raise ValueError("a body is no Base64") from error


def _pairs(headers: object) -> Headers:
    if not isinstance(headers, list):
        return ()
    return header_pairs(
        (str(header.get("name", "")), str(header.get("value", "")))
        for header in headers
        if isinstance(header, dict)
    )
