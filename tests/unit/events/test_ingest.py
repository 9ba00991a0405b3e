"""Ingest: acknowledged means durable, merged before the store, nothing doubled."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from starfort.events.errors import IngestClosedError, IngestOverloadedError, SegmentRefusedError
from starfort.events.ingest import Ingest, Outcome, Settings
from starfort.events.schema import EVENT_SCHEMA
from starfort.events.spool import Spool
from starfort.store import Store
from starfort.store.sink import event_sink
from tests.support.events import START, event, stream

QUICK = Settings(segment_seconds=0.01, quiet_seconds=0.01, retry_seconds=0.001, retry_most_seconds=0.01)


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
    async with asyncio.timeout(60):
        while not check():
            await asyncio.sleep(0.001)


async def test_batches_are_merged_in_order(tmp_path: Path) -> None:
    """Many small batches become few inserts, in order."""
    sink = Sink()
    ingest = Ingest(tmp_path, sink, settings=Settings(segment_seconds=0.05))
    await ingest.start()
    for n in range(50):
        assert (await ingest.accept("n", "i", n, batch(str(n)))).outcome is Outcome.STORED
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
        assert (await ingest.accept("n", "versions", number, payload)).outcome is Outcome.STORED
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
    assert sorted(each.outcome for each in outcomes) == [Outcome.DUPLICATE, Outcome.DUPLICATE, Outcome.STORED]
    assert (await ingest.accept("n", "i", 4, batch("old"))).outcome is Outcome.DUPLICATE
    assert (await ingest.accept("n", "new process", 4, batch("b"))).outcome is Outcome.STORED
    await ingest.close()
    again = Ingest(tmp_path, sink, settings=QUICK)
    await again.start()
    assert (await again.accept("n", "i", 5, batch("a"))).outcome is Outcome.DUPLICATE
    await again.close()
    assert sink.ids == ["a", "b"]


async def test_a_broken_batch_is_refused_and_counted(tmp_path: Path) -> None:
    """Noise is refused; the next batch goes on."""
    sink = Sink()
    ingest = Ingest(tmp_path, sink, settings=QUICK)
    await ingest.start()
    assert (await ingest.accept("n", "i", 1, b"noise")).outcome is Outcome.REFUSED
    assert (await ingest.accept("n", "i", 2, batch("a"))).outcome is Outcome.STORED
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
    assert (await waiting).outcome is Outcome.STORED
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
    assert sorted(sink.ids) == [str(n) for n in range(5)]
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
    assert (await third).outcome is Outcome.STORED
    await ingest.close()
    assert sorted(sink.ids) == ["0", "1", "2"]


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
    assert (await ingest.accept("n", "i", 1, batch("a"))).outcome is Outcome.DUPLICATE
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


def at(second: float, count: int = 10, **fields: Any) -> bytes:
    """Give a batch of calls that were over at a second after START."""
    when = START + dt.timedelta(seconds=second)
    return stream([event(id=f"{second:g}-{n}", time=when, **fields) for n in range(count)])


class SlowSink(Sink):
    """Inserts one segment each time it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = threading.Semaphore(0)
        self.order: list[str] = []
        self.begun = 0

    def __call__(self, content: bytes, token: str) -> None:
        """Insert when let."""
        self.begun += 1
        assert self.turns.acquire(timeout=60)
        super().__call__(content, token)
        self.order.append(self.got[token][0].partition("-")[0])


async def test_the_present_is_inserted_first_and_what_it_overtook_is_told(tmp_path: Path) -> None:
    """Detection sees the newest at once; older times are named missing until they are in, and then late, once."""
    sink = SlowSink()
    ingest = Ingest(tmp_path, sink, settings=replace(QUICK, largest_rows=10))
    await ingest.start()
    await ingest.accept("n", "i", 0, at(0))
    await until(lambda: sink.begun == 1)
    for n in range(1, 5):
        await ingest.accept("n", "i", n, at(n))
    assert ingest.seen_until() == START
    assert ingest.missing() == []

    async def turn(count: int) -> None:
        sink.turns.release()
        await until(
            lambda: ingest.counters.inserted_segments == count and len(ingest.spool.waiting) == 5 - count
        )

    await turn(1)
    assert ingest.seen_until() == START + dt.timedelta(seconds=1)
    await turn(2)
    assert sink.order == ["0", "4"]
    assert dt.datetime.now(dt.UTC) - ingest.seen_until() < dt.timedelta(seconds=5)
    older = [(START + dt.timedelta(seconds=n),) * 2 for n in (1, 2, 3)]
    assert ingest.missing() == older
    assert ingest.status()["missing_rows"] == 30
    assert ingest.late() == []
    await turn(3)
    assert (ingest.late(), ingest.late()) == ([older[2]], [])
    await ingest.accept("n", "i", 9, at(9))
    await until(lambda: len(ingest.spool.waiting) == 3)
    for _ in range(3):
        sink.turns.release()
    await ingest.flush()
    assert sink.order == ["0", "4", "3", "2", "9", "1"], "the backlog in turns with the present"
    assert (ingest.missing(), ingest.late()) == ([], older[:2])
    await ingest.close()


async def test_lag_is_the_age_of_the_events_and_not_of_their_files(tmp_path: Path) -> None:
    """Events that reach ingest minutes late make it as late."""
    sink = Sink()
    sink.error = lambda: RuntimeError("away")
    ingest = Ingest(tmp_path, sink, settings=QUICK)
    await ingest.start()
    assert ingest.status()["lag_seconds"] == 0
    await ingest.accept("n", "i", 1, at(5.0))
    assert ingest.seen_until() == START + dt.timedelta(seconds=5)
    age = (dt.datetime.now(dt.UTC) - START).total_seconds() - 5
    assert float(ingest.status()["lag_seconds"]) == pytest.approx(age, abs=10)
    sink.error = lambda: None
    await ingest.flush()
    assert ingest.status()["lag_seconds"] == 0
    await ingest.close()


async def test_a_long_call_counts_from_its_end(tmp_path: Path) -> None:
    """A stream that ran for a minute and ended now is no minute late."""
    sink = Sink()
    sink.error = lambda: RuntimeError("away")
    ingest = Ingest(tmp_path, sink, settings=QUICK)
    await ingest.start()
    await ingest.accept("n", "i", 1, at(0, duration_us=60_000_000))
    assert ingest.seen_until() == START + dt.timedelta(seconds=60)
    await ingest.close()


async def test_a_spool_of_before_is_missing_until_it_is_in(tmp_path: Path) -> None:
    """After a restart the present is seen at once, and what the spool held is named by its events' times."""
    sink = Sink()
    sink.error = lambda: RuntimeError("away")
    ingest = Ingest(tmp_path, sink, settings=QUICK)
    await ingest.start()
    await ingest.accept("n", "i", 1, at(7))
    await ingest.close()
    again = Ingest(tmp_path, sink, settings=QUICK)
    moment = START + dt.timedelta(seconds=7)
    assert again.missing() == [(moment, moment)]
    assert again.status()["lag_seconds"] == 0
    sink.error = lambda: None
    await again.start()
    await again.flush()
    assert (again.missing(), again.late()) == ([], [(moment, moment)])
    await again.close()


class Rows(Sink):
    """Keeps whole rows."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, list[list[dict[str, Any]]]] = {}

    def __call__(self, content: bytes, token: str) -> None:
        """Insert; fails after the rows are in, when told."""
        with pa.ipc.open_stream(content) as reader:
            self.rows.setdefault(token, []).append(reader.read_all().to_pylist())
        super().__call__(content, token)


def busy_second() -> bytes:
    """4,000 ordinary calls, and 100 of each kind that detectors need."""
    rows = [event(id=f"o{n}", user_agent="agent", parameters=["query:page:integer"]) for n in range(4000)]
    for n in range(100):
        rows.append(event(id=f"l{n}", account_hash=f"{n:016x}"))
        rows.append(event(id=f"f{n}", status=500))
        rows.append(event(id=f"b{n}", action="block", status=403))
        rows.append(event(id=f"s{n}", signals=["scraping"]))
        rows.append(event(id=f"r{n}", findings=["rule:942100"], evidence=["{}"]))
    return stream(rows)


async def test_too_many_events_are_thinned_in_order_and_the_sums_stay_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ordinary calls are sampled with weight; log-ins, failures, stopped and noticed calls all stay, unweighted."""
    sink = Rows()
    ingest = Ingest(tmp_path, sink, settings=QUICK)
    ingest._speed = 1000.0  # what larger inserts would have taught it
    done, degrees = ingest.spool.done, []
    monkeypatch.setattr(Spool, "done", lambda _, segments: (degrees.append(ingest.degree), done(segments)))
    await ingest.start()
    await ingest.accept("n", "i", 1, busy_second())
    await ingest.flush()
    (((rows),),) = sink.rows.values()
    kinds = Counter(row["id"][0] for row in rows)
    assert [kinds[kind] for kind in "lfbsr"] == [100] * 5
    assert {row["weight"] for row in rows if row["id"][0] != "o"} == {1}
    assert kinds["o"] == 500
    assert sum(row["weight"] for row in rows) == 4500
    assert not any(row["user_agent"] or row["parameters"] or row["evidence"] for row in rows)
    figures = ingest.status()
    assert figures["inserted_rows"] == 4500
    assert figures["rows_thinned_out"] == 4500 - len(rows)
    assert degrees == [8]
    assert figures["degree"] == 0, "nothing waits any more"
    await ingest.close()


async def test_details_go_before_any_call_does(tmp_path: Path) -> None:
    """A little too much costs ordinary calls their details, and nothing that was noticed."""
    sink = Rows()
    ingest = Ingest(tmp_path, sink, settings=QUICK)
    ingest._speed = 1800.0
    await ingest.start()
    await ingest.accept("n", "i", 1, busy_second())
    await ingest.flush()
    (((rows),),) = sink.rows.values()
    assert len(rows) == 4500
    assert {row["weight"] for row in rows} == {1}
    assert not any(row["parameters"] for row in rows)
    assert sum(bool(row["evidence"]) for row in rows) == 100
    await ingest.close()


async def test_a_thinned_insert_that_was_killed_is_repeated_with_the_same_rows(tmp_path: Path) -> None:
    """What was left out is written down first: the next start gives the same token the same rows."""
    sink = Rows()
    sink.error = lambda: RuntimeError("killed")
    ingest = Ingest(tmp_path, sink, settings=QUICK)
    ingest._speed = 1000.0
    await ingest.start()
    await ingest.accept("n", "i", 1, busy_second())
    await until(lambda: sink.calls > 0)
    await ingest.close()
    sink.error = lambda: None
    again = Ingest(tmp_path, sink, settings=QUICK)
    await again.start()
    await again.flush()
    await again.close()
    ((token, tries),) = sink.rows.items()
    assert len(tries) > 1
    assert all(rows == tries[0] for rows in tries)
    assert "." not in token


async def test_few_ordinary_rows_wait_for_more_and_what_detectors_need_does_not(tmp_path: Path) -> None:
    """At night an insert is made now and then; a log-in or a busy second is in the store at once."""
    sink = Sink()
    patience = replace(QUICK, segment_seconds=0.05, quiet_seconds=60.0, quiet_rows=20)
    ingest = Ingest(tmp_path, sink, settings=patience)
    await ingest.start()
    await ingest.accept("n", "i", 1, batch("quiet"))
    await asyncio.sleep(0.3)
    assert sink.calls == 0
    await ingest.accept("n", "i", 2, stream([event(id="login", account_hash="0123456789abcdef")]))
    await until(lambda: sink.ids == ["quiet", "login"])
    await ingest.accept("n", "i", 3, at(0, count=21))
    await until(lambda: sink.calls == 2)
    await ingest.close()


async def test_closing_takes_a_bounded_time_and_leaves_the_rest_in_the_spool(tmp_path: Path) -> None:
    """With a backlog and a slow store, closing ends; the next start has every row."""
    sink = SlowSink()
    ingest = Ingest(tmp_path, sink, settings=replace(QUICK, largest_rows=10, close_seconds=0.2))
    await ingest.start()
    for n in range(8):
        await ingest.accept("n", "i", n, at(n))
    closing = asyncio.create_task(ingest.close())
    await asyncio.sleep(0.4)
    sink.turns.release()
    async with asyncio.timeout(5):
        await closing
    again = Ingest(tmp_path, fast := Sink(), settings=QUICK)
    await again.start()
    await again.flush()
    await again.close()
    assert len(sink.ids) + len(fast.ids) == 80
    assert len({*sink.ids, *fast.ids}) == 80


async def test_a_large_backlog_goes_in_parts_between_which_the_present_comes_and_a_kill_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts have tokens of their own, which a restart in the middle finds again."""
    monkeypatch.setattr("starfort.events.ingest.PART_ROWS", 10)
    sink = SlowSink()
    ingest = Ingest(tmp_path, sink, settings=replace(QUICK, largest_rows=35, target_seconds=0.001))
    ingest._speed = 100.0
    await ingest.start()
    await ingest.accept("n", "i", 0, at(0))
    await until(lambda: sink.begun == 1)
    await ingest.accept("n", "i", 1, at(1, count=35))
    await ingest.accept("n", "i", 2, at(2))

    async def turn(count: int) -> None:
        sink.turns.release()
        await until(lambda: len(sink.order) == count and sink.begun == count + 1)

    await asyncio.sleep(0.05)  # the open segment is due
    await turn(1)
    await turn(2)
    await ingest.accept("n", "i", 3, at(3))
    await asyncio.sleep(0.05)
    await turn(3)
    await turn(4)
    assert sink.order == ["0", "2", "1", "3"], "the present does not wait for all of the backlog"
    sink.error = lambda: RuntimeError("killed")
    closing = asyncio.create_task(ingest.close())
    for _ in range(5):
        sink.turns.release()
    await closing
    assert len(list(tmp_path.glob("*.parts.segment"))) == 1
    again = Ingest(tmp_path, fast := Sink(), settings=QUICK)
    await again.start()
    await again.flush()
    await again.close()
    stored = sink.got | fast.got
    assert all(sink.got[token] == fast.got[token] for token in sink.got.keys() & fast.got.keys())
    ids = [one for rows in stored.values() for one in rows]
    assert len(ids) == len(set(ids)) == 65


async def test_what_a_filter_brings_after_its_time_was_told_to_be_complete_is_late(tmp_path: Path) -> None:
    """A filter that was away brings old events: each of its times is told once, and what is in time is not."""
    sink = Sink()
    ingest = Ingest(tmp_path, sink, settings=replace(QUICK, segment_seconds=60, quiet_seconds=60))
    await ingest.start()
    ingest.told = (START + dt.timedelta(seconds=60)).timestamp()
    await ingest.accept("n", "away", 1, at(10))
    await ingest.accept("n", "away", 2, at(10.5))
    await ingest.accept("n", "away", 3, at(30))
    await ingest.accept("n", "i", 1, at(58))
    await ingest.accept("n", "i", 2, at(61))
    await ingest.flush()
    found = [((begin - START).total_seconds(), (end - START).total_seconds()) for begin, end in ingest.late()]
    assert found == [(10, 10.5), (30, 30)]
    assert ingest.late() == []
    await ingest.close()


async def test_a_batch_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that is stored comes back with its rows and what they hold, and nothing decodes it again."""
    opened: list[object] = []
    original = pa.ipc.open_stream
    monkeypatch.setattr(pa.ipc, "open_stream", lambda source: opened.append(source) or original(source))
    ingest = Ingest(tmp_path, lambda *_: None)
    await ingest.start()
    accepted = await ingest.accept("n", "i", 1, batch("a", "b"))
    assert (len(opened), accepted.rows.num_rows, accepted.about.calls) == (1, 2, 2)
    again = await ingest.accept("n", "i", 1, batch("a", "b"))
    assert (again.outcome, again.rows, again.about) == (Outcome.DUPLICATE, None, accepted.about)
    await ingest.close()
