"""Password spraying: one password on many accounts."""

from __future__ import annotations

import datetime as dt

from starfort.store import Store
from tests.support.callers import Row, address, builtin, hashed, keys, login, people, run, slot, spread

FIVE_MINUTES = dt.timedelta(minutes=5)
NEARLY = dt.timedelta(seconds=280)


def sprayed(start: dt.datetime, count: int = 30, **fields: object) -> list[Row]:
    """One password on `count` accounts, from as many addresses."""
    return [
        login(
            time,
            f"victim-{i}",
            ok=False,
            password_hash=hashed("Summer2026"),
            fingerprint=f"tool{i:012}",
            address=address(i),
            **fields,
        )
        for i, time in enumerate(spread(start, 280, count))
    ]


def test_one_password_on_many_accounts_is_signalled(store: Store) -> None:
    """30 accounts within five minutes on which the same password failed, whatever tool each attempt used."""
    start = slot()
    rows = sprayed(start) + people(start, 100)
    found = run(store, builtin("password_spraying"), rows, start + NEARLY)
    assert keys(found) == {("password", hashed("Summer2026"))}
    assert found[0].score > 0.75


def test_popular_password_that_works_is_not(store: Store) -> None:
    """300 people who chose the same password, of whom a tenth mistypes the name, are people."""
    start = slot()
    rows = people(start, 300, password_hash=hashed("123456"))
    assert run(store, builtin("password_spraying"), rows, start + FIVE_MINUTES) == []


def test_one_account_that_retries_its_password_is_not(store: Store) -> None:
    """A broken client that retries one account's password 200 times touches one account."""
    start = slot()
    rows = [login(time, "printer", ok=False) for time in spread(start, 280, 200)]
    assert run(store, builtin("password_spraying"), rows, start + FIVE_MINUTES) == []


def test_it_recovers_when_nobody_tries_any_more(store: Store) -> None:
    """12 s after the last attempt nothing is signalled, whatever the window still holds."""
    start = slot()
    assert run(store, builtin("password_spraying"), sprayed(start, 100), start + FIVE_MINUTES) == []


def test_what_was_stopped_is_no_failure(store: Store) -> None:
    """200 attempts that Starfort answered by itself say nothing about the password."""
    start = slot()
    rows = sprayed(start, 200, action="deceive", upstream="", signals=["password_spraying"])
    assert run(store, builtin("password_spraying"), rows, start + NEARLY) == []


def test_probes_that_fail_hold_it_and_probes_that_succeed_lift_it(store: Store) -> None:
    """Most attempts are stopped; what the rest comes to decides."""
    start = slot()
    stopped = sprayed(start, 400, action="deceive", upstream="", signals=["password_spraying"])
    probes = sprayed(start, 40, signals=["probe:password_spraying"])
    (held,) = run(store, builtin("password_spraying"), stopped + probes, start + NEARLY)
    assert held.score > 0.75
    opened = [
        login(start + NEARLY - dt.timedelta(seconds=1), f"owner-{i}", ok=True, password_hash=hashed("Summer2026"),
              signals=["probe:password_spraying"])
        for i in range(4)
    ]  # fmt: skip
    (lifted,) = run(store, builtin("password_spraying"), opened, start + NEARLY)
    assert lifted.score == 0


def test_known_people_who_mistype_the_same_word_are_not(store: Store) -> None:
    """40 people who log in from home and whose keyboards are on another layout fail with one password."""
    start = slot()
    rows = sprayed(start, 40, signals=["known:address", "known:account"])
    assert run(store, builtin("password_spraying"), rows, start + NEARLY) == []
