"""Durations and sizes as people write them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

_DURATION_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
# IEC 80000-13 (binary) and SI prefixes. `K` alone is none of them, and people mean either by it.
_SIZE: Final = {"B": 1, "kB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


def parse_duration(text: str) -> timedelta:
    """Read `500ms`, `10s`, `1.5h` or `7d`, in configuration, detectors and options alike.

    Raises:
        ValueError: anything else; the message says what is expected.
    """
    # `[0-9]` and not `\d`, which takes the digits of all scripts. Nine digits keep the sum within a
    # `timedelta`.
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*(ms|s|m|h|d)", text.strip())
    if found is None:
        raise ValueError(
            f"{text!r} is no duration: write a number and a unit, such as 500ms, 10s, 5m, 2h or 7d"
        )
    return timedelta(seconds=float(found[1]) * _DURATION_S[found[2]])


def parse_size(text: str) -> int:
    """Read `64KiB`, `1MiB`, `10MB` or a number of bytes; the result is bytes.

    Raises:
        ValueError: anything else; the message says what is expected.
    """
    # Twelve digits suffice for a terabyte in bytes.
    found = re.fullmatch(r"([0-9]{1,12})\s*(B|kB|MB|GB|KiB|MiB|GiB)?", text.strip())
    if found is None:
        raise ValueError(
            f"{text!r} is no size: write bytes or a number and a unit, such as 64KiB, 1MiB or 10MB"
        )
    return int(found[1]) * _SIZE[found[2] or "B"]


def parse_rate(text: str) -> tuple[int, timedelta]:
    """Read `10/s`, `100/1m` or `5/10s`: requests, and the period in which they may come.

    Raises:
        ValueError: anything else; the message says what is expected.
    """
    # The engine counts requests in 32 bits.
    number, slash, period = text.partition("/")
    if not slash or not re.fullmatch(r"[0-9]{1,10}", number.strip()) or not 0 < int(number) < 2**32:
        raise ValueError(f"{text!r} is no rate: write requests/period, such as 10/s or 100/1m")
    period = period.strip()
    # `/s` is short for `/1s`.
    return int(number), parse_duration(period if period[:1].isdigit() else f"1{period}")
