"""A ClickHouse server, stood for by an object that answers as clickhouse-connect does."""

from typing import Any

import pyarrow as pa
import pytest

from starfort.store import QueryError, QueryLimitError, QueryLimits, StoreClosedError
from starfort.store.server import ClickHouseServer


class Fake:
    """Keeps what it was asked, and fails when it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.error: Exception | None = None
        self.closed = False

    def _take(self, sql: str, named: dict[str, Any]) -> None:
        self.asked.append((sql, named))
        if self.error is not None:
            raise self.error

    def command(self, sql: str, **named: Any) -> None:
        self._take(sql, named)

    def query_arrow(self, sql: str, **named: Any) -> pa.Table:
        self._take(sql, named)
        return pa.table({"moment": ["2026-05-01 10:00:00.000000"]})

    def raw_insert(self, table: str, columns: list[str], stream: bytes, **named: Any) -> None:
        self._take(f"{table} {columns} {stream!r}", named)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def owner() -> Fake:
    """The connection of the user that owns the database."""
    return Fake()


@pytest.fixture
def reader() -> Fake:
    """The connection of the user that may only read."""
    return Fake()


@pytest.fixture
def server(owner: Fake, reader: Fake) -> ClickHouseServer:
    """A server with both."""
    return ClickHouseServer(owner, reader, QueryLimits())


def test_queries_run_as_the_reader_within_limits(server: ClickHouseServer, owner: Fake, reader: Fake) -> None:
    """A query runs on the connection that may only read; inserts and upkeep run on the owner's."""
    server.query("SELECT 1")
    server.insert("events", ["a"], b"arrow", "token")
    server.work("INSERT INTO x SELECT 1", token="once")
    assert server.settled() == "2026-05-01 10:00:00.000000"
    ((sql, named),) = reader.asked
    assert (sql, named["settings"]["readonly"]) == ("SELECT 1", 2)
    assert [named.get("settings", {}).get("insert_deduplication_token") for _, named in owner.asked] == [
        "token", "once", "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Code: 159. DB::Exception: Timeout", (QueryLimitError, 159)),
        ("Code: 62. DB::Exception: Syntax error", (QueryError, 62)),
        ("Connection reset by peer", (QueryError, 0)),
    ],
)
def test_errors_become_ours(
    text: str, expected: tuple[type[QueryError], int], server: ClickHouseServer, owner: Fake, reader: Fake
) -> None:
    """Whatever the client raises is an error of the store, with ClickHouse's code when it has one."""
    owner.error = reader.error = RuntimeError(text)
    for ask in (server.query, server.command, server.inspect, server.work):
        with pytest.raises(QueryError) as caught:
            ask("SELECT 1")
        assert (type(caught.value), caught.value.code) == expected


def test_a_closed_server_says_so(server: ClickHouseServer, owner: Fake, reader: Fake) -> None:
    """After closing nothing is asked any more, and the error is not taken for one of ClickHouse."""
    server.close()
    assert (owner.closed, reader.closed) == (True, True)
    for ask in (server.query, server.command, server.inspect, server.work):
        with pytest.raises(StoreClosedError):
            ask("SELECT 1")
    assert owner.asked == reader.asked == []
