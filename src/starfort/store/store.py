"""The store: events and rollups in ClickHouse, embedded or on a server."""

from __future__ import annotations

import copy
import ipaddress
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from starfort.store import migrations
from starfort.store.clickhouse import ClickHouse, QueryLimits, Reader
from starfort.store.embedded import EmbeddedClickHouse
from starfort.store.parameters import Value
from starfort.store.retention import Retention, remove_ttl
from starfort.store.rows import Row
from starfort.store.server import ClickHouseServer
from starfort.store.upkeep import Upkeep, UpkeepFigures

_ADDRESS_BYTES = 16


class Store:
    """Events and rollups. Safe to call from several threads; one process owns an embedded store."""

    def __init__(self, client: ClickHouse, dialect: migrations.Dialect, retention: Retention) -> None:
        self._client = client
        self._reader = Reader.PAGES
        try:
            remove_ttl(client, dialect)
            self.migrated = migrations.apply(client, dialect)
            self._upkeep = Upkeep(client, dialect, retention)
        except Exception:
            client.close()
            raise
        self._upkeep.start()

    @classmethod
    def open(
        cls, path: Path | str, *, retention: Retention | None = None, limits: QueryLimits | None = None
    ) -> Self:
        """Open the embedded store, creating or migrating it as needed.

        Args:
            path: its directory; made with mode 0700 when missing.
            retention: how long rows are kept.
            limits: what reading and the engine may use.

        Returns:
            The store, with the newest schema.

        Raises:
            StoreOpenError: another process owns it, it cannot be written, or it is of a newer version.
        """
        client = EmbeddedClickHouse(Path(path), limits or QueryLimits())
        # A database of our own, since readers may read all of it: `default` might hold other tables.
        client.command("CREATE DATABASE IF NOT EXISTS starfort ENGINE = Atomic")
        client.use("starfort")
        return cls(client, migrations.Dialect(), retention or Retention())

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        cluster: str | None = None,
        reader_url: str | None = None,
        retention: Retention | None = None,
        limits: QueryLimits | None = None,
    ) -> Self:
        """Use a ClickHouse server.

        Args:
            url: `clickhouse://user:password@host:port/database`, `clickhouses://` for TLS.
            cluster: its cluster's name when tables are to be replicated.
            reader_url: address with a second user, which may only `SELECT` from the database; every query of
                pages and detectors runs as that one. `None`: the first user makes it (`CREATE USER`).
            retention: how long rows are kept.
            limits: what one query may use.

        Returns:
            The store, with the newest schema.

        Raises:
            StoreOpenError: the server cannot be reached, no reader can be made, or its schema is of a newer
                version.
        """
        dialect = migrations.Dialect.cluster(cluster) if cluster else migrations.Dialect()
        client = ClickHouseServer.connect(url, limits or QueryLimits(), reader_url, dialect.on_cluster)
        return cls(client, dialect, retention or Retention())

    def keep(self, retention: Retention) -> None:
        """Keep rows as long as this from now on.

        Args:
            retention: a longer time saves at once what is there; what is over by a shorter one is removed at
                once, in the background.
        """
        self._upkeep.keep(retention)

    def upkeep(self) -> None:
        """Fill the rollups that no view fills with all that was inserted, and remove what is over, now.

        The store does so by itself once a minute. Blocking.

        Raises:
            StoreError: a statement failed.
        """
        self._upkeep.once()

    @property
    def upkeep_figures(self) -> UpkeepFigures:
        """Figures about the store's own upkeep."""
        return self._upkeep.figures

    def insert_arrow(self, stream: bytes, *, table: str = "events", token: str = "") -> None:
        """Insert an Arrow IPC stream.

        Args:
            stream: IPC stream whose columns are columns of the table.
            table: a table of ours (never text from outside).
            token: with the same token again nothing is inserted twice; "" lets the content decide.

        Raises:
            QueryError: ClickHouse refused it; nothing is in.
            StoreClosedError: the store is closed.
        """
        with pa.ipc.open_stream(stream) as reader:
            columns = list(reader.schema.names)
        self._client.insert(table, columns, stream, token)

    def command(self, sql: str, parameters: Mapping[str, Value] | None = None) -> None:
        """Run a statement that changes something (`INSERT … SELECT`, `ALTER`, `OPTIMIZE`).

        Args:
            sql: ClickHouse SQL with `{name:Type}` placeholders.
            parameters: their values.

        Raises:
            QueryError: ClickHouse refused it.
            StoreClosedError: the store is closed.
        """
        self._client.command(sql, parameters)

    def query_arrow(self, sql: str, parameters: Mapping[str, Value] | None = None) -> pa.Table:
        """Run a SELECT.

        Args:
            sql: ClickHouse SQL with `{name:Type}` placeholders; values never belong into the text.
            parameters: their values.

        Returns:
            The result; IPv6 columns are fixed_size_binary(16).

        Raises:
            QueryLimitError: it ran into its limit of time, memory or rows.
            StoreBusyError: too many queries of pages wait already.
            QueryError: ClickHouse refused it.
            StoreClosedError: the store is closed.
        """
        return self._client.query(sql, parameters, self._reader)

    def query(self, sql: str, parameters: Mapping[str, Value] | None = None) -> list[Row]:
        """Run a SELECT and give rows.

        Args:
            sql: ClickHouse SQL with `{name:Type}` placeholders.
            parameters: their values.

        Returns:
            A dict a row; times are datetimes with time zone, addresses text (IPv4 without `::ffff:`).

        Raises:
            QueryLimitError: it ran into its limit of time, memory or rows.
            StoreBusyError: too many queries of pages wait already.
            QueryError: ClickHouse refused it.
            StoreClosedError: the store is closed.
        """
        return _rows(self.query_arrow(sql, parameters))

    def inspect(self, sql: str, parameters: Mapping[str, Value] | None = None) -> list[Row]:
        """Run a SELECT of Starfort's own over ClickHouse's tables (`system.tables`, `system.parts` …).

        `query` may read only the store's tables. No text from outside may come here.

        Args:
            sql: ClickHouse SQL with `{name:Type}` placeholders.
            parameters: their values.

        Raises:
            QueryError: ClickHouse refused it.
            StoreClosedError: the store is closed.
        """
        return _rows(self._client.inspect(sql, parameters))

    @property
    def alone(self) -> bool:
        """Whether nobody but this process inserts: true of an embedded store, not of a server."""
        return isinstance(self._client, EmbeddedClickHouse)

    def settled(self) -> datetime:
        """A time of arrival, UTC, up to which every row can be read.

        Raises:
            StoreError: the store is closed, or does not answer.
        """
        return datetime.fromisoformat(self._client.settled()).replace(tzinfo=UTC)

    def reading_as(self, reader: Reader) -> Self:
        """The same store, whose queries run on the sessions and within the limits of another reader.

        Args:
            reader: on whose behalf its queries run; a store that was just opened reads for pages.
        """
        view = copy.copy(self)
        view._reader = reader  # noqa: SLF001 (a copy of ourselves)
        return view

    @property
    def refused_queries(self) -> int:
        """Queries of pages that were refused because too many waited, since the store was opened."""
        return self._client.refused()

    def close(self) -> None:
        """Close; waits for what is running. Closing twice is harmless."""
        self._upkeep.end()
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _rows(table: pa.Table) -> list[Row]:
    # Arrow has no type for IPv6; ClickHouse gives 16 bytes, which would be nothing that people can read.
    for index, field in enumerate(table.schema):
        if pa.types.is_fixed_size_binary(field.type) and field.type.byte_width == _ADDRESS_BYTES:
            texts = pa.array([_address(value) for value in table.column(index).to_pylist()], pa.utf8())
            table = table.set_column(index, field.name, texts)
    try:
        rows: list[Row] = table.to_pylist()
    except UnicodeDecodeError:
        # ClickHouse counts bytes: `substring(user_agent, 1, 20)` may end within a character.
        columns = [_texts(column) for column in table.columns]
        rows = [dict(zip(table.column_names, row, strict=True)) for row in zip(*columns, strict=True)]
    return rows


def _texts(column: pa.ChunkedArray) -> list[Value]:
    """The values of a column whose texts need not be UTF-8."""
    loose = _loose(column.type)
    if loose == column.type:
        values: list[Value] = column.to_pylist()
        return values
    return [_decoded(value) for value in column.cast(loose).to_pylist()]


def _loose(kind: pa.DataType) -> pa.DataType:
    """A type with bytes where texts were."""
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pa.binary()
    if pa.types.is_map(kind):
        return pa.map_(_loose(kind.key_type), _loose(kind.item_type))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.list_(_loose(kind.value_type))
    if pa.types.is_struct(kind):
        fields = (kind.field(index) for index in range(kind.num_fields))
        return pa.struct([pa.field(each.name, _loose(each.type)) for each in fields])
    return kind


def _decoded(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, list | tuple):
        return type(value)(_decoded(each) for each in value)
    if isinstance(value, dict):
        return {name: _decoded(each) for name, each in value.items()}
    return value


def _address(value: bytes | None) -> str | None:
    if value is None:
        return None
    address = ipaddress.IPv6Address(value)
    return str(address.ipv4_mapped or address)
