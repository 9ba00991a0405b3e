"""Password spraying: one password on many accounts."""

from __future__ import annotations

import datetime as dt

from starfort.store import Store
from tests.support.callers import address, builtin, hashed, keys, login, people, run, slot, spread

FIVE_MINUTES = dt.timedelta(minutes=5)


def test_one_password_on_many_accounts_is_signalled(store: Store) -> None:
    """30 accounts within five minutes on which the same password failed, whatever tool each attempt used."""
    start = slot()
    rows = [
        login(
            time,
            f"victim-{i}",
            ok=False,
            password_hash=hashed("Summer2026"),
            fingerprint=f"tool{i:012}",
            address=address(i),
        )
        for i, time in enumerate(spread(start, 280, 30))
    ]
    found = run(store, builtin("password_spraying"), rows + people(start, 100), start + FIVE_MINUTES)
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
