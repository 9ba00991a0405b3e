"""Object enumeration: one caller that walks through an endpoint's objects."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest

from starfort.signals.detector import Detector
from starfort.signals.model import Signal
from starfort.signals.query import Effort, run_once
from starfort.store import Store
from tests.support.callers import Row, address, builtin, hashed, keys, read, run, slot, spread
from tests.support.events import stream

MINUTE = dt.timedelta(minutes=1)


@pytest.fixture(scope="module")
def enumeration() -> Detector:
    """The built-in detector."""
    return builtin("object_enumeration")


def walk(start: dt.datetime, count: int, **fields: object) -> list[Row]:
    """Reads `/orders/1000`, `/orders/1001`, … within 50 s."""
    return [read(time, f"/orders/{1000 + i}", **fields) for i, time in enumerate(spread(start, 50, count))]


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"address": "192.0.2.66"}, ("address", "192.0.2.66")),
        ({"session_hash": "sessionsession00"}, ("session", "sessionsession00")),
        (
            {"session_hash": "sessionsession01", "subject_hash": "subjectsubject00"},
            ("subject", "subjectsubject00"),
        ),
    ],
)
def test_walk_is_signalled_at_the_narrowest_key(
    store: Store, enumeration: Detector, fields: dict[str, object], key: tuple[str, str]
) -> None:
    """150 orders in a minute by one caller signal its subject, else its session, else its address."""
    start = slot()
    assert keys(run(store, enumeration, walk(start, 150, **fields), start + MINUTE)) == {key}


def test_guessing_scores_higher(store: Store, enumeration: Detector) -> None:
    """A walk that mostly meets 403 and 404 scores higher than one that reads what exists."""
    first, second = slot(), slot()
    (reading,) = run(store, enumeration, walk(first, 150), first + MINUTE)
    (guessing,) = run(store, enumeration, walk(second, 150, status=404), second + MINUTE)
    assert guessing.score > reading.score + 0.15


def test_stopped_walk_holds_the_signal(store: Store, enumeration: Detector) -> None:
    """Calls that Starfort blocked count."""
    start = slot()
    assert run(store, enumeration, walk(start, 150, action="block", status=403), start + MINUTE)


def test_polling_client_is_not(store: Store, enumeration: Detector) -> None:
    """A client that asks for the same ten orders 600 times a minute reads few objects."""
    start = slot()
    rows = [read(time, f"/orders/{i % 10}") for i, time in enumerate(spread(start, 55, 600))]
    assert run(store, enumeration, rows, start + MINUTE) == []


def test_address_shared_by_signed_in_people_is_not(store: Store, enumeration: Detector) -> None:
    """An office of 60 people, each reading five own orders, is 60 sessions and no walk."""
    start = slot()
    rows = [
        read(time, f"/orders/{i}", address="192.0.2.77", session_hash=hashed(f"clerk-{i % 60}"))
        for i, time in enumerate(spread(start, 55, 300))
    ]
    assert run(store, enumeration, rows, start + MINUTE) == []


def test_endpoint_that_is_always_read_so_is_not(store: Store, enumeration: Detector) -> None:
    """Where each partner reads 120 objects a minute all hour long, one more who does is as usual."""
    start = slot()
    hour = [
        read(
            start - dt.timedelta(minutes=minute) + dt.timedelta(seconds=i / 3),
            f"/orders/{i}",
            address=address(partner),
        )
        for minute in range(2, 30)
        for partner in range(3)
        for i in range(120)
    ]
    assert run(store, enumeration, hour + walk(start, 130, address="192.0.2.88"), start + MINUTE) == []


def test_good_bot_is_not(store: Store, enumeration: Detector) -> None:
    """A search engine that crawls products reads many objects and is welcome."""
    start = slot()
    rows = walk(start, 300, bot="good", bot_name="Googlebot")
    assert run(store, enumeration, rows, start + MINUTE) == []


def test_calls_that_stand_for_several_count_so(store: Store, enumeration: Detector) -> None:
    """Of a walk's 240 calls one in four was kept, which stands for four; an order that is polled so is none."""
    start, later = slot(), slot()
    (signal,) = run(store, enumeration, walk(start, 60, weight=4, address="192.0.2.70"), start + MINUTE)
    assert (signal.key, signal.evidence[0]["requests"]) == ("192.0.2.70", 240)
    polled = [read(time, f"/orders/{i % 20}", weight=4) for i, time in enumerate(spread(later, 50, 60))]
    assert run(store, enumeration, polled, later + MINUTE) == []


@pytest.mark.parametrize("parts", [2, 8])
def test_shares_of_keys_find_what_all_find(store: Store, enumeration: Detector, parts: int) -> None:
    """The shares together signal what one query signals, with the same figures."""
    start = slot()
    rows = [row for number in range(20) for row in walk(start, 110, address=address(number, "198.19"))]
    whole = {signal.key: signal for signal in run(store, enumeration, rows, start + MINUTE)}
    shares: list[Signal] = []
    for turn in range(parts):
        shares += run_once(store, enumeration, start + MINUTE, Effort(parts, turn))[0]
    assert {signal.key: signal for signal in shares} == whole
    assert len(shares) == len(whole) == 20


def test_nobody_busy_costs_the_gate_only(store: Store, enumeration: Detector) -> None:
    """While nobody makes enough calls, the query itself is not asked; the walk that is found passes the gate."""
    start = slot()
    asked: list[str] = []

    class Counting:
        """The store, which remembers what it was asked."""

        def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
            """Ask the store."""
            asked.append(sql)
            return store.query(sql, parameters)

    store.insert_arrow(stream(walk(start, 9, address="192.0.2.71")))
    assert run_once(Counting(), enumeration, start + MINUTE)[0] == []
    assert len(asked) == 1
    store.insert_arrow(stream(walk(start + MINUTE * 2, 150, address="192.0.2.71")))
    assert run_once(Counting(), enumeration, start + MINUTE * 3)[0]
    assert len(asked) == 3
