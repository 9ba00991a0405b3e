"""Readers of the store: pages, detectors and the catalogue never take each other's turn."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from starfort.store import QueryLimitError, Reader, Store, StoreBusyError
from starfort.store.clickhouse import QueryLimits
from starfort.store.turns import Turns


@contextmanager
def pages_in_use(store: Store, count: int) -> Iterator[list[threading.Thread]]:
    """So many page queries that run for a while, or wait."""
    # a row a block, so that a query that waits for its turn, or is over, is not slept through
    sql = "SELECT sum(sleepEachRow(0.1)) FROM numbers(20) SETTINGS max_block_size = 1"
    threads = [threading.Thread(target=store.query, args=(sql,)) for _ in range(count)]
    for thread in threads:
        thread.start()
    yield threads
    for thread in threads:
        thread.join()


def test_detectors_read_while_pages_take_all_their_sessions(store: Store) -> None:
    """With every session of pages in use and more waiting, queries of detectors and checks are answered."""
    detection, background = store.reading_as(Reader.DETECTION), store.reading_as(Reader.BACKGROUND)
    with pages_in_use(store, QueryLimits().readers + 1) as pages:
        time.sleep(0.3)  # until they run; answering before that proves nothing, and fails nothing
        answers = [detection.query("SELECT 7 AS n")[0]["n"] for _ in range(20)]
        answers.append(background.query("SELECT 8 AS n")[0]["n"])
        still_running = sum(page.is_alive() for page in pages)
    assert answers == [7] * 20 + [8]
    assert still_running == len(pages)


def test_reader_says_what_a_query_may_use(store: Store) -> None:
    """Page queries together leave memory to detectors, run in one thread and give way to them."""
    limits = QueryLimits()
    sql = "SELECT getSetting('max_threads') AS t, getSetting('priority') AS p, getSetting('max_memory_usage') AS m"
    of = {reader: store.reading_as(reader).query(sql)[0] for reader in Reader}
    assert of[Reader.PAGES]["t"] == 1
    assert of[Reader.DETECTION]["p"] < of[Reader.BACKGROUND]["p"] < of[Reader.PAGES]["p"]
    taken = sum(of[reader]["m"] * limits.sessions(reader) for reader in (Reader.PAGES, Reader.BACKGROUND))
    assert taken + of[Reader.DETECTION]["m"] <= limits.server_memory_bytes


def test_who_would_be_one_too_many_to_wait_is_refused_at_once() -> None:
    """Turns let so many through, let so many wait, and refuse the next; a turn that ends frees one."""
    turns = Turns(1, waiting=1, wait_seconds=30)
    waits, ended = threading.Event(), threading.Event()

    def wait() -> None:
        waits.set()
        with turns.one():
            ended.set()

    with turns.one():
        waiter = threading.Thread(target=wait)
        waiter.start()
        waits.wait()
        while turns._waiting == 0:
            time.sleep(0.001)
        with pytest.raises(StoreBusyError, match="1 queries wait already"), turns.one():
            pass
        assert not ended.is_set()
    waiter.join()
    assert ended.is_set()
    assert turns.refused == 1


def test_who_waited_too_long_is_refused() -> None:
    """A query that no turn came for within the limit is refused as one over a limit, and waits no more."""
    turns = Turns(1, waiting=5, wait_seconds=0.01)
    with turns.one(), pytest.raises(QueryLimitError, match="busy"), turns.one():
        pass
    with turns.one():
        pass
    assert turns._waiting == 0
