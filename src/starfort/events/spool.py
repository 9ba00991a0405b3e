"""The spool: batches on disk between their acknowledgement and the store.

How nothing is lost or doubled, wherever a kill falls:

1. A batch is appended to the open segment and synced to disk; then it is acknowledged. A record that was cut
   off was not acknowledged, and its sender still has it.
2. A segment is sealed (never appended to again) and inserted whole, with its unique name as deduplication
   token. A kill during or after the insert leaves the file, and the next start inserts it again: the token
   makes that a no-op in the table, and nearly always in its rollups: a kill between the commits of a rollup
   and of the table may leave the segment in that rollup twice. What an overloaded ingest leaves out of a
   segment stands in its file's name before the insert, so that a repeated insert leaves out the same.
3. The highest sequence of each source is saved (`marks.json`), and only then is the file removed. So a
   batch that was durable but whose acknowledgement got lost is recognised when its sender repeats it: by
   the segments that still exist, or by the marks.

The spool is used from one thread; `is_known`, and `segment.read` of a sealed segment, may run elsewhere.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from starfort.base.files import sync_folder, write_private
from starfort.events import segment
from starfort.events.errors import SpoolError
from starfort.events.overload import About
from starfort.events.segment import MAGIC, Record
from starfort.events.validate import about

Source = tuple[str, str]
MAX_MARKS = 10_000
"""How many sources are remembered with their highest sequence; those that were silent longest go first. A
source is one Envoy process, so this is months of restarts of many nodes."""
MAX_SET_ASIDE = 20
"""Files that are kept in `set-aside` for a person to look at; the oldest go first."""
_SUFFIX = ".segment"
_FOLLOWS_S = 1.0
"""A batch that begins within this many seconds after another one continues its span. Filters send several
batches a second."""
_PARTS = ".parts.segment"
_DEGREE = re.compile(r"\.1in(\d{1,4})\.segment$")


@dataclass(slots=True)
class Segment:
    """One file of the spool.

    Attributes:
        path: the file.
        size: its bytes.
        rows: its rows.
        created: Unix seconds when it was begun.
        about: what its rows hold.
        overtaken: whether a newer one is in the store already, or an earlier process wrote it.
        tried: whether an insert of the whole segment may have begun.
        parts_done: how many of its parts are in the store, when it goes there in parts.
        spans: when its calls ended: a span of Unix seconds for each batch, joined with the one before it when
            they touch.
    """

    path: Path
    size: int = 0
    rows: int = 0
    created: float = 0.0
    about: About = field(default_factory=About)
    overtaken: bool = False
    tried: bool = False
    parts_done: int = 0
    spans: list[tuple[float, float]] = field(default_factory=list)

    def take(self, batch: About) -> None:
        """Take note of a batch that was added."""
        self.about = self.about.join(batch)
        if not batch.rows:
            return
        begin, end = batch.oldest, batch.newest
        if self.spans and begin <= self.spans[-1][1] + _FOLLOWS_S and end >= self.spans[-1][0]:
            last = self.spans.pop()
            begin, end = min(begin, last[0]), max(end, last[1])
        self.spans.append((begin, end))

    @property
    def token(self) -> str:
        """Deduplication token: the file's name up to the first dot, which no rename changes."""
        return self.path.name.partition(".")[0]

    @property
    def degree(self) -> int:
        """The degree at which it is inserted (`overload.reduce`); 0: with everything."""
        found = _DEGREE.search(self.path.name)
        return int(found.group(1)) if found else 0

    @property
    def in_parts(self) -> bool:
        """Whether it goes to the store in parts, each with a token of its own."""
        return self.path.name.endswith(_PARTS)

    @property
    def oldest(self) -> float:
        """Unix seconds when the first of its calls was over, or when the file was begun."""
        return self.about.oldest or self.created

    @property
    def newest(self) -> float:
        """Unix seconds when the last of its calls was over, or when the file was begun."""
        return self.about.newest or self.created


@dataclass(slots=True)
class SpoolCounters:
    """What happened to the spool since it was opened."""

    torn_segments: int = 0
    corrupt_segments: int = 0
    set_aside: int = 0
    dropped_set_aside: int = 0


@dataclass(slots=True)
class _Open:
    segment: Segment
    descriptor: int


@dataclass(slots=True)
class Spool:
    """Segments in a directory.

    Attributes:
        directory: the folder of the segments; it is made with mode 0700.
        max_bytes: the most bytes of all segments. Beyond it, `append` fails with ENOSPC as on a full disk.
        marks: highest durable sequence by source.
        sealed: segments that wait for the store, oldest first.
    """

    directory: Path
    max_bytes: int = 2 << 30
    marks: dict[Source, int] = field(default_factory=dict)
    sealed: list[Segment] = field(default_factory=list)
    counters: SpoolCounters = field(default_factory=SpoolCounters)
    _open: _Open | None = None
    _marking: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def open(cls, directory: Path, max_bytes: int = 2 << 30) -> Spool:
        """Open a spool and recover what an earlier process left.

        Args:
            directory: its directory.
            max_bytes: most bytes of all segments.

        Returns:
            The spool; what waits for the store is in `sealed`.

        Raises:
            SpoolError: the directory cannot be made, read or written.
        """
        spool = cls(directory, max_bytes)
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            spool.marks = _load_marks(directory / "marks.json")
            paths = sorted(directory.glob(f"*{_SUFFIX}"))
            for path in paths:
                spool._recover(path, newest=path == paths[-1])
        except OSError as error:
            raise SpoolError(
                f"{directory}: {error.strerror}; the spool needs a directory it may write"
            ) from error
        return spool

    def _recover(self, path: Path, *, newest: bool) -> None:
        """Take over a segment of an earlier process, up to its last whole record.

        A torn tail is what a kill leaves of the newest file. Anything else is damage: a copy of the file is
        kept for a person to look at.
        """
        content = segment.read(path)
        self.counters.torn_segments += content.torn
        if content.corrupt or (content.torn and not newest):
            self.counters.corrupt_segments += 1
            self._keep_copy(path)
        if not content.records:
            path.unlink()
            return
        size = len(MAGIC) + sum(len(record.encode()) for record in content.records)
        os.truncate(path, size)
        for record in content.records:
            self._mark(record)
        rows = sum(record.rows for record in content.records)
        # The process before may have begun to insert it whole, so it is never divided into parts.
        found = Segment(path, size, rows, path.stat().st_mtime, overtaken=True, tried=True)
        for record in content.records:
            found.take(about(record.payload))
        self.sealed.append(found)

    @property
    def size(self) -> int:
        """The bytes of all segments."""
        return sum(s.size for s in self.waiting) + (self._open.segment.size if self._open else 0)

    @property
    def rows(self) -> int:
        """The number of rows that are not in the store yet."""
        return sum(s.rows for s in self.waiting) + (self._open.segment.rows if self._open else 0)

    @property
    def waiting(self) -> list[Segment]:
        """A copy of `sealed`, for use in another thread."""
        return list(self.sealed)

    @property
    def open_segment(self) -> Segment | None:
        """The segment that is appended to, None when there is none."""
        return self._open.segment if self._open else None

    def append(self, records: Sequence[Record]) -> None:
        """Write records to the open segment and wait until they are on disk.

        Args:
            records: batches in the order of their sequences.

        Raises:
            OSError: the disk is full or broken, or the spool is; none of the records counts as written.
        """
        data = b"".join(record.encode() for record in records)
        if self.size + len(data) + len(MAGIC) > self.max_bytes:
            # The same error as of a full disk, because the caller waits and tries again in both cases.
            raise OSError(errno.ENOSPC, f"the spool holds its {self.max_bytes} bytes", str(self.directory))
        current = self._open or self._begin()
        try:
            _write_all(current.descriptor, data)
            # fdatasync is enough: it makes content and size durable and leaves out the times of the file.
            os.fdatasync(current.descriptor)
        except OSError:
            self._undo(current)
            raise
        current.segment.size += len(data)
        current.segment.rows += sum(record.rows for record in records)
        for record in records:
            current.segment.take(record.about)
            self._mark(record)

    def _begin(self) -> _Open:
        now = time.time()
        name = f"{time.time_ns():020d}-{secrets.token_hex(4)}{_SUFFIX}"
        path = self.directory / name
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        current = _Open(Segment(path, len(MAGIC), 0, now), descriptor)
        try:
            _write_all(descriptor, MAGIC)
            sync_folder(self.directory)
        except OSError:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        self._open = current
        return current

    def _undo(self, current: _Open) -> None:
        """After a failed write: cut the file back, and begin another one next time.

        After a failed fsync the kernel may have dropped pages and says so once only, so the file is not
        written again. What it held before is kept.
        """
        with contextlib.suppress(OSError):
            os.ftruncate(current.descriptor, current.segment.size)
        self.seal()

    def seal(self) -> None:
        """Close the open segment; it now waits for the store."""
        # An empty segment is removed: nothing would ever be inserted from it.
        if self._open is None:
            return
        current, self._open = self._open, None
        os.close(current.descriptor)
        if current.segment.rows:
            self.sealed.append(current.segment)
        else:
            current.segment.path.unlink(missing_ok=True)

    def leave_out(self, sealed: Segment, degree: int) -> None:
        """Write the degree of a segment into its name before it is inserted.

        Args:
            sealed: a sealed segment.
            degree: see `overload.reduce`.

        Raises:
            OSError: it cannot be renamed.
        """
        self._rename(sealed, f"{sealed.token}.1in{degree}{_SUFFIX}")

    def divide(self, sealed: Segment) -> None:
        """Write into a segment's name that it is inserted in parts.

        Args:
            sealed: a sealed segment whose insert has not begun.

        Raises:
            OSError: it cannot be renamed.
        """
        self._rename(sealed, f"{sealed.token}{_PARTS}")

    def _rename(self, sealed: Segment, name: str) -> None:
        target = self.directory / name
        sealed.path.rename(target)
        sealed.path = target
        sync_folder(self.directory)

    def done(self, segments: Iterable[Segment]) -> None:
        """Remove segments that are in the store, after saving the marks.

        Args:
            segments: sealed ones.

        Raises:
            OSError: the marks cannot be saved; the segments stay and are inserted again, which their tokens
                make harmless.
        """
        # The marks come first: without the file and without its marks, a repeated batch would count as new.
        self._save_marks()
        for finished in segments:
            finished.path.unlink(missing_ok=True)
            self.sealed.remove(finished)

    def set_aside(self, refused: Segment) -> None:
        """Move a segment that the store will never take to `set-aside`.

        Args:
            refused: a sealed segment.

        Raises:
            OSError: it cannot be moved.
        """
        self._keep_copy(refused.path)
        self.done([refused])

    def _keep_copy(self, path: Path) -> None:
        aside = self.directory / "set-aside"
        aside.mkdir(mode=0o700, exist_ok=True)
        kept = sorted(aside.iterdir())
        for old in kept[: max(0, len(kept) - MAX_SET_ASIDE + 1)]:
            old.unlink()
            self.counters.dropped_set_aside += 1
        write_private(aside / path.name, path.read_bytes())
        self.counters.set_aside += 1

    def is_known(self, source: Source, sequence: int) -> bool:
        """Say whether a batch is durable already. Safe from any thread.

        Args:
            source: node and instance.
            sequence: of the batch.
        """
        with self._marking:
            return sequence <= self.marks.get(source, -1)

    def _mark(self, record: Record) -> None:
        with self._marking:
            last = self.marks.pop(record.source, -1)
            # Removed and put in again, so that the order of the dict is the order of the last batch.
            self.marks[record.source] = max(last, record.sequence)
            if len(self.marks) > MAX_MARKS:
                del self.marks[next(iter(self.marks))]

    def _save_marks(self) -> None:
        rows = [[node, instance, sequence] for (node, instance), sequence in self.marks.items()]
        write_private(self.directory / "marks.json", json.dumps(rows).encode())

    def close(self) -> None:
        """Seal the open segment. What waits is inserted after the next start."""
        self.seal()


def _load_marks(path: Path) -> dict[Source, int]:
    """Read the marks; a broken file counts as none (a batch may then be stored twice, never lost)."""
    try:
        rows = json.loads(path.read_bytes())
        return {(str(node), str(instance)): int(sequence) for node, instance, sequence in rows}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError):
        return {}


def _write_all(descriptor: int, data: bytes) -> None:
    # write(2) may write less than it was given, on a disk that is almost full.
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
