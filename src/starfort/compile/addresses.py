"""Turns address lists into packed, sorted and merged ranges.

A range is 32 bytes: first and last address as IPv6 in network byte order, IPv4 as `::ffff:a.b.c.d`
(RFC 4291, section 2.5.5.2). Bytes compare like the numbers that they stand for, so an address needs no other
object. A million addresses of a file took 1.5 s and 160 MB on one core when this was measured.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

MAX_ADDRESSES: Final = 1_000_000
"""Most addresses and networks of one list."""

RANGE_BYTES: Final = 32

MAX_FILE_BYTES: Final = 64 << 20
"""A million IPv6 networks of full length take 44 MB."""

MAX_PROBLEMS: Final = 20
"""How many wrong lines of one file are named at most; a file of another kind is wrong on every line."""

_MAPPED: Final = bytes(10) + b"\xff\xff"
_V4_OFFSET: Final = 96
_BITS: Final = 128


def pack(text: str) -> bytes:
    """The 32 bytes of an address or network; bits beyond the prefix are ignored.

    Raises:
        ValueError: it is neither.
    """
    # `ipaddress` would build an object for each of a million networks only to be asked for these bytes.
    address, slash, length = text.partition("/")
    try:
        if ":" in address:
            number, offset = socket.inet_pton(socket.AF_INET6, address), 0
        else:
            number, offset = _MAPPED + socket.inet_pton(socket.AF_INET, address), _V4_OFFSET
    except (OSError, ValueError):
        raise ValueError(f"{text[:64]!r} is no address or network") from None
    if not slash:
        return number + number
    if not (length.isascii() and length.isdigit() and len(length) <= 3 and int(length) <= _BITS - offset):  # noqa: PLR2004
        raise ValueError(f"{text[:64]!r}: the prefix length must be 0 to {_BITS - offset}")
    # Bits that are set beyond the prefix are cut off here; the configuration has refused such networks.
    mask = (1 << (_BITS - offset - int(length))) - 1
    first = int.from_bytes(number) & ~mask
    return first.to_bytes(16) + (first | mask).to_bytes(16)


def merge(ranges: Iterable[bytes]) -> bytes:
    """Packed ranges, sorted and joined where they overlap or touch."""
    merged: list[bytes] = []
    first = last = b""
    # Sorted by first address, so one pass joins everything that overlaps or touches.
    for one in sorted(ranges):
        low, high = one[:16], one[16:]
        if first and (low <= last or low == _after(last)):
            last = max(last, high)
            continue
        if first:
            merged.append(first + last)
        first, last = low, high
    if first:
        merged.append(first + last)
    return b"".join(merged)


def _after(address: bytes) -> bytes:
    """The next address; "" after the last one."""
    number = int.from_bytes(address) + 1
    return number.to_bytes(16) if number >> _BITS == 0 else b""


MAX_REMEMBERED: Final = 64
"""How many files are remembered with their latest content, which is 32 MB for a million addresses."""


@dataclass(frozen=True)
class ListFile:
    """The content of a list file.

    Attributes:
        ranges: packed, sorted, merged.
        count: addresses and networks.
        problems: line, column (from 1; 0 for the whole file) and what is wrong.
    """

    ranges: bytes = field(repr=False)
    count: int
    problems: tuple[tuple[int, int, str], ...]


_seen: dict[Path, tuple[tuple[int, int, int], ListFile]] = {}
"""The last state and content of each file."""


def read_file(path: Path) -> ListFile:
    """Read a list file: UTF-8, with one address or network on each line; `#` begins a comment.

    A file that has not changed since it was read is not read again.
    """
    try:
        found = path.stat()
        if found.st_size > MAX_FILE_BYTES:
            return ListFile(b"", 0, ((0, 0, f"is larger than {MAX_FILE_BYTES >> 20} MiB"),))
        state = (found.st_mtime_ns, found.st_ino, found.st_size)
        if path in _seen and _seen[path][0] == state:
            return _seen[path][1]
        read = _read(path)
    except OSError as error:
        return ListFile(b"", 0, ((0, 0, f"cannot be read: {error.strerror}"),))
    except UnicodeDecodeError:
        return ListFile(b"", 0, ((0, 0, "is not UTF-8"),))
    if len(_seen) >= MAX_REMEMBERED:
        # Hardly anybody has that many lists. Forgetting all costs one reading of each and needs no order.
        _seen.clear()
    _seen[path] = (state, read)
    return read


def _read(path: Path) -> ListFile:
    ranges: list[bytes] = []
    problems: list[tuple[int, int, str]] = []
    wrong = 0
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        # Lists that are published have comments behind addresses too.
        text = line.partition("#")[0].strip()
        if not text:
            continue
        try:
            ranges.append(pack(text))
        except ValueError as error:
            # Counted to the end, although only some are named: a few typos are not a file of another kind.
            wrong += 1
            if wrong <= MAX_PROBLEMS:
                problems.append((number, len(line) - len(line.lstrip()) + 1, str(error)))
    if wrong > MAX_PROBLEMS:
        problems.append((0, 0, f"{wrong - MAX_PROBLEMS} more lines are wrong"))
    if len(ranges) > MAX_ADDRESSES:
        problems.append((0, 0, f"has {len(ranges)} addresses, a list has at most {MAX_ADDRESSES}"))
    return ListFile(merge(ranges), len(ranges), tuple(problems))


def split(packed: bytes) -> list[bytes]:
    """The ranges of packed ranges, one by one."""
    return [packed[start : start + RANGE_BYTES] for start in range(0, len(packed), RANGE_BYTES)]
