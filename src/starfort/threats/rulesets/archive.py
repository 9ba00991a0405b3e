"""Reads rule files from an archive or a folder into memory, within limits. Nothing is unpacked to disk."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

MAX_ARCHIVE_BYTES: Final = 32 << 20
"""The full release of CRS 4 has 1.5 MB."""

MAX_FILE_BYTES: Final = 8 << 20
"""The most bytes of one unpacked file; the largest one of CRS 4 has 200 KB."""

MAX_TOTAL_BYTES: Final = 64 << 20
"""The most bytes of all unpacked files together."""

MAX_MEMBERS: Final = 20_000
"""The most entries of an archive; CRS with its tests has about 1,000."""

# Set-up files are examples in a release, and rules read their lists from data files.
_WANTED: Final = (".conf", ".conf.example", ".data")


class ArchiveError(ValueError):
    """The source contains no rules, or more than it may."""


def read_files(source: Path) -> dict[PurePosixPath, bytes]:
    """The rule and data files of a folder, tar (any compression) or zip archive, by their path in it.

    Links, devices and paths that lead out of the archive are left out.

    Raises:
        ArchiveError: the source is neither, is damaged, or is over a limit.
    """
    try:
        if source.is_dir():
            return _take(_folder(source))
        # The size is checked before reading, so that a large file costs no memory.
        size = source.stat().st_size
        if size > MAX_ARCHIVE_BYTES:
            raise ArchiveError(f"{source} has {size:,} bytes, more than {MAX_ARCHIVE_BYTES >> 20} MiB")
        content = source.read_bytes()
    except OSError as error:
        raise ArchiveError(f"{source} cannot be read: {error.strerror}") from error
    try:
        if zipfile.is_zipfile(io.BytesIO(content)):
            return _take(_zip(content))
        return _take(_tar(content))
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        EOFError,
        OSError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise ArchiveError(f"{source} is no tar or zip archive, or is damaged: {error}") from error


def _take(members: Iterator[tuple[str, int, bytes | None]]) -> dict[PurePosixPath, bytes]:
    """The wanted files, within the limits.

    Args:
        members: name, size and content (None: not a regular file).
    """
    taken: dict[PurePosixPath, bytes] = {}
    total = 0
    for count, (name, size, content) in enumerate(members, 1):
        if count > MAX_MEMBERS:
            raise ArchiveError(f"more than {MAX_MEMBERS} entries")
        path = PurePosixPath(name)
        # No file is written under a name from the archive, but the names are shown and recorded.
        if content is None or path.is_absolute() or ".." in path.parts:
            continue
        total += size
        if size > MAX_FILE_BYTES or total > MAX_TOTAL_BYTES:
            raise ArchiveError(f"{name}: files are larger than {MAX_TOTAL_BYTES >> 20} MiB together")
        taken[path] = content
    return taken


def _wanted(name: str) -> bool:
    return name.endswith(_WANTED) or PurePosixPath(name).name == "LICENSE"


def _folder(folder: Path) -> Iterator[tuple[str, int, bytes | None]]:
    # Sorted, so that the same folder always gives the same digests.
    for file in sorted(folder.rglob("*")):
        if _wanted(file.name) and file.is_file():
            size = file.stat().st_size
            yield str(file.relative_to(folder)), size, file.read_bytes() if size <= MAX_FILE_BYTES else b""


def _tar(content: bytes) -> Iterator[tuple[str, int, bytes | None]]:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:*") as archive:
        for member in archive:
            opened = archive.extractfile(member) if member.isreg() and _wanted(member.name) else None
            # Reading no more than the limit keeps a small archive from growing large in memory.
            yield member.name, member.size, None if opened is None else opened.read(MAX_FILE_BYTES)


def _zip(content: bytes) -> Iterator[tuple[str, int, bytes | None]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in archive.infolist():
            data = None
            if not member.is_dir() and _wanted(member.filename):
                with archive.open(member) as opened:
                    # The size that a zip states may be false, so the bytes that were read count. One byte
                    # more than allowed shows that there are more.
                    data = opened.read(MAX_FILE_BYTES + 1)
            yield member.filename, len(data) if data is not None else 0, data
