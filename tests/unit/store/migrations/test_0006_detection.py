"""What detectors read: how a store of the version before gets it, and that it counts calls."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BEGIN = """
import datetime as dt, json, sys
from starfort.store import Store, migrations, upkeep
from tests.support.events import event, stream
path = sys.argv[1]
real = migrations.load
upkeep.Upkeep.start = lambda self: None  # it fills tables as the newest version has them
START = dt.datetime.now(dt.UTC).replace(microsecond=0) - dt.timedelta(minutes=5)
found = json.dumps({"rule": 1, "message": "m", "severity": "critical", "variable": "ARGS:q", "value": "v"})
weighed = json.dumps({"rule": 2, "message": "m", "severity": "critical", "variable": "ARGS:q", "value": "v", "weighed": True})
def put(store, **fields):
    rows = [event(time=START + dt.timedelta(seconds=n), weight=3, **fields) for n in range(4)]
    store.insert_arrow(stream(rows))
def matches(store):
    return store.query("SELECT sum(requests) AS n, uniqCombinedArrayMerge(12)(kinds) AS k FROM matches_1s")
def calls(store):
    return store.query("SELECT sum(requests) AS n FROM access_1s WHERE key_type = 'address'")
"""


def _run(path: Path, code: str) -> list[str]:
    """Lines that a process of its own prints: chDB has one path a process."""
    command = [sys.executable, "-c", BEGIN + code, str(path / "ch")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return done.stdout.splitlines()


def test_store_of_the_version_before_is_carried_on(tmp_path: Path) -> None:
    """The past is in the rollup of matches once, also when the migration was interrupted; what comes after is too."""
    lines = _run(
        tmp_path,
        """
migrations.load = lambda: [m for m in real() if m.number < 6 or m.number in (9, 13)]  # rows have the columns of 9
with Store.open(path) as store:
    put(store, evidence=[found], path="/a")
    put(store, evidence=[weighed], path="/b")
    put(store, path="/c")
migrations.load = lambda: [m for m in real() if m.number < 7 or m.number in (9, 13)]  # rows have the columns of 9
with Store.open(path) as store:
    print(matches(store), calls(store))
    put(store, evidence=[found], path="/d")
    print(matches(store), calls(store))
    store.command("ALTER TABLE schema_migrations DELETE WHERE number = 6 SETTINGS mutations_sync = 1")
with Store.open(path) as store:
    print(matches(store), calls(store))
""",
    )
    assert lines == [
        "[{'n': 12, 'k': 1}] [{'n': 36}]",
        "[{'n': 24, 'k': 1}] [{'n': 48}]",
        "[{'n': 24, 'k': 1}] [{'n': 48}]",
    ]
