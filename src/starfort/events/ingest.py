"""Ingest: a filter's batch → validated → on disk (acknowledged) → merged with others → in the store.

A full disk, a full spool or a store that is away never loses what was acknowledged: `accept` then simply does
not return until there is room, so nothing is acknowledged, and the filter keeps the batches in its bounded
memory and counts what it drops.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path

import pyarrow as pa
import structlog

from starfort.events import segment as segments
from starfort.events.errors import (
    BatchRefusedError,
    IngestClosedError,
    IngestOverloadedError,
    SegmentRefusedError,
)
from starfort.events.schema import EVENT_SCHEMA, complete
from starfort.events.segment import Record
from starfort.events.spool import Segment, Source, Spool
from starfort.events.validate import read_batch

Sink = Callable[[bytes, str], None]
"""Inserts an Arrow IPC stream; with the same token again it does nothing. Raises SegmentRefusedError when the
content can never go in; any other exception is tried again."""

_log = structlog.get_logger(__name__)


class Outcome(StrEnum):
    """What became of a batch; each may be acknowledged."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Settings:
    """How batches are merged.

    Attributes:
        segment_rows: rows after which a segment goes to the store; 5,000 to 20,000 insert best.
        segment_bytes: bytes after which it goes.
        segment_seconds: age after which it goes.
        pending_bytes: most bytes that wait for the disk.
        retry_seconds: pause after a failed write or insert, doubled up to `retry_most_seconds`.
    """

    segment_rows: int = 20_000
    segment_bytes: int = 64 << 20
    segment_seconds: float = 0.25
    pending_bytes: int = 128 << 20
    retry_seconds: float = 0.1
    retry_most_seconds: float = 5.0


@dataclass(slots=True)
class Counters:
    """What happened since the start; every number only rises."""

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
        self._pending_bytes = 0
        self._waiting: dict[tuple[Source, int], asyncio.Future[None]] = {}
        self._wake_writer = asyncio.Event()
        self._wake_inserter = asyncio.Event()
        self._idle = asyncio.Event()
        self._closing = asyncio.Event()
        self._disk = ThreadPoolExecutor(1, "spool")
        self._insert = ThreadPoolExecutor(1, "insert")
        self._tasks: list[asyncio.Task[None]] = []
        self.last_insert: float | None = None
        self.last_error = ""

    async def start(self) -> None:
        """Begin writing and inserting; what the spool held goes in first."""
        self._wake_inserter.set()
        self._tasks = [
            asyncio.create_task(self._write_forever()),
            asyncio.create_task(self._insert_forever()),
        ]

    async def accept(self, node: str, instance: str, sequence: int, payload: bytes) -> Outcome:
        """Take a batch; returns when it may be acknowledged.

        Args:
            node: node name of the filter.
            instance: identity of its process.
            sequence: number of the batch, rising for each `(node, instance)`.
            payload: an Arrow IPC stream of events.

        Returns:
            STORED: it is on disk. DUPLICATE: it was already. REFUSED: it is not a batch of events; it was
            counted, and sending it again is of no use.

        Raises:
            IngestOverloadedError: too much waits for the disk; try later.
            IngestClosedError: closed before it was on disk.
        """
        if self._closing.is_set():
            raise IngestClosedError("ingest is closed")
        source = (node, instance)
        if self.spool.is_known(source, sequence):
            self.counters.duplicates += 1
            return Outcome.DUPLICATE
        waiting = self._waiting.get((source, sequence))
        if waiting is not None:
            await asyncio.shield(waiting)
            self.counters.duplicates += 1
            return Outcome.DUPLICATE
        try:
            rows = read_batch(payload, dt.datetime.now(dt.UTC)).num_rows
        except BatchRefusedError as error:
            self.counters.refused[error.reason] += 1
            _log.warning("event batch refused", node=node, sequence=sequence, reason=str(error))
            return Outcome.REFUSED
        if self._pending_bytes + len(payload) > self.settings.pending_bytes:
            self.counters.overloaded += 1
            raise IngestOverloadedError(f"{self._pending_bytes} bytes wait for the disk")
        await self._enqueue(Record(node, instance, sequence, rows, payload))
        return Outcome.STORED

    async def _enqueue(self, record: Record) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        key = (record.source, record.sequence)
        self._waiting[key] = done
        self._pending.append(_Pending(record, done))
        self._pending_bytes += len(record.payload)
        self._idle.clear()
        self._wake_writer.set()
        # the sender may be cancelled (its connection broke); the batch is written all the same
        await asyncio.shield(done)

    async def _write_forever(self) -> None:
        """Write what waits: all at once, one fsync (group commit)."""
        while True:
            await self._wait(self._wake_writer)
            if not self._pending:
                if self._closing.is_set():
                    return
                continue
            group = self._take_group()
            if not await self._write(group):
                return
            self.counters.batches += len(group)
            self.counters.rows += sum(p.record.rows for p in group)
            for pending in group:
                self._finish(pending, None)
            if self._pending:
                self._wake_writer.set()
            self._wake_inserter.set()

    def _take_group(self) -> list[_Pending]:
        rows = count = 0
        for pending in self._pending:
            rows += pending.record.rows
            count += 1
            if rows >= self.settings.segment_rows:
                break
        group, self._pending = self._pending[:count], self._pending[count:]
        return group

    async def _write(self, group: list[_Pending]) -> bool:
        """Append a group, trying until it succeeds. False when closed before that."""
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
                for pending in [*group, *self._pending]:
                    self._finish(pending, IngestClosedError("closed before the batch was on disk"))
                return False
            await self._pause(pause)
            pause = min(pause * 2, self.settings.retry_most_seconds)

    def _append(self, records: list[Record]) -> None:
        self.spool.append(records)
        current = self.spool.open_segment
        if current and (
            current.rows >= self.settings.segment_rows or current.size >= self.settings.segment_bytes
        ):
            self.spool.seal()

    def _finish(self, pending: _Pending, error: Exception | None) -> None:
        self._pending_bytes -= len(pending.record.payload)
        del self._waiting[(pending.record.source, pending.record.sequence)]
        if pending.done.done():
            return
        if error is None:
            pending.done.set_result(None)
        else:
            pending.done.set_exception(error)
            pending.done.exception()  # its sender may be gone; then nobody else looks at it

    async def _insert_forever(self) -> None:
        """Insert sealed segments, oldest first; seal the open one when it is old enough."""
        pause = self.settings.retry_seconds
        while True:
            if not self.spool.sealed and not await self._next_segment():
                return
            if not self.spool.sealed:
                continue
            if await self._insert_one(self.spool.sealed[0]):
                pause = self.settings.retry_seconds
            elif self._closing.is_set():
                return
            else:
                await self._pause(pause)
                pause = min(pause * 2, self.settings.retry_most_seconds)

    async def _next_segment(self) -> bool:
        """Wait for a segment and seal it when it is due. False when closing and nothing is left."""
        current = self.spool.open_segment
        if current is None:
            if not self._pending and not self._waiting:
                self._idle.set()
            if self._closing.is_set():
                return False
            await self._wait(self._wake_inserter)
            return True
        left = current.created + self.settings.segment_seconds - time.time()
        if left > 0 and not self._closing.is_set():
            await self._pause(min(left, self.settings.segment_seconds))
        await self._on_disk(self.spool.seal)
        return True

    async def _insert_one(self, sealed: Segment) -> bool:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._insert, self._merge_and_insert, sealed)
        except SegmentRefusedError as error:
            self.counters.refused_segments += 1
            self.counters.refused_rows += sealed.rows
            self._failed("the store refuses a segment; it is set aside", error)
            return await self._remove(partial(self.spool.set_aside, sealed))
        except Exception as error:  # noqa: BLE001 - whatever the store raises, the segment waits and is counted
            self.counters.insert_failures += 1
            self._failed("the store did not take a segment; it is tried again", error)
            return False
        self.counters.inserted_rows += sealed.rows
        self.counters.inserted_segments += 1
        self.last_insert = time.time()
        return await self._remove(partial(self.spool.done, [sealed]))

    async def _remove(self, work: Callable[[], None]) -> bool:
        try:
            await self._on_disk(work)
        except OSError as error:
            self.counters.write_failures += 1
            self._failed("a segment could not be removed; it is tried again", error)
            return False
        self.last_error = ""
        return True

    def _merge_and_insert(self, sealed: Segment) -> None:
        content = segments.read(sealed.path, sealed.size)
        if not content.records or content.corrupt:
            raise SegmentRefusedError(f"{sealed.path.name}: {content.corrupt or 'it is empty'}")
        self._sink(merge(content.records), sealed.token)

    async def _on_disk(self, work: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._disk, work)

    async def _wait(self, event: asyncio.Event) -> None:
        """Wait for an event or for closing."""
        if not self._closing.is_set():
            waits = [asyncio.create_task(event.wait()), asyncio.create_task(self._closing.wait())]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
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
        if text != self.last_error:  # once, not each retry; the counters have every one
            _log.error(what, error=str(error)[:300])
        self.last_error = text

    async def flush(self) -> None:
        """Wait until everything accepted so far is in the store."""
        await self._idle.wait()

    def status(self) -> dict[str, float | int | str]:
        """Give the figures of now.

        Returns:
            Every counter (`refused_batches` summed, each reason as `refused_REASON`), `pending_bytes`,
            `spool_bytes`, `spool_rows`, `lag_seconds` (age of the oldest row not in the store) and `error`.
        """
        counters = self.counters
        oldest = self.spool.oldest
        figures: dict[str, float | int | str] = {
            name: getattr(counters, name) for name in counters.__slots__ if name != "refused"
        }
        figures["refused_batches"] = counters.refused.total()
        figures |= {f"refused_{reason}": number for reason, number in counters.refused.items()}
        aside = self.spool.counters
        figures |= {f"spool_{name}": getattr(aside, name) for name in aside.__slots__}
        return figures | {
            "pending_bytes": self._pending_bytes,
            "spool_bytes": self.spool.size,
            "spool_rows": self.spool.rows,
            "lag_seconds": max(0.0, time.time() - oldest) if oldest else 0.0,
            "error": self.last_error,
        }

    async def close(self) -> None:
        """Write what waits, try to insert it, and stop. What the store does not take stays in the spool."""
        self._closing.set()
        await asyncio.gather(*self._tasks)
        self._tasks = []
        await self._on_disk(self.spool.close)
        self._disk.shutdown()
        self._insert.shutdown()


def merge(records: list[Record]) -> bytes:
    """Merge batches into one Arrow IPC stream with one record batch, so that they are one insert.

    Args:
        records: validated batches.

    Returns:
        The stream.

    Raises:
        SegmentRefusedError: a payload is not readable after all.
    """
    parts: list[pa.Table] = []
    try:
        for record in records:
            with pa.ipc.open_stream(record.payload) as reader:
                parts.append(complete(reader.read_all()))
        whole = pa.concat_tables(parts).combine_chunks()
        out = pa.BufferOutputStream()
        with pa.ipc.new_stream(out, EVENT_SCHEMA) as writer:
            writer.write_table(whole)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise SegmentRefusedError(f"a batch cannot be read: {type(error).__name__}") from error
    content: bytes = out.getvalue().to_pybytes()
    return content
