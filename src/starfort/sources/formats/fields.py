"""The fields of an access log, and the call that they make.

Formats differ in how they write a line and agree in what is in it. A format's own reader therefore gives
values by the names below (`Fields`), and `call_of` makes the call.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from starfort.sources.call import (
    NO_ADDRESS,
    Call,
    Part,
    address_of,
    header_pairs,
    peeled,
    protocol_of,
    split_request,
    split_url,
    to_bytes,
)

Fields = dict[str, str]
"""Values by name. Names are those of `NAMES`, or `req:NAME` and `resp:NAME` for a header (lower case)."""

NAMES: Final = frozenset({
    "time", "end_time", "time_s", "time_ms", "time_us", "request", "method", "target", "path",
    "query", "protocol", "status", "host", "server", "scheme", "address", "forwarded", "id", "request_bytes",
    "response_bytes", "duration_s", "duration_ms", "duration_us", "duration_ns", "tls",
})  # fmt: skip
"""`server`: a name that the server is configured with, which counts where there is no `host`. `end_time`:
when the call ended, which counts where nothing says when it began. `forwarded`: X-Forwarded-For."""

LOG_UNSEEN: Final = frozenset(
    {Part.REQUEST_HEADERS, Part.REQUEST_BODY, Part.RESPONSE_HEADERS, Part.RESPONSE_BODY}
)
"""What an access log does not carry; single headers may be there all the same."""

_ABSENT: Final = frozenset({"", "-"})
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_CLF: Final = re.compile(
    r"\[?(\d{2})/([A-Za-z]{3})/(\d{4}):(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,6}))? ?([+-])(\d{2})(\d{2})\]?",
    re.ASCII,
)
"""The time of the common log format: `10/Oct/2000:13:55:36 -0700`."""
_NUMBER: Final = re.compile(r"\d{1,20}(\.\d{1,20})?", re.ASCII)
_SECONDS: Final = 10**11
_MILLISECONDS: Final = 10**14
_MICROSECONDS: Final = 10**17


def call_of(fields: Mapping[str, str]) -> Call:
    """The call that the fields of one line make.

    Raises:
        ValueError: no method and target, no status, or a value that is none of its kind.
    """
    known = {name: value for name, value in fields.items() if value not in _ABSENT}
    method, target, protocol = _request(known)
    scheme, authority, target = split_url(target)
    duration_us = _duration(known)
    shown = [(name[4:], value) for name, value in known.items() if name.startswith("req:")]
    if "forwarded" in known:
        shown.append(("x-forwarded-for", known["forwarded"]))
    address, headers = peeled(header_pairs(shown), address_of(known.get("address", NO_ADDRESS)))
    answered = [(name[5:], value) for name, value in known.items() if name.startswith("resp:")]
    return Call(
        method=method,
        target=to_bytes(target),
        host=authority or known.get("host", "") or known.get("server", ""),
        scheme=_scheme(known, scheme),
        time_us=_time(known, duration_us),
        duration_us=duration_us,
        protocol=protocol_of(protocol),
        address=address,
        id=known.get("id", ""),
        headers=headers,
        request_bytes=_count(known.get("request_bytes")),
        status=_status(known.get("status", "")),
        response_headers=header_pairs(answered),
        response_bytes=_count(known.get("response_bytes")),
        unseen=LOG_UNSEEN,
    )


def _request(known: Mapping[str, str]) -> tuple[str, str, str]:
    method, target, protocol = "", "", ""
    if "request" in known:
        method, target, protocol = split_request(known["request"])
    method = known.get("method", method)
    target = known.get("target", target)
    if not target and "path" in known:
        query = known.get("query", "").removeprefix("?")
        target = known["path"] + (f"?{query}" if query else "")
    if not method or not target:
        raise ValueError("no method and path")
    return method, target, known.get("protocol", protocol)


def _scheme(known: Mapping[str, str], scheme: str) -> str:
    said = known.get("scheme", "").lower()
    if said in {"http", "https"}:
        return said
    return scheme or ("https" if "tls" in known else "http")


def _status(text: str) -> int | None:
    """The status; `None` where the client left before there was one, which logs write as 0 or 499."""
    if not text.isascii() or not text.isdigit() or len(text) > 3:  # noqa: PLR2004 (three digits, RFC 9110, 15)
        raise ValueError(f"{text[:20]!r} is no status")
    status = int(text)
    return status if status >= 100 else None  # noqa: PLR2004 (the least status, RFC 9110, 15)


def _count(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:  # noqa: PLR2004 (2^63)
        raise ValueError(f"{text[:20]!r} is no number of bytes")
    return int(text)


def _duration(known: Mapping[str, str]) -> int:
    for unit, factor in (("us", 1.0), ("ms", 1e3), ("s", 1e6), ("ns", 1e-3)):
        text = known.get(f"duration_{unit}")
        # A list of times is that of several upstreams that were tried; the last one answered.
        if text is not None and _NUMBER.fullmatch(text.rpartition(",")[2].strip()):
            return round(float(text.rpartition(",")[2]) * factor)
    return 0


def _time(known: Mapping[str, str], duration_us: int) -> int | None:
    for name, factor in (("time_us", 1), ("time_ms", 1_000), ("time_s", 1_000_000)):
        text = known.get(name)
        if text is not None:
            if not _NUMBER.fullmatch(text):
                raise ValueError(f"{text[:40]!r} is no time")
            return round(float(text) * factor) if "." in text else int(text) * factor
    if "time" in known:
        return time_of(known["time"])
    # Most servers write when the call was over.
    if "end_time" in known:
        return time_of(known["end_time"]) - duration_us
    return None


def time_of(text: str) -> int:
    """Unix microseconds of a time as logs write it: ISO 8601, the common log format, or a Unix time.

    A Unix time is in seconds, milliseconds, microseconds or nanoseconds, whichever gives a year before 5138.

    Raises:
        ValueError: it is none of these.
    """
    if _NUMBER.fullmatch(text):
        return _unix(text)
    found = _CLF.fullmatch(text)
    if found is not None:
        return _clf(found)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no time") from None
    # A time without zone is taken for UTC: the same file gives the same times on every machine.
    return _since_epoch(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _clf(found: re.Match[str]) -> int:
    day, month, year, hour, minute, second, fraction, sign, hours, minutes = found.groups()
    number = _MONTHS.get(month.lower())
    if number is None:
        raise ValueError(f"{month!r} is no month")
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    zone = timezone(-offset if sign == "-" else offset)
    # A leap second is written as :60 (RFC 3339, 5.6), which Python does not know.
    moment = datetime(int(year), number, int(day), int(hour), int(minute), min(int(second), 59), tzinfo=zone)
    return _since_epoch(moment) + int((fraction or "0").ljust(6, "0"))


def _unix(text: str) -> int:
    value = float(text)
    if not math.isfinite(value) or value >= _MICROSECONDS * 100:
        raise ValueError(f"{text[:40]!r} is no time")
    if value < _SECONDS:
        return round(value * 1e6)
    if value < _MILLISECONDS:
        return round(value * 1e3)
    return round(value) if value < _MICROSECONDS else round(value / 1e3)


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _since_epoch(moment: datetime) -> int:
    try:
        return (moment - _EPOCH) // timedelta(microseconds=1)
    except OverflowError as error:
        raise ValueError(f"{moment} is no time") from error
