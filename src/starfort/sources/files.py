"""Opens what people name: files, folders and standard input, with and without compression."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import pyarrow as pa

from starfort.sources.errors import SourceError

MAX_FILES: Final = 10_000
"""Files of all folders together."""

STDIN: Final = Path("-")

PEEK_BYTES: Final = 256 * 1024
"""How much of a file is looked at to recognise its format."""

_MAGIC: Final = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
"""First bytes of gzip (RFC 1952, 2.3.1) and of Zstandard (RFC 8878, 3.1.1)."""

_LONGEST_MAGIC: Final = b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True, slots=True)
class Input:
    """One file, open.

    Attributes:
        name: as people wrote it.
        head: its first `PEEK_BYTES`, without compression.
        stream: all of its content, without compression.
        raw: the file itself.
    """

    name: str
    head: bytes
    stream: BinaryIO
    raw: BinaryIO

    def at(self) -> int:
        """Bytes of the file that were read, compressed as they are; 0 when that is not known."""
        try:
            return self.raw.tell()
        except (OSError, ValueError):
            return 0


class _Whole(io.RawIOBase):
    """A stream, together with the bytes that were already read from its beginning."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head = memoryview(head)
        self._rest = rest

    def readable(self) -> bool:
        """True: it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer, and return how many bytes are in it; 0 at the end."""
        if self._head:
            some = self._head[: len(buffer)]
            self._head = self._head[len(some) :]
        else:
            some = memoryview(self._rest.read(len(buffer)))
        buffer[: len(some)] = some
        return len(some)


def expand(paths: Iterable[Path]) -> list[Path]:
    """The files that some paths stand for: a folder stands for all files below it, `-` for standard input.

    Raises:
        SourceError: a path is missing, or there are too many files.
    """
    found: list[Path] = []
    for path in paths:
        if path == STDIN or not path.is_dir():
            if path != STDIN and not path.exists():
                raise SourceError(f"{path} does not exist")
            found.append(path)
        else:
            # Hidden files are those of editors and version control.
            inside = (file for file in sorted(path.rglob("*")) if file.is_file())
            found += [
                file
                for file in inside
                if not any(part.startswith(".") for part in file.relative_to(path).parts)
            ]
        if len(found) > MAX_FILES:
            raise SourceError(f"there are more than {MAX_FILES:,} files", "name fewer at once")
    return found


def size_of(paths: Iterable[Path]) -> int | None:
    """Bytes of all files, compressed as they are; `None` when one is standard input or a pipe."""
    total = 0
    for path in paths:
        if path == STDIN or not path.is_file():
            return None
        total += path.stat().st_size
    return total


@contextmanager
def opened(path: Path) -> Iterator[Input]:
    """Open one file, and undo gzip or Zstandard, which the first bytes tell.

    Raises:
        SourceError: it cannot be opened, or its beginning cannot be read.
    """
    with ExitStack() as held:
        try:
            # Standard input by its number: it is read as bytes, whatever wraps it.
            raw = open(0, "rb", closefd=False) if path == STDIN else path.open("rb")  # noqa: SIM115 (below)
            held.enter_context(raw)
            plain = _plain(raw, held)
            head = _read(plain, PEEK_BYTES)
        except (OSError, pa.ArrowException) as error:
            raise SourceError(f"{path} cannot be read: {error}") from error
        stream = io.BufferedReader(_Whole(head, plain), PEEK_BYTES)
        yield Input("stdin" if path == STDIN else str(path), head, stream, raw)


def _plain(raw: io.BufferedReader, held: ExitStack) -> BinaryIO:
    start = raw.peek(len(_LONGEST_MAGIC))
    for magic, codec in _MAGIC.items():
        if start.startswith(magic):
            inner = held.enter_context(pa.PythonFile(raw, mode="r"))
            return cast("BinaryIO", held.enter_context(pa.CompressedInputStream(inner, codec)))
    return raw


def _read(stream: BinaryIO, most: int) -> bytes:
    """The first bytes: all of them, although a pipe gives them piece by piece."""
    pieces: list[bytes] = []
    while most > 0 and (piece := stream.read(most)):
        pieces.append(piece)
        most -= len(piece)
    return b"".join(pieces)
