"""A segment of the spool: a file of records, each a batch with its source, length and checksum.

The file is MAGIC, then records. A record is the length of the rest (u32), CRC-32 of the rest (u32), and the
rest: sequence (u64), rows (u32), length of node (u16), length of instance (u16), node, instance, payload. All
numbers are big endian. A file that ends inside a record was being written when the process died; that record
was never acknowledged.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from starfort.events.overload import About

MAGIC = b"SFSPOOL1"
_HEAD = struct.Struct(">II")
_REST = struct.Struct(">QIHH")
# Above the largest batch (`validate.MAX_BYTES`, 64 MiB). A damaged length must not make the reader take the
# rest of the file for one record.
_MAX_RECORD = 96 << 20


@dataclass(frozen=True, slots=True)
class Record:
    """A batch and where it came from; `about` is not on disk."""

    node: str
    instance: str
    sequence: int
    rows: int
    payload: bytes
    about: About = field(default=About(), compare=False)

    @property
    def source(self) -> tuple[str, str]:
        """The source whose sequences these are."""
        return (self.node, self.instance)

    def encode(self) -> bytes:
        """Write the record.

        Returns:
            Its bytes in a segment.
        """
        # The checksum covers the head too: a record with another source would be known under a wrong
        # sequence.
        node, instance = self.node.encode(), self.instance.encode()
        head = _REST.pack(self.sequence, self.rows, len(node), len(instance))
        rest = b"".join((head, node, instance, self.payload))
        return _HEAD.pack(len(rest), zlib.crc32(rest)) + rest


@dataclass(frozen=True, slots=True)
class Content:
    """What a segment's file holds.

    Attributes:
        records: every whole record up to the first that is not.
        torn: the file ends inside a record.
        corrupt: what is wrong otherwise, "" when nothing is.
    """

    records: list[Record]
    torn: bool = False
    corrupt: str = ""


def read(path: Path, limit: int | None = None) -> Content:
    """Read a segment.

    Args:
        path: its file.
        limit: bytes that count, all when None.

    Returns:
        Its records, and whether the file is torn or corrupt. A broken file is not an error here.

    Raises:
        OSError: it cannot be read.
    """
    return parse(path.read_bytes()[:limit])


def parse(data: bytes) -> Content:
    """Read a segment's bytes.

    Args:
        data: the whole file.

    Returns:
        Its records, and whether it is torn or corrupt.
    """
    if not data.startswith(MAGIC):
        # A kill may leave fewer bytes than MAGIC has.
        torn = MAGIC.startswith(data)
        return Content([], torn, "" if torn else "it does not start as a segment does")
    records: list[Record] = []
    offset = len(MAGIC)
    while offset < len(data):
        found = _record_at(data, offset)
        if not isinstance(found, tuple):
            return Content(records, torn=found == "", corrupt=found)
        record, offset = found
        records.append(record)
    return Content(records)


def _record_at(data: bytes, offset: int) -> tuple[Record, int] | str:
    """One record and where the next one begins; "" when the file ends inside it; else what is wrong."""
    start = offset + _HEAD.size
    if start > len(data):
        return ""
    length, checksum = _HEAD.unpack_from(data, offset)
    if not _REST.size <= length <= _MAX_RECORD:
        return f"record at byte {offset} says it has {length} bytes"
    if start + length > len(data):
        return ""
    rest = data[start : start + length]
    if zlib.crc32(rest) != checksum:
        return f"record at byte {offset} does not match its checksum"
    record = _record(rest)
    return (record, start + length) if record else f"record at byte {offset} has a broken head"


def _record(rest: bytes) -> Record | None:
    sequence, rows, node_length, instance_length = _REST.unpack_from(rest)
    middle = _REST.size + node_length
    end = middle + instance_length
    if end > len(rest):
        return None
    try:
        node, instance = rest[_REST.size : middle].decode(), rest[middle:end].decode()
    except UnicodeDecodeError:
        return None
    return Record(node, instance, sequence, rows, rest[end:])
