"""The embedded store: migrations, inserts, queries, limits."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from starfort.store import QueryError, QueryLimitError, Retention, Store, StoreClosedError, StoreOpenError
from tests.support.events import START, event, stream


def test_columns_of_the_table_are_those_of_the_schema(store: Store) -> None:
    """The events table has the Arrow schema's columns in its order, then `received`."""
    from starfort.events.schema import EVENT_SCHEMA

    rows = store.inspect(
        "SELECT name FROM system.columns"
        " WHERE database = currentDatabase() AND table = 'events' ORDER BY position"
    )
    assert [row["name"] for row in rows] == [*EVENT_SCHEMA.names, "received"]


def test_an_event_comes_back_as_it_went_in(store: Store) -> None:
    """Text, lists, times, numbers and addresses survive the way into the store and out."""
    row = event(
        id="roundtrip", address="192.0.2.7", auth_seen=["bearer", "cookie"], path="/é/\x01'\\", status=418
    )
    store.insert_arrow(stream([row]), token="roundtrip")
    found = store.query("SELECT * EXCEPT received FROM events WHERE id = {id:String}", {"id": "roundtrip"})
    assert len(found) == 1
    assert found[0]["time"] == START
    assert found[0] | {"time": START, "address": row["address"]} == row
    assert found[0]["address"] == "192.0.2.7"


def test_the_same_token_is_inserted_once_in_table_and_rollups(store: Store) -> None:
    """A repeated insert doubles neither events nor any rollup, a new token adds."""
    batch = stream([event(id="twice", api="dedup", account_hash="a", status=401)] * 3)
    for token in ("one", "one", "two"):
        store.insert_arrow(batch, token=f"same-{token}")
    where = "WHERE api = 'dedup'"
    assert store.query(f"SELECT count() AS n FROM events {where}") == [{"n": 6}]
    for table in ("traffic_1s", "traffic_1m"):
        assert store.query(f"SELECT sum(requests) AS n FROM {table} {where}") == [{"n": 6}], table
    for table, column in (("login_1s", "attempts"), ("access_1s", "requests")):
        by_address = f"{where} AND key_type = 'address' AND key = '192.0.2.1'"
        assert store.query(f"SELECT sum({column}) AS n FROM {table} {by_address}") == [{"n": 6}], table


def test_a_broken_stream_inserts_nothing(store: Store) -> None:
    """A stream with an unknown column is refused as a whole."""
    import pyarrow as pa

    schema = pa.schema([("nonsense", pa.utf8())])
    with pytest.raises(QueryError):
        store.insert_arrow(stream([{"nonsense": "x"}], schema), token="broken")


@pytest.mark.parametrize(
    "value", ["", "\\N", "a\tb\nc\\d'e\"f\0g", "'; DROP TABLE events; --", "{x}", "é\u202e", "[1]"]
)
def test_text_parameters_are_bound_exactly(store: Store, value: str) -> None:
    """Whatever text is bound comes back unchanged, alone and in an array."""
    found = store.query("SELECT {x:String} AS x, {xs:Array(String)} AS xs", {"x": value, "xs": [value, "y"]})
    assert found == [{"x": value, "xs": [value, "y"]}]


def test_texts_that_are_cut_within_a_character_are_read(store: Store) -> None:
    """ClickHouse counts bytes, so a query over what clients sent may answer half a character, wherever it stands."""
    (row,) = store.query(
        "SELECT substring('a\u00e9', 1, 2) AS t, [t, 'b'] AS l, map('k', t) AS m, (t, 1) AS s, 7 AS n, "
        "toLowCardinality(t) AS c, toNullable(t) AS o, CAST(NULL AS Nullable(String)) AS e"
    )
    assert (row["t"], row["l"], row["n"], row["c"], row["o"]) == (
        "a\ufffd",
        ["a\ufffd", "b"],
        7,
        "a\ufffd",
        "a\ufffd",
    )
    assert row["e"] is None
    assert "a\ufffd" in str(row["m"])
    assert "a\ufffd" in str(row["s"])


def test_times_need_a_zone(store: Store) -> None:
    """A datetime without a zone is refused rather than guessed."""
    moment = dt.datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    assert store.query("SELECT {x:DateTime64(6, 'UTC')} AS x", {"x": moment}) == [{"x": moment}]
    with pytest.raises(TypeError, match="without time zone"):
        store.query("SELECT {x:DateTime64(6, 'UTC')} AS x", {"x": moment.replace(tzinfo=None)})


def test_a_query_stops_at_its_limits(store: Store) -> None:
    """Rows and time are limited, and the error says which kind it is."""
    with pytest.raises(QueryLimitError):
        store.query("SELECT number FROM numbers(1000000)")
    with pytest.raises(QueryError) as caught:
        store.query("SELECT nonsense")
    assert not isinstance(caught.value, QueryLimitError)
    assert caught.value.code == 47
    assert [store.query("SELECT 1 AS x") for _ in range(4)] == [[{"x": 1}]] * 4  # nothing is left over


def test_readers_cannot_write(store: Store) -> None:
    """A query is a reader: it can change nothing."""
    with pytest.raises(QueryError):
        store.query("DROP TABLE events")
    with pytest.raises(QueryError):
        store.query("INSERT INTO schema_migrations (number) VALUES (99)")


def test_threads_may_query_and_insert_at_once(store: Store) -> None:
    """Many threads on one store neither fail nor mix their answers."""
    batch = stream([event(api="threads")] * 10)

    def work(index: int) -> int:
        store.insert_arrow(batch, token=f"threads-{index}")
        found: int = store.query("SELECT {x:UInt32} AS x", {"x": index})[0]["x"]
        return found

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(work, range(24))) == list(range(24))
    assert store.query("SELECT count() AS n FROM events WHERE api = 'threads'") == [{"n": 240}]


_SECOND_OWNER = """
import sys
from starfort.store import Store, StoreOpenError
try:
    Store.open(sys.argv[1])
except StoreOpenError as error:
    print(error)
"""


def test_a_second_process_is_told_why_it_cannot_open(store: Store, store_path: Path) -> None:
    """One process owns the store; another gets a sentence."""
    answer = subprocess.run(
        [sys.executable, "-c", _SECOND_OWNER, str(store_path)], capture_output=True, text=True, check=True
    )
    assert "another process may own it" in answer.stdout


_LIFE = """
import sys
from pathlib import Path
import pyarrow as pa
from starfort.store import Retention, Store, StoreClosedError, StoreOpenError
from starfort.events.schema import ADDED, EVENT_SCHEMA
from starfort.store import migrations, upkeep
from tests.support.events import event, stream
path = sys.argv[1]
old = [m for m in migrations.load() if m.number == 1]
real = migrations.load
migrations.load = lambda: old
start = upkeep.Upkeep.start
upkeep.Upkeep.start = lambda self: None  # it needs tables that this version did not have
store = Store.open(path)
print(store.migrated)
of_then = pa.schema([field for field in EVENT_SCHEMA if field.name not in ADDED])
old_row = {name: value for name, value in event(id="old").items() if name not in ADDED}
store.insert_arrow(stream([old_row], of_then), token="t")
store.close()
store.close()
try:
    store.query("SELECT 1")
except StoreClosedError:
    print("closed")
migrations.load = real
upkeep.Upkeep.start = start
with Store.open(path, retention=Retention(events=3600, rollups=7200)) as store:
    print(store.migrated == len(real()) - 1, store.query("SELECT count() AS n FROM events"))
    print(store.inspect(
        "SELECT count() AS ttl FROM system.tables WHERE match(create_table_query, ' TTL ')"
        " AND database = currentDatabase()"
    ))
    store.insert_arrow(stream([event(id="old")]), token="t")
    print(store.query("SELECT count() AS n FROM events"))
    store.insert_arrow(stream([event(id="new", account_hash="a", evidence=['{"rule":1}'])]), token="n")
    print(store.query("SELECT id, evidence FROM events ORDER BY id"))
    print(store.query("SELECT sum(attempts) AS n FROM login_1s WHERE key_type = 'address'"))
    store.insert_arrow(stream([event(id="several", weight=7)]), token="w")
    print(store.query("SELECT id, weight FROM events ORDER BY id"))
with Store.open(path) as store:
    print(store.migrated)
    store.command("INSERT INTO schema_migrations (number, name) VALUES (9999, 'later')")
try:
    Store.open(path)
except StoreOpenError as error:
    print(error)
"""


def test_migrations_carry_an_older_store_on(tmp_path: Path) -> None:
    """A store of an older version keeps its rows, is migrated once, and a newer one is refused."""
    answer = subprocess.run(
        [sys.executable, "-c", _LIFE, str(tmp_path / "store")], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    lines = answer.stdout.splitlines()
    assert lines[:5] == ["1", "closed", "True [{'n': 1}]", "[{'ttl': 0}]", "[{'n': 1}]"]
    assert lines[5] == """[{'id': 'new', 'evidence': ['{"rule":1}']}, {'id': 'old', 'evidence': []}]"""
    weights = [{"id": "new", "weight": 1}, {"id": "old", "weight": 1}, {"id": "several", "weight": 7}]
    assert lines[6:9] == ["[{'n': 1}]", str(weights), "0"]
    assert "newer version" in lines[9]


def test_bad_paths_and_retention_are_sentences(tmp_path: Path) -> None:
    """A path that ClickHouse would misread and a retention of nothing are refused."""
    with pytest.raises(StoreOpenError, match="may not contain"):
        Store.open(tmp_path / "what?")
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(StoreOpenError, match="directory it may write"):
        Store.open(blocker / "store")
    assert Retention().events < Retention().rollups
    assert issubclass(StoreClosedError, Exception)
