"""Object enumeration: one caller that walks through an endpoint's objects."""

from __future__ import annotations

import datetime as dt

import pytest

from starfort.signals import Detector
from starfort.store import Store
from tests.support.callers import Row, address, builtin, hashed, keys, read, run, slot, spread

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
