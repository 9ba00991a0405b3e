"""Rollups that the store fills itself: everything once, whatever interrupts it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_BEGIN = """
import datetime as dt, os, signal, sys
import starfort.store.upkeep as upkeep
from starfort.store import Store
from starfort.store.rollups import Rollups, TABLES
from tests.support.events import event, stream
upkeep.Upkeep.start = lambda self: None  # the test says when
path = sys.argv[1]
SUMS = {name: "hits" if name.startswith("policy") else "events" if name == "finding_1h" else "requests"
        for name in TABLES}

def put(store, name, rows=10, **fields):
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    store.insert_arrow(stream([
        event(id=f"{name}-{n}", time=now - dt.timedelta(minutes=7 * n), endpoint_id="e", policy="p", action="block",
              findings=["rule:1"], weight=3, **fields)
        for n in range(rows)]), token=name)

def sums(store):
    return sorted({store.query(f"SELECT sum({column}) AS n FROM {name}")[0]["n"] for name, column in SUMS.items()})
"""


def _run(path: Path, script: str, *, returns: int = 0) -> list[str]:
    answer = subprocess.run(
        [sys.executable, "-c", _BEGIN + script, str(path / "store")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == returns, answer.stderr
    return answer.stdout.splitlines()


def test_what_came_is_in_every_rollup_once(tmp_path: Path) -> None:
    """Each event counts with its weight, however often the upkeep runs, and late ones count too."""
    lines = _run(
        tmp_path,
        """
with Store.open(path) as store:
    put(store, "first")
    for _ in range(3):
        store.upkeep()
    print(sums(store))
    put(store, "late", rows=20)
    store.upkeep()
    print(sums(store))
with Store.open(path) as store:
    store.upkeep()
    print(sums(store))
""",
    )
    assert lines == ["[30]", "[90]", "[90]"]


def test_a_run_that_a_kill_interrupted_is_finished_once(tmp_path: Path) -> None:
    """Killed after any of a run's inserts, the next start finishes the run and doubles nothing."""
    for number in range(0, 9, 2):
        place = tmp_path / str(number)
        place.mkdir()
        _run(
            place,
            f"""
fill = Rollups._fill
done = []
def killed(self, table, mark, of=""):
    if len(done) == {number}:
        os.kill(os.getpid(), signal.SIGKILL)
    done.append(table)
    fill(self, table, mark, of)
store = Store.open(path)
put(store, "first")
store.upkeep()
put(store, "second")
Rollups._fill = killed
store.upkeep()
""",
            returns=-9,
        )
        lines = _run(
            place,
            """
with Store.open(path) as store:
    put(store, "third")
    store.upkeep()
    print(sums(store))
""",
        )
        assert lines == ["[90]"], number


def test_a_backlog_is_taken_in_pieces(tmp_path: Path) -> None:
    """More than one run reads is read in several, and one insert is never parted."""
    lines = _run(
        tmp_path,
        """
import starfort.store.rollups as rollups
rollups.EVENTS_OF_A_RUN = 25
with Store.open(path) as store:
    for n in range(9):
        put(store, f"n{n}")
    put(store, "much", rows=60)
    store.upkeep()
    print(sums(store))
    print(store.query("SELECT count() AS n FROM (SELECT DISTINCT since FROM upkeep WHERE name = 'events')")[0]["n"] > 0)
""",
    )
    assert lines == ["[450]", "True"]


def test_sums_by_minute_whose_events_are_gone_are_taken_over(tmp_path: Path) -> None:
    """A store of before has sums by minute for 90 days: they are in the rollups by hour, once."""
    lines = _run(
        tmp_path,
        """
from starfort.store import migrations, Retention
real = migrations.load
migrations.load = lambda: [m for m in real() if m.number < 5 or m.number in (9, 13)]  # rows have the columns of 9
kept = Retention(events=40 * 86_400)
with Store.open(path, retention=kept) as store:
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    for day in range(9):
        store.insert_arrow(stream([event(time=now - dt.timedelta(days=day, minutes=m), endpoint_id="e")
                                   for m in range(4)]), token=f"d{day}")
    store.command("ALTER TABLE events DELETE WHERE time < now() - INTERVAL 3 DAY - INTERVAL 1 HOUR SETTINGS mutations_sync = 1")
    print(store.query("SELECT count() AS n FROM events")[0]["n"])
migrations.load = real
with Store.open(path, retention=kept) as store:
    for _ in range(2):
        store.upkeep()
    for name in ("traffic_1m", "traffic_api_1h", "traffic_endpoint_1h", "traffic_api_1m"):
        print(store.query(f"SELECT sum(requests) AS n FROM {name}")[0]["n"])
""",
    )
    assert lines == ["16", "36", "36", "36", "36"]
