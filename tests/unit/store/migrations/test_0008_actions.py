"""Rollups that count by action in a map: how a store with a column for each action gets them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from starfort.store import migrations

BEGIN = """
import os, signal, sys
from starfort.store import Store, migrations, upkeep
from starfort.store.embedded import EmbeddedClickHouse
from tests.support.events import event, stream
path = sys.argv[1]
real = migrations.load
upkeep.Upkeep.start = lambda self: None  # the test says when
TABLES = ("traffic_api_1m", "traffic_api_1h", "traffic_endpoint_1h")

def sums():
    with Store.open(path) as store:
        for name in TABLES:
            row = store.query(f"SELECT sumMap(decisions) AS d, sum(requests) AS n, count() AS rows FROM {name}")[0]
            columns = store.inspect(
                f"SELECT countIf(name = 'blocked') AS n FROM system.columns WHERE table = '{name}'")[0]["n"]
            print(row["rows"], row["n"], dict(row["d"]), columns)
"""

OLD = (
    BEGIN
    + """
migrations.load = lambda: [m for m in real() if m.number < 8 or m.number in (9, 13)]  # rows have the columns of 9
with Store.open(path) as store:
    for name in TABLES:
        keys = "'shop', 'e'" if "endpoint" in name else "'shop'"
        # the middle row has a decision that this version does not know, and therefore no column for it
        for number, counts in enumerate(("5, 3, 1, 1, 0, 0", "2, 0, 0, 0, 0, 0", "9, 4, 0, 0, 3, 2")):
            store.command(
                f"INSERT INTO {name} (time, api, {'endpoint_id, ' if 'endpoint' in name else ''}requests, allowed,"
                " blocked, limited, diverted, deceived)"
                f" SELECT toStartOfHour(now('UTC')) - INTERVAL {number + 2} HOUR, {keys}, {counts}")
"""
)

WANTED = ["3 16 {'allow': 7, 'block': 1, 'deceive': 2, 'divert': 3, 'limit': 1} 0"] * 3


def _run(path: Path, code: str, *, returns: int = 0) -> list[str]:
    """Lines that a process of its own prints: chDB has one path a process."""
    command = [sys.executable, "-c", code, str(path / "ch")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == returns, done.stderr
    return done.stdout.splitlines()


def test_columns_become_a_map(tmp_path: Path) -> None:
    """Counts by action are taken over, the columns are gone, and what comes after is added to them."""
    _run(tmp_path, OLD)
    assert _run(tmp_path, BEGIN + "sums()") == WANTED
    code = """
with Store.open(path) as store:
    store.insert_arrow(stream([event(endpoint_id="e", action="challenge", policy="p", weight=4)]), token="t")
    store.upkeep()
sums()
"""
    assert (
        _run(tmp_path, BEGIN + code)
        == ["4 20 {'allow': 7, 'block': 1, 'challenge': 4, 'deceive': 2, 'divert': 3, 'limit': 1} 0"] * 3
    )


@pytest.mark.parametrize("done", [1, 2, 3, 5, 9])
def test_a_migration_that_a_kill_interrupted_is_finished(tmp_path: Path, done: int) -> None:
    """Killed after any of its statements, with a mutation still on its way, the next start finishes it."""
    _run(tmp_path, OLD)
    killing = f"""
command, seen = EmbeddedClickHouse.command, []
def killed(self, sql, parameters=None):
    if "decisions" in sql or "DROP COLUMN" in sql:
        seen.append(sql)
        if len(seen) == {done}:
            # not waited for, a mutation is on disk and has changed nothing yet when the process ends
            sql = sql.replace("mutations_sync = 2", "mutations_sync = 0")
    command(self, sql, parameters)
    if len(seen) == {done}:
        os.kill(os.getpid(), signal.SIGKILL)
EmbeddedClickHouse.command = killed
Store.open(path)
"""
    _run(tmp_path, BEGIN + killing, returns=-9)
    assert _run(tmp_path, BEGIN + "sums()") == WANTED


def test_a_cluster_gets_every_statement() -> None:
    """No statement changes one server of a cluster only."""
    migration = next(each for each in migrations.load() if each.number == 8)
    assert len(migration.statements) == 9
    assert all(" ${on_cluster}" in statement.split("\n")[0] for statement in migration.statements)
