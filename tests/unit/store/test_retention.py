"""Retention: rows stay and go as the setting says, whatever it was when they came.

Each test is a process of its own: chDB has one path a process.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from starfort.store import Retention, StoreOpenError

_BEGIN = """
import datetime as dt, sys, time
from starfort.store import Retention, Store
from tests.support.events import event, stream
path = sys.argv[1]
DAY = 86_400
TABLES = ("events", "traffic_1s", "access_1s", "traffic_1m", "traffic_api_1h")

def put(store, *ages, account=""):
    now = dt.datetime.now(dt.UTC)
    rows = [event(id=f"age-{int(age)}", time=now - dt.timedelta(seconds=age), endpoint_id="e") for age in ages]
    store.insert_arrow(stream(rows))

def ids(store):
    return [row["id"] for row in store.query("SELECT id FROM events ORDER BY id")]

def wait(what, seconds=30):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.1)

def counts(store):
    return {name: store.query(f"SELECT uniqExact(toStartOfHour(time)) AS n FROM {name}")[0]["n"] for name in TABLES}
"""


def _run(path: Path, script: str) -> list[str]:
    answer = subprocess.run(
        [sys.executable, "-c", _BEGIN + script, str(path / "store")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.splitlines()


def test_a_longer_time_saves_what_is_stored(tmp_path: Path) -> None:
    """Rows that a short setting would remove stay when it becomes longer before that, over a restart too."""
    lines = _run(
        tmp_path,
        """
with Store.open(path, retention=Retention(events=20, rollups=40)) as store:
    put(store, 0)
    store.command("OPTIMIZE TABLE events FINAL")
    store.keep(Retention(events=31 * DAY, rollups=90 * DAY))
    put(store, 0.5)
    time.sleep(24)
    store.upkeep()
    print(ids(store))
with Store.open(path, retention=Retention(events=31 * DAY, rollups=90 * DAY)) as store:
    store.command("OPTIMIZE TABLE events FINAL")
    time.sleep(2)
    store.upkeep()
    print(ids(store))
""",
    )
    assert lines == ["['age-0', 'age-0']"] * 2


def test_a_shorter_time_removes_what_is_stored(tmp_path: Path) -> None:
    """31 days that become one remove older rows of every table, and 7 and 90 days what is older than each."""
    lines = _run(
        tmp_path,
        """
with Store.open(path, retention=Retention(events=31 * DAY, rollups=90 * DAY)) as store:
    put(store, 60, 3 * 3600, 20 * 3600, 30 * 3600, 3 * DAY, 20 * DAY)
    store.upkeep()
    print(sorted(set(counts(store).values())))
    store.keep(Retention(events=DAY, rollups=2 * DAY))
    wait(lambda: len(ids(store)) == 3)
    store.upkeep()
    wait(lambda: counts(store)["traffic_api_1h"] == 4)
    print(ids(store), counts(store))
with Store.open(path, retention=Retention(events=2 * 3600, rollups=DAY)) as store:
    wait(lambda: ids(store) == ["age-60"])
""",
    )
    assert lines[0] == "[6]"
    found = "{'events': 3, 'traffic_1s': 3, 'access_1s': 3, 'traffic_1m': 4, 'traffic_api_1h': 4}"
    assert lines[1] == f"['age-10800', 'age-60', 'age-72000'] {found}"


def test_rows_go_when_their_time_is_over(tmp_path: Path) -> None:
    """Without any change of the setting rows of ten seconds go soon after, and sums by minute stay."""
    _run(
        tmp_path,
        """
with Store.open(path, retention=Retention(events=10, rollups=3600)) as store:
    put(store, 0)
    assert len(ids(store)) == 1
    wait(lambda: not ids(store))
    wait(lambda: store.query("SELECT count() AS n FROM traffic_1s") == [{"n": 0}])
    assert store.query("SELECT sum(requests) AS n FROM traffic_1m") == [{"n": 1}]
    assert store.query("SELECT sum(requests) AS n FROM traffic_api_1m") == [{"n": 1}]
    put(store, 0)
    assert len(ids(store)) == 1
""",
    )


def test_a_store_of_before_loses_its_ttl_and_no_row(tmp_path: Path) -> None:
    """What an earlier version stored for a week, and would have removed then, stays for a month when told so."""
    lines = _run(
        tmp_path,
        """
import starfort.store.store as module
kept = module.remove_ttl
module.remove_ttl = lambda *_: None
with Store.open(path, retention=Retention(events=31 * DAY)) as store:
    store.command("ALTER TABLE events MODIFY TTL toDateTime(time) + toIntervalSecond(30)")
    put(store, 0, 3)
module.remove_ttl = kept
with Store.open(path, retention=Retention(events=31 * DAY)) as store:
    time.sleep(32)
    store.command("OPTIMIZE TABLE events FINAL")
    print(ids(store))
    print(store.inspect("SELECT count() AS n FROM system.tables WHERE match(create_table_query, ' TTL ')"
                        " AND database = currentDatabase()"))
""",
    )
    assert lines == ["['age-0', 'age-3']", "[{'n': 0}]"]


def test_what_a_kill_interrupts_is_finished_at_the_next_start(tmp_path: Path) -> None:
    """A kill while rows are being removed leaves nothing that the next start does not remove."""
    # Seven and a half hours: the end of the time is far from each row, whatever the second in which a pass runs.
    begun = _BEGIN + (
        """
import os, signal
store = Store.open(path, retention=Retention(events=31 * DAY, rollups=90 * DAY))
put(store, *(hour * 3600.0 for hour in range(1, 240)))
store.upkeep()
store.keep(Retention(events=27_000, rollups=90 * DAY))
wait(lambda: len(ids(store)) < 239)
os.kill(os.getpid(), signal.SIGKILL)
"""
    )
    killed = subprocess.run(
        [sys.executable, "-c", begun, str(tmp_path / "store")], capture_output=True, text=True, check=False
    )
    assert killed.returncode == -9, killed.stderr
    lines = _run(
        tmp_path,
        """
with Store.open(path, retention=Retention(events=27_000, rollups=90 * DAY)) as store:
    wait(lambda: len(ids(store)) == 7)
    print(store.query("SELECT uniqExact(time) AS n FROM traffic_1m"))
""",
    )
    assert lines == ["[{'n': 239}]"]


def test_every_table_has_a_time_to_be_kept() -> None:
    """Single events, sums by second and callers go with the events; sums by minute and hour with the rollups."""
    kept = Retention(events=5 * 86_400, rollups=90 * 86_400)
    for table in ("events", "traffic_1s", "login_1s", "access_1s"):
        assert kept.of(table) == timedelta(days=5), table
    assert kept.of("client_1d") == timedelta(days=6)  # until the whole day is over
    for table in ("traffic_1m", "traffic_api_1h", "policy_5m", "finding_1h", "shape_1h"):
        assert timedelta(days=90) < kept.of(table) <= timedelta(days=90, hours=1), table
    assert kept.of("client_1h") == timedelta(days=2, hours=1)
    assert Retention(events=3600).of("client_1h") == timedelta(hours=2)
    with pytest.raises(StoreOpenError, match="must be positive"):
        Retention(events=0)
