"""One call, as a source describes it, and the form in which the engine takes it.

A source keeps what it knows and says which parts of a call it cannot see (`Part`), so that the absence of a
credential in a log without headers is never taken for a call without credentials.
"""

from __future__ import annotations

import hashlib
import ipaddress
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starfort._engine import RecordedCall

MAX_TARGET_BYTES: Final = 64 * 1024
"""Longest path and query that is handed on. The engine reads 16 KiB of it by default (limits.uri)."""

MAX_HEADERS: Final = 200
"""Headers of one message that are handed on; the engine reads 100 by default (limits.headers)."""

MAX_HEADER_BYTES: Final = 16 * 1024
"""Longest name or value of a header (limits.header)."""

MAX_BODY_BYTES: Final = 2 << 20
"""Bytes of a body that are handed on (limits.request_body). Of a longer one the engine sees the beginning,
and knows that it was cut."""

NO_ADDRESS: Final = "0.0.0.0"  # noqa: S104 (the unspecified address, RFC 6890: no caller has it)
"""The caller of a call whose source names none."""

_MAX_DURATION_US: Final = 2**32 - 1
_PROTOCOLS: Final = {
    "1.0": "HTTP/1.0",
    "1.1": "HTTP/1.1",
    "2": "HTTP/2",
    "2.0": "HTTP/2",
    "h2": "HTTP/2",
    "h2c": "HTTP/2",
    "3": "HTTP/3",
    "3.0": "HTTP/3",
    "h3": "HTTP/3",
}
_STATUSES: Final = range(100, 1000)
"""Three digits (RFC 9110, 15)."""

_MAX_BYTES: Final = 2**63 - 1
_LONGEST_METHOD: Final = 32
_LONGEST_ID: Final = 128

Headers = tuple[tuple[bytes, bytes], ...]
"""Names and values in the order sent."""


class Part(StrEnum):
    """A part of a call that a source cannot see; the words are those of the event column `unseen`."""

    REQUEST_HEADERS = "request_headers"
    REQUEST_BODY = "request_body"
    RESPONSE = "response"
    RESPONSE_HEADERS = "response_headers"
    RESPONSE_BODY = "response_body"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call.

    Attributes:
        method: as sent.
        target: path and query, as sent.
        host: host and port if there is one; "" when the source does not say.
        scheme: `http` or `https`.
        time_us: when it began, Unix microseconds; `None` when the source does not say.
        duration_us: how long it took, microseconds.
        protocol: `HTTP/1.0`, `HTTP/1.1`, `HTTP/2` or `HTTP/3`.
        address: IP address of the caller.
        id: id of the request, where its headers have none.
        headers: of the request.
        body: of the request; its beginning, when `request_bytes` is larger.
        request_bytes: length of the whole body; `None`: that of `body`.
        status: of the response; `None` when the source does not see it.
        response_headers: of the response.
        response_body: of the response, without content encoding unless a header says so.
        response_bytes: length of the whole body; `None`: that of `response_body`.
        unseen: what the source cannot see of this call.
    """

    method: str
    target: bytes
    host: str = ""
    scheme: str = "http"
    time_us: int | None = None
    duration_us: int = 0
    protocol: str = "HTTP/1.1"
    address: str = NO_ADDRESS
    id: str = ""
    headers: Headers = ()
    body: bytes = b""
    request_bytes: int | None = None
    status: int | None = None
    response_headers: Headers = ()
    response_body: bytes = b""
    response_bytes: int | None = None
    unseen: frozenset[Part] = frozenset()


def recorded(call: Call, place: int = 0) -> RecordedCall:
    """A call as `Recorder.record` takes it, with everything cut that is too long.

    Args:
        call: what a source saw. Without a time it was now.
        place: which of several calls it is, since two may be alike in everything.
    """
    body, request_bytes = _cut(call.body, call.request_bytes)
    response_body, response_bytes = _cut(call.response_body, call.response_bytes)
    when = call.time_us
    return {
        "time_us": min(max(0, time.time_ns() // 1000 if when is None else when), _MAX_BYTES),
        "duration_us": min(max(0, call.duration_us), _MAX_DURATION_US),
        "id": to_bytes(call.id)[:_LONGEST_ID] or _id_of(call, place),
        "method": to_bytes(call.method)[:_LONGEST_METHOD],
        "scheme": to_bytes(call.scheme),
        "host": to_bytes(call.host)[:MAX_HEADER_BYTES],
        "target": call.target[:MAX_TARGET_BYTES],
        "protocol": call.protocol,
        "address": call.address,
        "headers": _bounded(call.headers),
        "body": body,
        "request_bytes": request_bytes,
        "status": call.status if call.status in _STATUSES else None,
        "response_headers": _bounded(call.response_headers),
        "response_body": response_body,
        "response_bytes": response_bytes,
        "unseen": sorted(call.unseen),
    }


def _id_of(call: Call, place: int) -> bytes:
    """An id for a call that has none: the same one whenever the same file is read."""
    parts = (
        str(call.time_us), call.method, call.host, call.address, str(call.status), str(call.duration_us),
        str(place),
    )  # fmt: skip
    said = "\n".join(parts).encode("utf-8", "surrogatepass") + b"\n" + call.target
    return hashlib.blake2b(said, digest_size=16).hexdigest().encode()


def _cut(body: bytes, said: int | None) -> tuple[bytes, int | None]:
    if len(body) > MAX_BODY_BYTES:
        said = max(said or 0, len(body))
        body = body[:MAX_BODY_BYTES]
    return body, None if said is None else min(max(0, said), _MAX_BYTES)


def _bounded(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name[:MAX_HEADER_BYTES], value[:MAX_HEADER_BYTES]) for name, value in headers[:MAX_HEADERS]]


def to_bytes(text: str) -> bytes:
    """The bytes of a text, whatever is in it: JSON may hold halves of surrogate pairs (RFC 8259, 8.2)."""
    try:
        # Bytes of a log that are not UTF-8 were decoded to surrogates, and become the same bytes again.
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def header_pairs(pairs: Iterable[tuple[str, str]]) -> Headers:
    """Names and values as bytes; names in lower case."""
    return tuple((to_bytes(name).lower(), to_bytes(value)) for name, value in pairs)


def without(headers: Headers, *names: bytes) -> Headers:
    """Headers but those of these names (lower case)."""
    return tuple(pair for pair in headers if pair[0].lower() not in names)


def value_of(headers: Headers, name: bytes) -> str:
    """The first value of a header (name in lower case), "" when there is none."""
    for found, value in headers:
        if found.lower() == name:
            return value.decode("utf-8", "surrogateescape")
    return ""


def peeled(headers: Headers, address: str = NO_ADDRESS) -> tuple[str, Headers]:
    """The caller that the last proxy saw, and the headers as that proxy got them.

    A proxy appends the address of its caller to X-Forwarded-For before it writes its log or sends copies on.
    What stands before that address came from the caller, and is as true as the caller.

    Args:
        headers: as the proxy shows them; names in lower case.
        address: of the caller, where the proxy names it apart.

    Returns:
        The address; and the headers without it, or without the header where nothing else is in it.
    """
    found, kept = address, list(headers)
    for index in range(len(kept) - 1, -1, -1):
        name, value = kept[index]
        if name != b"x-forwarded-for":
            continue
        before, _, last = value.decode("utf-8", "surrogateescape").rpartition(",")
        appended = address_of(last)
        # For a caller on its own machine, Envoy appends an address of the machine.
        is_other = address not in {NO_ADDRESS, appended} and not ipaddress.ip_address(address).is_loopback
        if appended == NO_ADDRESS or is_other:
            break
        found = appended if address == NO_ADDRESS else address
        kept[index : index + 1] = [(name, to_bytes(before.rstrip()))] if before.strip() else []
        break
    return found, tuple(kept)


def protocol_of(text: str) -> str:
    """The protocol that a source means: `HTTP/2.0`, `h2`, `2`, `http/1.1`; HTTP/1.1 when it is unclear."""
    return _PROTOCOLS.get(text.strip().lower().removeprefix("http/"), "HTTP/1.1")


def address_of(text: str) -> str:
    """The IP address in a text such as `192.0.2.1:443`, `[2001:db8::1]:443` or `192.0.2.1`.

    Returns:
        The address; `NO_ADDRESS` for a name, and for anything else.
    """
    text = text.strip()
    bracketed, _, _ = text.removeprefix("[").partition("]")
    host, _, _ = text.rpartition(":")
    for candidate in (text, bracketed, host):
        try:
            # Without the zone (`fe80::1%eth0`), which is a name that anybody may choose.
            return str(ipaddress.ip_address(candidate)).partition("%")[0]
        except ValueError:
            continue
    return NO_ADDRESS


def split_request(line: str) -> tuple[str, str, str]:
    """Method, target and protocol of a request line (RFC 9112, 3): `GET /a?b HTTP/1.1`.

    Raises:
        ValueError: it is none, as where a client spoke TLS or nothing at all.
    """
    # The target may hold spaces when a client sends such a line, so it is what stands between the two ends.
    method, _, rest = line.partition(" ")
    target, _, protocol = rest.rpartition(" ")
    if not protocol.startswith("HTTP/"):
        target, protocol = rest, "HTTP/1.0"
    if not method.isascii() or not method.replace("-", "").replace("_", "").isalpha() or not target.strip():
        raise ValueError(f"{line[:60]!r} is no request line")
    return method, target, protocol


def split_url(url: str) -> tuple[str, str, str]:
    """Scheme, authority and target of a URL, or of a path alone (then the first two are "").

    The fragment is cut off: clients do not send it (RFC 9110, 4.2.5). The path stays as it is written.

    Raises:
        ValueError: it is no http or https URL and no path.
    """
    url = url.partition("#")[0]
    if url.startswith("/") or url == "*":
        return "", "", url
    scheme, found, rest = url.partition("://")
    if not found or scheme.lower() not in {"http", "https", "ws", "wss"}:
        raise ValueError(f"{url[:60]!r} is no http or https URL")
    end = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
    authority, target = rest[:end].rpartition("@")[2], rest[end:]
    if not authority:
        raise ValueError(f"{url[:60]!r} has no host")
    secure = scheme.lower() in {"https", "wss"}
    return "https" if secure else "http", authority, target if target.startswith("/") else "/" + target
