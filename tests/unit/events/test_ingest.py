"""Ingest: acknowledged means durable, merged before the store, nothing doubled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from starfort.events.errors import IngestClosedError, IngestOverloadedError, SegmentRefusedError
from starfort.events.ingest import Ingest, Outcome, Settings
from starfort.events.schema import EVENT_SCHEMA
from starfort.events.spool import Spool
from starfort.store import Store
from starfort.store.sink import event_sink
from tests.support.events import event, stream

QUICK = Settings(segment_seconds=0.01, retry_seconds=0.001, retry_most_seconds=0.01)


class Sink:
    """Keeps what is inserted; fails as told."""

    def __init__(self) -> None:
        self.got: dict[str, list[str]] = {}
        self.error: Callable[[], Exception | None] = lambda: None
        self.calls = 0

    def __call__(self, content: bytes, token: str) -> None:
        """Insert."""
        self.calls += 1
        error = self.error()
        if error:
            raise error
        with pa.ipc.open_stream(content) as reader:
            batches = list(reader)
        assert len(batches) == 1
        self.got.setdefault(token, batches[0].column("id").to_pylist())

    @property
    def ids(self) -> list[str]:
        """Ids of all rows."""
        return [i for rows in self.got.values() for i in rows]


def batch(*ids: str) -> bytes:
    """Give a batch with these ids."""
    return stream([event(id=i) for i in ids])


async def until(check: Callable[[], bool]) -> None:
    """Wait for a state."""
    async with asyncio.timeout(20):
        while not check():
            await asyncio.sleep(0.001)


async def test_batches_are_merged_in_order(tmp_path: Path) -> None:
    """Many small batches become few inserts, in order."""
    sink = Sink()
    ingest = Ingest(tmp_path, sink, settings=Settings(segment_seconds=0.05))
    await ingest.start()
    for n in range(50):
        assert await ingest.accept("n", "i", n, batch(str(n))) is Outcome.STORED
    await ingest.flush()
    assert sink.ids == [str(n) for n in range(50)]
    assert sink.calls < 25
    assert ingest.status()["spool_bytes"] == 0
    assert ingest.status()["inserted_rows"] == 50
    await ingest.close()


async def test_batches_of_two_versions_are_one_insert(tmp_path: Path, store: Store) -> None:
    """What a filter of an earlier version left in the spool is stored together with what this one's sends."""
    of_then = EVENT_SCHEMA.remove(EVENT_SCHEMA.get_field_index("evidence"))
    rows = [event(id="merged-old", api="versions"), event(id="merged-new", api="versions", evidence=["{}"])]
    old = {name: value for name, value in rows[0].items() if name != "evidence"}
    ingest = Ingest(tmp_path, event_sink(store), settings=QUICK)
    await ingest.start()
    for number, payload in enumerate([stream([old], of_then), stream(rows[1:])]):
        assert await ingest.accept("n", "versions", number, payload) is Outcome.STORED
    await ingest.flush()
    found = store.query("SELECT id, evidence FROM events WHERE api = 'versions' ORDER BY id")
    assert found == [{"id": "merged-new", "evidence": ["{}"]}, {"id": "merged-old", "evidence": []}]
    await ingest.close()


async def test_resent_batches_are_recognised(tmp_path: Path) -> None:
    """A batch sent again, also while it is being written or after a restart, is not stored twice."""
    sink = Sink()
    ingest = Ingest(tmp_path, sink, settings=QUICK)
    await ingest.start()
    outcomes = await asyncio.gather(*(ingest.accept("n", "i", 5, batch("a")) for _ in range(3)))
    assert sorted(outcomes) == [Outcome.DUPLICATE, Outcome.DUPLICATE, Outcome.STORED]
    assert await ingest.accept("n", "i", 4, batch("old")) is Outcome.DUPLICATE
    assert await ingest.accept("n", "new process", 4, batch("b")) is Outcome.STORED
    await ingest.close()
    again = Ingest(tmp_path, sink, settings=QUICK)
    await again.start()
    assert await again.accept("n", "i", 5, batch("a")) is Outcome.DUPLICATE
    await again.close()
    assert sink.ids == ["a", "b"]


async def test_a_broken_batch_is_refused_and_counted(tmp_path: Path) -> None:
    """Noise is refused; the next batch goes on."""
    sink = Sink()
    ingest = Ingest(tmp_path, sink, settings=QUICK)
    await ingest.start()
    assert await ingest.accept("n", "i", 1, b"noise") is Outcome.REFUSED
    assert await ingest.accept("n", "i", 2, batch("a")) is Outcome.STORED
    await ingest.close()
    assert ingest.counters.refused == {"arrow": 1}
    assert sink.ids == ["a"]


async def test_nothing_is_acknowledged_while_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a full disk accept waits and failures are counted; once there is room it returns."""
    full = True
    append = Spool.append

    def maybe(self: Spool, records: object) -> None:
        if full:
            raise OSError(28, "No space left on device")
        append(self, records)  # type: ignore[arg-type]

    monkeypatch.setattr(Spool, "append", maybe)
    sink = Sink()
    ingest = Ingest(tmp_path, sink, settings=QUICK)
    await ingest.start()
    waiting = asyncio.create_task(ingest.accept("n", "i", 1, batch("a")))
    await until(lambda: ingest.counters.write_failures > 3)
    assert not waiting.done()
    assert "No space left" in str(ingest.status()["error"])
    full = False
    assert await waiting is Outcome.STORED
    await ingest.close()
    assert sink.ids == ["a"]


async def test_a_store_that_is_away_loses_nothing(tmp_path: Path) -> None:
    """While inserts fail, batches are acknowledged and wait on disk; a restart inserts them."""
    sink = Sink()
    sink.error = lambda: RuntimeError("away")
    ingest = Ingest(tmp_path, sink, settings=QUICK)
    await ingest.start()
    for n in range(5):
        await ingest.accept("n", "i", n, batch(str(n)))
    await until(lambda: ingest.counters.insert_failures > 3)
    await ingest.close()
    assert sink.ids == []
    sink.error = lambda: None
    again = Ingest(tmp_path, sink, settings=QUICK)
    await again.start()
    await again.flush()
    assert sink.ids == [str(n) for n in range(5)]
    await again.close()


async def test_a_full_spool_holds_acknowledgements_back(tmp_path: Path) -> None:
    """When the store is away until the spool is full, accept waits; when the store is back it goes on."""
    sink = Sink()
    sink.error = lambda: RuntimeError("away")
    size = len(batch("0"))
    ingest = Ingest(tmp_path, sink, max_bytes=3 * size, settings=QUICK)
    await ingest.start()
    await ingest.accept("n", "i", 0, batch("0"))
    await ingest.accept("n", "i", 1, batch("1"))
    third = asyncio.create_task(ingest.accept("n", "i", 2, batch("2")))
    await until(lambda: ingest.counters.write_failures > 0)
    assert not third.done()
    sink.error = lambda: None
    assert await third is Outcome.STORED
    await ingest.close()
    assert sink.ids == ["0", "1", "2"]


async def test_a_segment_that_the_store_refuses_is_set_aside(tmp_path: Path) -> None:
    """Content that can never go in does not stop what comes after it."""
    sink = Sink()
    errors = [SegmentRefusedError("bad content")]
    sink.error = lambda: errors.pop() if errors else None
    ingest = Ingest(tmp_path, sink, settings=QUICK)
    await ingest.start()
    await ingest.accept("n", "i", 1, batch("bad"))
    await ingest.flush()
    await ingest.accept("n", "i", 2, batch("good"))
    await ingest.close()
    assert sink.ids == ["good"]
    assert ingest.status()["refused_rows"] == 1
    assert len(list((tmp_path / "set-aside").iterdir())) == 1


async def test_what_waits_for_the_disk_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit a batch stays with its sender; closing tells those who wait."""

    def broken(self: Spool, records: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Spool, "append", broken)
    payload = batch("a")
    ingest = Ingest(tmp_path, Sink(), settings=Settings(pending_bytes=len(payload), retry_seconds=0.001))
    await ingest.start()
    waiting = asyncio.create_task(ingest.accept("n", "i", 1, payload))
    await until(lambda: ingest.counters.write_failures > 0)
    with pytest.raises(IngestOverloadedError):
        await ingest.accept("n", "i", 2, payload)
    await ingest.close()
    with pytest.raises(IngestClosedError):
        await waiting
    with pytest.raises(IngestClosedError):
        await ingest.accept("n", "i", 3, payload)


async def test_a_cancelled_sender_does_not_cancel_its_batch(tmp_path: Path) -> None:
    """When the connection breaks while its batch is written, the batch is stored and known."""
    sink = Sink()
    ingest = Ingest(tmp_path, sink, settings=QUICK)
    sender = asyncio.create_task(ingest.accept("n", "i", 1, batch("a")))
    await until(lambda: bool(ingest.status()["pending_bytes"]))
    sender.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sender
    await ingest.start()
    await ingest.flush()
    assert await ingest.accept("n", "i", 1, batch("a")) is Outcome.DUPLICATE
    await ingest.close()
    assert sink.ids == ["a"]


async def test_events_reach_the_store(tmp_path: Path, store: Store) -> None:
    """From a filter's batch to a row of the events table."""
    ingest = Ingest(tmp_path, event_sink(store), settings=QUICK)
    await ingest.start()
    await ingest.accept("n", "i", 1, batch("ingest-1", "ingest-2"))
    await ingest.flush()
    await ingest.close()
    found = store.query("SELECT id FROM events WHERE startsWith(id, 'ingest-') ORDER BY id")
    assert found == [{"id": "ingest-1"}, {"id": "ingest-2"}]
