"""Ingest takes the batches of filters: checks, writes to disk, acknowledges, merges and inserts them.

No acknowledged batch is lost when the disk or the spool is full or the store does not answer: `accept` does
not return before there is room. Until then the filter gets no acknowledgement, keeps its batches in bounded
memory, and counts the events that it drops.

The present comes first. The newest segment is inserted first, and the segments that it overtook (the backlog)
take turns with it. So detection sees the present, however many events wait. `missing` names the older times
that are not complete yet, and `late` names the times that became complete after detection had relied on them.
When even the present is more than the store can take, it is thinned (`overload`).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import math
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import pyarrow as pa
import structlog

from starfort.events import segment as segments
from starfort.events.errors import (
    BatchRefusedError,
    IngestClosedError,
    IngestOverloadedError,
    SegmentRefusedError,
)
from starfort.events.overload import DETAILS_ONLY, MOST_ONE_IN, About, intervals, look, reduce
from starfort.events.schema import EVENT_SCHEMA, complete
from starfort.events.segment import Record
from starfort.events.spool import Segment, Source, Spool
from starfort.events.validate import about, read_batch

Sink = Callable[[bytes, str], None]
"""Inserts an Arrow IPC stream; with the same token again it does nothing. Raises SegmentRefusedError when the
content can never go in; any other exception is tried again."""

_T = TypeVar("_T")
_log = structlog.get_logger(__name__)


class Outcome(StrEnum):
    """What became of a batch. The filter gets an acknowledgement in each case."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a batch, and what it holds.

    Attributes:
        outcome: whether the batch is stored, was stored before, or is not a batch of events.
        about: figures about its rows; empty when it was refused.
        rows: its rows, when it was stored now. The check decoded them, so code that counts them need not
            decode them again.
    """

    outcome: Outcome
    about: About = field(default_factory=About)
    rows: pa.Table | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """When batches are merged, inserted and thinned.

    Attributes:
        segment_rows: a segment with this many rows goes to the store.
        largest_rows: while the store is busy, the next segment is begun at this many rows. Large segments are
            cheaper to insert: each row costs 7 µs of CPU, and each insert 100 ms more.
        segment_bytes: the next segment is begun at this size. Reading a segment takes about six times its
            size in memory.
        segment_seconds: a segment of this age goes to the store. A shorter time would be expensive, because
            an insert costs as much as 10,000 rows. A longer time would be too late, because detection waits
            for the insert and has 3 s from the first call of an attack to its verdict.
        quiet_seconds: the same age for a segment with few rows, all of which only add to counts.
        quiet_rows: a segment with at most this many rows has few.
        pending_bytes: the most bytes that may wait for the disk.
        retry_seconds: the pause after a failed write or insert; it doubles up to `retry_most_seconds`.
        bare_seconds: a segment whose insert would take longer than this loses details.
        thin_seconds: a segment whose insert would take longer than this is thinned, because the next verdict
            would come later than 3 s.
        target_seconds: how long the insert of a thinned segment should take.
        close_seconds: how long `close` goes on inserting waiting segments.
    """

    segment_rows: int = 20_000
    largest_rows: int = 100_000
    segment_bytes: int = 32 << 20
    segment_seconds: float = 0.8
    quiet_seconds: float = 2.5
    quiet_rows: int = 100
    pending_bytes: int = 128 << 20
    retry_seconds: float = 0.1
    retry_most_seconds: float = 5.0
    bare_seconds: float = 2.0
    thin_seconds: float = 3.0
    target_seconds: float = 1.0
    close_seconds: float = 5.0


@dataclass(slots=True)
class Counters:
    """What happened since the start; every number only rises.

    Attributes:
        inserted_rows: rows that went to the store, including those that were thinned out.
        rows_without_details: rows that lost their details.
        rows_thinned_out: rows that were left out because the weight of another row counts them.
    """

    batches: int = 0
    rows: int = 0
    duplicates: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    overloaded: int = 0
    write_failures: int = 0
    inserted_rows: int = 0
    inserted_segments: int = 0
    insert_failures: int = 0
    refused_segments: int = 0
    refused_rows: int = 0
    rows_without_details: int = 0
    rows_thinned_out: int = 0


_LATE_BY_S: Final = 5.0
"""An event is late when its time had been called complete more than this many seconds before it. Windows of
detectors overlap by more than this, so an event that is less late is judged in the next window anyway."""

_MOST_LATE: Final = 10_000
"""The most spans of late segments that are kept until detection asks for them. The oldest are forgotten
first."""

_TURNS_UNDER_OVERLOAD: Final = 4
"""While the present is thinned, this many of its segments go in before one segment of the backlog. Otherwise
they alternate."""

PART_ROWS: Final = 10_000
"""A large segment of the backlog is inserted in parts of this many rows, so that the present waits for one
part only. After a kill the parts are cut again at the same rows, so this number may only change together with
the file's name (`Segment.in_parts`)."""

_BACKLOG_DEGREE: Final = 8
"""The degree (`overload.reduce`) at which the backlog goes in when the spool is half full."""

_SPEED_ROWS: Final = 5_000
"""Inserts with fewer rows do not count for the speed of the store, because most of their time is fixed
cost."""

_SPEED_MEMORY: Final = 0.7
"""The weight of the known speed in the moving average; the latest insert has the rest. After five inserts, a
sixth of the old figure is left."""


@dataclass(slots=True)
class _Pending:
    record: Record
    done: asyncio.Future[None]


class Ingest:
    """Takes batches of all filters. Use it from one event loop."""

    def __init__(
        self, directory: Path, sink: Sink, *, max_bytes: int = 2 << 30, settings: Settings | None = None
    ) -> None:
        self.settings = settings or Settings()
        self.counters = Counters()
        self.spool = Spool.open(directory, max_bytes)
        self._sink = sink
        self._pending: list[_Pending] = []
        self._writing: list[_Pending] = []
        self._pending_bytes = 0
        self._taking: dict[tuple[Source, int], asyncio.Task[Accepted]] = {}
        self._late: list[tuple[float, float]] = []
        self._speed = 0.0
        self._turns = 0
        self._failing = False
        self._closing_at = 0.0
        self._hurries = 0
        self.degree = 0
        self._wake_writer = asyncio.Event()
        self._wake_inserter = asyncio.Event()
        self._idle = asyncio.Event()
        self._closing = asyncio.Event()
        # One thread each: the spool is used by one thread only, and decoding must wait for neither disk nor
        # store.
        self._disk = ThreadPoolExecutor(1, "spool")
        self._insert = ThreadPoolExecutor(1, "insert")
        self._look = ThreadPoolExecutor(1, "look")
        self._tasks: list[asyncio.Task[None]] = []
        self.told = 0.0
        """Unix seconds: the latest time that was called complete. The code that tells detection sets it."""
        self.last_insert: float | None = None
        self.last_error = ""

    async def start(self) -> None:
        """Begin writing and inserting. Segments that the spool held already are inserted too."""
        self._wake_inserter.set()
        self._tasks = [
            asyncio.create_task(self._write_forever()),
            asyncio.create_task(self._insert_forever()),
        ]

    async def accept(self, node: str, instance: str, sequence: int, payload: bytes) -> Accepted:
        """Take a batch; returns when it may be acknowledged.

        Args:
            node: node name of the filter.
            instance: identity of its process.
            sequence: number of the batch, rising for each `(node, instance)`.
            payload: an Arrow IPC stream of events.

        Returns:
            The outcome, with figures about the batch. STORED: it is on disk. DUPLICATE: it was on disk
            before. REFUSED: it is not a batch of events; it was counted, and to send it again is useless.

        Raises:
            IngestOverloadedError: too many bytes wait for the disk; try later.
            IngestClosedError: ingest was closed before the batch was on disk.
        """
        if self._closing.is_set():
            raise IngestClosedError("ingest is closed")
        source = (node, instance)
        if self.spool.is_known(source, sequence):
            self.counters.duplicates += 1
            return Accepted(Outcome.DUPLICATE, await self._in(self._look, partial(about, payload)))
        taking = self._taking.get((source, sequence))
        if taking is not None:
            accepted = await asyncio.shield(taking)
            if accepted.outcome is not Outcome.STORED:
                return accepted
            self.counters.duplicates += 1
            return Accepted(Outcome.DUPLICATE, accepted.about)
        if self._pending_bytes + len(payload) > self.settings.pending_bytes:
            self.counters.overloaded += 1
            raise IngestOverloadedError(f"{self._pending_bytes} bytes wait for the disk")
        taking = asyncio.create_task(self._take(node, instance, sequence, payload))
        taking.add_done_callback(_looked_at)
        self._taking[(source, sequence)] = taking
        # The caller may be cancelled because its connection broke. The batch is written all the same, and the
        # filter learns that when it sends the batch again.
        return await asyncio.shield(taking)

    async def _take(self, node: str, instance: str, sequence: int, payload: bytes) -> Accepted:
        self._pending_bytes += len(payload)
        self._idle.clear()
        try:
            table = await self._in(self._look, partial(read_batch, payload, dt.datetime.now(dt.UTC)))
            held = await self._in(self._look, partial(look, table))
            # `close` may have begun while another thread read the batch.
            if self._closing.is_set():
                raise IngestClosedError("closed before the batch was on disk")
            record = Record(node, instance, sequence, table.num_rows, payload, held)
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._pending.append(_Pending(record, done))
            self._wake_writer.set()
            await done
        except BatchRefusedError as error:
            self.counters.refused[error.reason] += 1
            _log.warning("event batch refused", node=node, sequence=sequence, reason=str(error))
            return Accepted(Outcome.REFUSED)
        finally:
            self._pending_bytes -= len(payload)
            del self._taking[((node, instance), sequence)]
            self._wake_inserter.set()
        # The rows are views of the payload, which the record holds until it is on disk. So keeping them until
        # then takes no further memory.
        return Accepted(Outcome.STORED, held, table)

    async def _write_forever(self) -> None:
        """Write all waiting batches at once, with one fsync (group commit)."""
        while True:
            await self._wait(self._wake_writer)
            if not self._pending:
                if self._closing.is_set():
                    return
                continue
            group = self._take_group()
            self._writing = group
            written = await self._write(group)
            self._writing = []
            if not written:
                return
            self.counters.batches += len(group)
            self.counters.rows += sum(p.record.rows for p in group)
            for pending in group:
                self._finish(pending, None)
            if self._pending:
                self._wake_writer.set()
            self._wake_inserter.set()

    def _take_group(self) -> list[_Pending]:
        """The batches to write next: as many as fill a segment, so that it does not grow far beyond."""
        rows = count = 0
        for pending in self._pending:
            rows += pending.record.rows
            count += 1
            if rows >= self.settings.segment_rows:
                break
        group, self._pending = self._pending[:count], self._pending[count:]
        return group

    async def _write(self, group: list[_Pending]) -> bool:
        """Append a group, and try again until that succeeds. False when ingest was closed before."""
        pause = self.settings.retry_seconds
        records = [pending.record for pending in group]
        while True:
            try:
                await self._on_disk(partial(self._append, records))
            except OSError as error:
                self.counters.write_failures += 1
                self._failed("the spool cannot be written", error)
            else:
                return True
            if self._closing.is_set():
                # These batches were not acknowledged, so their filters still have them.
                for pending in [*group, *self._pending]:
                    self._finish(pending, IngestClosedError("closed before the batch was on disk"))
                return False
            # A full disk is tried again less and less often, up to every 5 s: people need minutes to make
            # room.
            await self._pause(pause)
            pause = min(pause * 2, self.settings.retry_most_seconds)

    def _append(self, records: list[Record]) -> None:
        self.spool.append(records)
        current = self.spool.open_segment
        if current and (
            current.rows >= self.settings.largest_rows or current.size >= self.settings.segment_bytes
        ):
            self.spool.seal()

    @staticmethod
    def _finish(pending: _Pending, error: Exception | None) -> None:
        if pending.done.done():  # its task was cancelled
            return
        if error is None:
            pending.done.set_result(None)
        else:
            pending.done.set_exception(error)
            pending.done.exception()  # its sender may be gone; then nobody else looks at it

    async def _insert_forever(self) -> None:
        """Insert the newest segment first, and the segments that it overtook in turns with it."""
        pause = self.settings.retry_seconds
        while True:
            segment = await self._next_segment()
            if segment is None:
                return
            self._failing = not await self._insert_one(segment)
            if not self._failing:
                pause = self.settings.retry_seconds
            elif self._closing.is_set():
                return
            else:
                await self._pause(pause)
                pause = min(pause * 2, self.settings.retry_most_seconds)

    async def _next_segment(self) -> Segment | None:
        """Wait for a segment that is due. None when ingest closes and nothing is left, or the time is up."""
        while True:
            closing = self._closing.is_set()
            if closing and time.monotonic() > self._closing_at + self.settings.close_seconds:
                return None
            waiting = self.spool.waiting  # a copy: the disk's thread changes the list
            backlog = [each for each in waiting if each.overtaken]
            present = [each for each in waiting if not each.overtaken]
            # The backlog gets its turn even if new segments come without end; otherwise it would wait for
            # ever.
            if backlog and self._turns >= (_TURNS_UNDER_OVERLOAD if self.degree else 1):
                self._turns = 0
                return backlog[-1]
            current = self.spool.open_segment
            left = self._due_in(current) if current else 0.0
            # While the store refuses inserts, the open segment goes on growing: one large insert later is
            # cheaper than many small ones, and the spool needs fewer files.
            if current and left <= 0 and not (present and self._failing):
                await self._on_disk(self.spool.seal)
                continue
            if present or backlog:
                self._turns += bool(present)
                return present[-1] if present else backlog[-1]
            if current is None:
                if not self._taking:
                    self._idle.set()
                    self.degree = 0
                if closing and not self._taking:
                    return None
            await self._wait(self._wake_inserter, left if current else None)
            if closing and current is None:
                await asyncio.sleep(0.01)  # batches on their way to the disk

    def _due_in(self, current: Segment) -> float:
        """Seconds until the open segment goes to the store."""
        settings, rows = self.settings, current.rows
        if rows >= settings.segment_rows or self._closing.is_set() or self._hurries:
            return 0.0
        # Rows that detectors need do not wait longer, because a quiet segment has only calls that add to
        # counts.
        quiet = rows <= settings.quiet_rows and current.about.ordinary == rows
        wait = settings.quiet_seconds if quiet else settings.segment_seconds
        # Bounded by `wait`, because the clock may have been set back since the segment was begun.
        return min(wait, current.created + wait - time.time())

    async def _insert_one(self, sealed: Segment) -> bool:
        try:
            rows, whole = await self._read_and_insert(sealed)
        except SegmentRefusedError as error:
            self.counters.refused_segments += 1
            self.counters.refused_rows += sealed.rows
            self._failed("the store refuses a segment; it is set aside", error)
            return await self._remove(partial(self.spool.set_aside, sealed))
        except Exception as error:  # noqa: BLE001 - whatever the store raises, the segment waits and is counted
            self.counters.insert_failures += 1
            self._failed("the store did not take a segment; it is tried again", error)
            return False
        self.counters.inserted_rows += rows
        self.last_insert = time.time()
        # The rest of its parts comes in later turns, so that the present waits for one part only.
        if not whole:
            return True
        self.counters.inserted_segments += 1
        # Tokens begin with the time at which a segment was begun, so the order of texts is the order of time.
        for other in self.spool.waiting:
            other.overtaken |= other.token < sealed.token
        passed = math.inf if sealed.overtaken else self.told - _LATE_BY_S
        self._late += [(begin, end) for begin, end in sealed.spans if begin < passed]
        del self._late[:-_MOST_LATE]
        return await self._remove(partial(self.spool.done, [sealed]))

    async def _read_and_insert(self, sealed: Segment) -> tuple[int, bool]:
        """Insert a segment or its next part.

        Returns:
            The number of rows that went in, and whether the whole segment is in the store now.
        """
        if self._is_divided(sealed) and not sealed.in_parts:
            await self._on_disk(partial(self.spool.divide, sealed))
        table = await self._in(self._insert, partial(_read, sealed))
        if sealed.in_parts:
            part, begin = sealed.parts_done, sealed.parts_done * PART_ROWS
            rows = table.slice(begin, PART_ROWS)
            await self._send(rows, f"{sealed.token}-{part}")
            sealed.parts_done += 1
            return rows.num_rows, begin + PART_ROWS >= table.num_rows
        degree = sealed.degree or self._wanted_degree(sealed)
        # The degree is in the file's name before the insert begins. After a kill, the repeated insert then
        # has the same rows, as its token promises.
        if degree and not sealed.degree:
            await self._on_disk(partial(self.spool.leave_out, sealed, degree))
        thinned = await self._in(self._insert, partial(reduce, table, degree, sealed.token))
        sealed.tried = True
        await self._send(thinned, sealed.token)
        if not sealed.overtaken:
            self.degree = degree
        if degree:
            self.counters.rows_without_details += thinned.num_rows
            self.counters.rows_thinned_out += table.num_rows - thinned.num_rows
        return table.num_rows, True

    async def _send(self, table: pa.Table, token: str) -> None:
        started = time.monotonic()
        await self._in(self._insert, lambda: self._sink(encode(table), token))
        self._learn_speed(table.num_rows, time.monotonic() - started)

    def _is_divided(self, sealed: Segment) -> bool:
        """Whether a segment of the backlog is so large that the present would wait for it."""
        # A whole insert may have begun with the segment's own token; parts with other tokens would double it.
        large = sealed.rows > PART_ROWS and sealed.rows > self._speed * self.settings.target_seconds
        return large and bool(self._speed) and sealed.overtaken and not sealed.tried and not self._spool_fills

    @property
    def _spool_fills(self) -> bool:
        return self.spool.size > self.spool.max_bytes / 2

    def _learn_speed(self, rows: int, seconds: float) -> None:
        if rows >= _SPEED_ROWS and seconds > 0:
            speed = rows / seconds
            self._speed += (1 - _SPEED_MEMORY if self._speed else 1.0) * (speed - self._speed)

    def _wanted_degree(self, sealed: Segment) -> int:
        """The degree to which a segment has to be thinned, so that the store keeps up with the present.

        Segments that were overtaken go in whole, unless the spool is half full. Then they are thinned,
        because filters would have to drop events unseen when the spool is full.
        """
        if not self._speed:
            return 0
        settings, held = self.settings, sealed.about
        seconds = sealed.rows / self._speed
        if sealed.overtaken:
            return _BACKLOG_DEGREE if self._spool_fills else 0
        if seconds <= settings.thin_seconds:
            return DETAILS_ONLY if seconds > settings.bare_seconds else 0
        # Rows that are not ordinary are never thinned, so the ordinary rows share the time that is left.
        left = self._speed * settings.target_seconds - (held.rows - held.ordinary)
        return min(MOST_ONE_IN, max(2, math.ceil(held.ordinary / max(1.0, left))))

    async def _remove(self, work: Callable[[], None]) -> bool:
        try:
            await self._on_disk(work)
        except OSError as error:
            self.counters.write_failures += 1
            self._failed("a segment could not be removed; it is tried again", error)
            return False
        self.last_error = ""
        return True

    async def _on_disk(self, work: Callable[[], None]) -> None:
        await self._in(self._disk, work)

    @staticmethod
    async def _in(where: ThreadPoolExecutor, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(where, work)

    async def _wait(self, event: asyncio.Event, seconds: float | None = None) -> None:
        """Wait for an event or for closing, at most for a number of seconds."""
        if not self._closing.is_set():
            waits = [asyncio.create_task(event.wait()), asyncio.create_task(self._closing.wait())]
            try:
                await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
        event.clear()

    async def _pause(self, seconds: float) -> None:
        """Wait a while, or until closing."""
        try:
            await asyncio.wait_for(self._closing.wait(), seconds)
        except TimeoutError:
            return

    def _failed(self, what: str, error: Exception) -> None:
        text = f"{what}: {str(error)[:300]}"
        # Logged once and not at each retry: there may be ten retries a second. The counters count each of
        # them.
        if text != self.last_error:
            _log.error(what, error=str(error)[:300])
        self.last_error = text

    async def flush(self) -> None:
        """Wait until every accepted batch is in the store. No segment waits for more rows meanwhile."""
        self._hurries += 1
        self._wake_inserter.set()
        try:
            await self._idle.wait()
        finally:
            self._hurries -= 1

    def seen_until(self) -> dt.datetime:
        """The time up to which the store is complete, except for `missing`.

        Returns:
            The end (UTC) of the earliest call that is not in the store and was not overtaken; the present
            time when there is no such call. Events that still wait in filters are not known here.
        """
        oldest = self._oldest_present()
        return dt.datetime.fromtimestamp(time.time() if oldest is None else min(oldest, time.time()), dt.UTC)

    def missing(self) -> list[tuple[dt.datetime, dt.datetime]]:
        """Times before `seen_until` whose events still wait, because newer events overtook them."""
        return intervals([span for each in self.spool.waiting if each.overtaken for span in each.spans])

    def late(self) -> list[tuple[dt.datetime, dt.datetime]]:
        """Times (UTC) whose events came into the store late, since the last call of this method.

        An event is late when newer events overtook it, or when it came after its time had been called
        complete (`told`). A filter whose connection was interrupted brings such events.
        """
        spans, self._late = self._late, []
        return intervals(spans)

    def _oldest_present(self) -> float | None:
        waiting = [each.oldest for each in self.spool.waiting if not each.overtaken]
        current = self.spool.open_segment
        if current is not None and current.rows:
            waiting.append(current.oldest)
        waiting += [pending.record.about.oldest for pending in (*self._writing, *self._pending)]
        return min(waiting, default=None)

    def status(self) -> dict[str, float | int | str]:
        """The present figures.

        Returns:
            Every counter (`refused_batches` is the sum of all reasons, `refused_REASON` counts one of them),
            `pending_bytes`, `spool_bytes`, `spool_rows`, `lag_seconds` (the age of `seen_until`),
            `missing_rows` and `missing_seconds` (events that were overtaken and still wait), `degree` (of the
            newest segment in the store, see `overload.reduce`) and `error`.
        """
        counters = self.counters
        figures: dict[str, float | int | str] = {
            name: getattr(counters, name) for name in counters.__slots__ if name != "refused"
        }
        figures["refused_batches"] = counters.refused.total()
        figures |= {f"refused_{reason}": number for reason, number in counters.refused.items()}
        aside = self.spool.counters
        figures |= {f"spool_{name}": getattr(aside, name) for name in aside.__slots__}
        oldest = self._oldest_present()
        return figures | {
            "pending_bytes": self._pending_bytes,
            "spool_bytes": self.spool.size,
            "spool_rows": self.spool.rows,
            "lag_seconds": max(0.0, time.time() - oldest) if oldest else 0.0,
            "missing_rows": sum(each.rows for each in self.spool.waiting if each.overtaken),
            "missing_seconds": sum((end - begin).total_seconds() for begin, end in self.missing()),
            "degree": self.degree,
            "error": self.last_error,
        }

    async def close(self) -> None:
        """Write waiting batches, insert for at most `close_seconds`, and stop; the spool keeps the rest."""
        self._closing_at = time.monotonic()
        self._closing.set()
        await asyncio.gather(*self._tasks)
        self._tasks = []
        await self._on_disk(self.spool.close)
        self._disk.shutdown()
        self._insert.shutdown()
        self._look.shutdown()


def _looked_at(task: asyncio.Task[Accepted]) -> None:
    # Asyncio logs an exception that nobody retrieved. The sender retrieves it, unless its connection broke.
    if not task.cancelled():
        task.exception()


def _read(sealed: Segment) -> pa.Table:
    content = segments.read(sealed.path, sealed.size)
    if not content.records or content.corrupt:
        raise SegmentRefusedError(f"{sealed.path.name}: {content.corrupt or 'it is empty'}")
    return merge(content.records)


def merge(records: list[Record]) -> pa.Table:
    """Merge batches into the rows of one insert.

    Args:
        records: validated batches.

    Returns:
        Their rows.

    Raises:
        SegmentRefusedError: a payload is not readable after all.
    """
    parts: list[pa.Table] = []
    try:
        # The rows are read from disk again although `accept` had decoded them: while the store does not
        # answer, keeping the rows of all waiting segments would need memory without a bound.
        for record in records:
            with pa.ipc.open_stream(record.payload) as reader:
                parts.append(complete(reader.read_all()))
        return pa.concat_tables(parts)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise SegmentRefusedError(f"a batch cannot be read: {type(error).__name__}") from error


def encode(table: pa.Table) -> bytes:
    """Write rows as an Arrow IPC stream with one record batch.

    Args:
        table: rows of EVENT_SCHEMA.
    """
    out = pa.BufferOutputStream()
    with pa.ipc.new_stream(out, EVENT_SCHEMA) as writer:
        writer.write_table(table.combine_chunks())
    # One record batch is one block in ClickHouse, which the deduplication token covers.
    content: bytes = out.getvalue().to_pybytes()
    return content
