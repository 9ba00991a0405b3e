"""Apache httpd: directives of `LogFormat` (https://httpd.apache.org/docs/2.4/mod/mod_log_config.html)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from starfort.sources.errors import SourceError

_DIRECTIVE: Final = re.compile(r"%(?:%|[!0-9,]*[<>]?(?:\{([^}]*)\})?[<>]?(\^t[io]|[A-Za-z]))")

COMMON: Final = '%h %l %u %t "%r" %>s %b'
COMBINED: Final = COMMON + ' "%{Referer}i" "%{User-Agent}i"'
VHOST_COMBINED: Final = "%v:%p " + COMBINED
"""The formats of httpd's own configuration, and Debian's for several hosts."""

_PLAIN: Final = {
    "h": "address", "a": "address", "t": "time", "r": "request", "m": "method", "U": "path", "q": "query",
    "H": "protocol", "s": "status", "b": "response_bytes", "B": "response_bytes", "O": "response_bytes",
    "D": "duration_us", "T": "duration_s", "v": "server", "V": "host",
}  # fmt: skip
_TIMES: Final = {"sec": "time_s", "msec": "time_ms", "usec": "time_us"}
_UNITS: Final = {"s": "duration_s", "ms": "duration_ms", "us": "duration_us"}


def tokens(text: str) -> Iterator[str | tuple[str, ...]]:
    """Literals and fields of a `LogFormat`.

    Raises:
        SourceError: a `%` that begins no directive.
    """
    # In a configuration file quotes within the format are written with a backslash.
    text = text.replace('\\"', '"').replace("\\t", "\t")
    at = 0
    while (start := text.find("%", at)) >= 0:
        if start > at:
            yield text[at:start]
        found = _DIRECTIVE.match(text, start)
        if found is None:
            raise SourceError(f"the log format has a % at character {start + 1} that begins no directive")
        yield "%" if found[0] == "%%" else _fields(found[2], found[1] or "")
        at = found.end()
    if at < len(text):
        yield text[at:]


def _fields(letter: str, argument: str) -> tuple[str, ...]:
    if letter in {"i", "o"}:
        return _header(argument) if letter == "i" else (f"resp:{argument.lower()}",)
    if letter == "t" and argument:
        kind = argument.removeprefix("begin:")
        if kind.startswith("end:"):
            return ("end_time",)
        # Any other argument is a format of strftime, of which ISO 8601 and Unix seconds are understood.
        return (_TIMES.get(kind, "time"),)
    if letter == "T" and argument:
        return (_UNITS[argument],) if argument in _UNITS else ()
    if letter in {"a", "p", "P"} and argument not in {"", "c"}:
        return ()
    name = _PLAIN.get(letter)
    return (name,) if name else ()


def _header(name: str) -> tuple[str, ...]:
    lower = name.lower()
    if lower == "host":
        return ("host",)
    return ("forwarded",) if lower == "x-forwarded-for" else (f"req:{lower}",)
