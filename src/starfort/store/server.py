"""A ClickHouse server or cluster, through clickhouse-connect."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from starfort.store.access import make_server_reader
from starfort.store.clickhouse import INSERT_SETTINGS, WORK_SETTINGS, QueryLimits, Reader
from starfort.store.errors import StoreClosedError, StoreOpenError, from_clickhouse
from starfort.store.parameters import Value
from starfort.store.turns import turns_of

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

SETTLE_S: Final = 60
"""Seconds after which an insert into a server has ended: `received` is when it began."""


@contextlib.contextmanager
def _our_errors() -> Iterator[None]:
    """Turn what clickhouse-connect and its HTTP library raise into errors of ours."""
    try:
        yield
    except StoreClosedError:
        raise
    except Exception as error:
        raise from_clickhouse(error) from error


class ClickHouseServer:
    """A ClickHouse server or cluster through clickhouse-connect."""

    def __init__(self, client: Client, reader: Client, limits: QueryLimits) -> None:
        self._client = client
        self._reading = reader
        self._limits = limits
        self._turns = turns_of(limits)
        self._closed = False

    @classmethod
    def connect(
        cls, url: str, limits: QueryLimits, reader_url: str | None = None, on_cluster: str = ""
    ) -> ClickHouseServer:
        """Connect as the user that owns the database, and as one that may only read it.

        Args:
            url: `clickhouse://user:password@host:port/database` or with `clickhouses://` over TLS.
            limits: what reading may use; memory of the server is the server's own business.
            reader_url: the same with the reader's user; `None`: it is made, which needs `CREATE USER`.
            on_cluster: `ON CLUSTER name` for the reader that is made, or "".

        Raises:
            StoreOpenError: the server cannot be reached or refuses.
        """
        client = _connect(url)
        if reader_url is not None:
            return cls(client, _connect(reader_url), limits)
        try:
            made = make_server_reader(client.command, url, on_cluster)
        except Exception as error:
            raise StoreOpenError(
                f"ClickHouse at {_host(url)}: {from_clickhouse(error)}; the user cannot make one that only"
                " reads: grant it CREATE USER, ALTER USER and GRANT OPTION, or give reader_url"
            ) from error
        return cls(client, _connect(made), limits)

    def _ready(self) -> Client:
        if self._closed:
            raise StoreClosedError("the store is closed")
        return self._client

    def command(self, sql: str, parameters: Mapping[str, Value] | None = None) -> None:
        """Run a statement that returns nothing."""
        with _our_errors():
            self._ready().command(sql, parameters=dict(parameters or {}))

    def insert(self, table: str, columns: list[str], stream: bytes, token: str) -> None:
        """Insert an Arrow IPC stream as one block; the same token is inserted once."""
        settings: dict[str, int | str] = {**INSERT_SETTINGS, "insert_deduplication_token": token}
        with _our_errors():
            self._ready().raw_insert(table, columns, stream, fmt="ArrowStream", settings=settings)

    def query(
        self, sql: str, parameters: Mapping[str, Value] | None = None, reader: Reader = Reader.PAGES
    ) -> pa.Table:
        """Run a SELECT within the limits of its reader, when it is its turn."""
        settings = self._limits.settings(reader)
        with self._turns[reader].one(), _our_errors():
            self._ready()
            return self._reading.query_arrow(sql, parameters=dict(parameters or {}), settings=settings)

    def inspect(self, sql: str, parameters: Mapping[str, Value] | None = None) -> pa.Table:
        """Run a SELECT of ours over ClickHouse's own tables, as the user that owns the database."""
        with _our_errors():
            return self._ready().query_arrow(sql, parameters=dict(parameters or {}))

    def work(self, sql: str, parameters: Mapping[str, Value] | None = None, *, token: str = "") -> pa.Table:
        """Run a statement of the store's own upkeep."""
        settings: dict[str, int | str] = {**WORK_SETTINGS, "insert_deduplication_token": token}
        # clickhouse-connect adds a FORMAT to what it reads, which an INSERT or OPTIMIZE does not take.
        read = sql.lstrip().upper().startswith(("SELECT", "WITH"))
        with _our_errors():
            if read:
                return self._ready().query_arrow(sql, parameters=dict(parameters or {}), settings=settings)
            self._ready().command(sql, parameters=dict(parameters or {}), settings=settings)
        return pa.table({})

    def settled(self) -> str:
        """A time of arrival up to which every row can be read: others insert too, within `SETTLE_S`."""
        # `received` is taken when an insert begins, and other nodes insert at the same time. So only what is
        # older than the longest insert is known to be complete.
        rows = self.work(f"SELECT toString(now64(6, 'UTC') - INTERVAL {SETTLE_S} SECOND) AS moment")
        return str(rows.column("moment")[0])

    def refused(self) -> int:
        """Queries of pages that were refused because too many waited."""
        return self._turns[Reader.PAGES].refused

    def close(self) -> None:
        """Close the connections."""
        if not self._closed:
            self._closed = True
            self._reading.close()
            self._client.close()


def _dsn(url: str) -> str:
    # clickhouse-connect speaks ClickHouse's HTTP interface, and wants it named so.
    return url.replace("clickhouses://", "https://", 1).replace("clickhouse://", "http://", 1)


def _host(url: str) -> str:
    # Without name and password, for messages.
    return url.rpartition("@")[2] or url


def _connect(url: str) -> Client:
    import clickhouse_connect  # noqa: PLC0415 - 100 ms of import that embedded use does not need

    dsn = _dsn(url)
    try:
        # no session id: queries of several threads then run in parallel
        return clickhouse_connect.get_client(
            dsn=dsn, secure=dsn.startswith("https"), autogenerate_session_id=False
        )
    except Exception as error:
        raise StoreOpenError(
            f"ClickHouse at {_host(url)}: {type(error).__name__}; is it up and reachable?"
        ) from error
