"""The two ClickHouse clients: chDB in this process, or a server. Only they know which one it is.

Both take ClickHouse SQL with `{name:Type}` placeholders and give Arrow tables; everything else of the
store is written once, above them.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from starfort.store.errors import StoreClosedError, StoreOpenError, from_clickhouse
from starfort.store.parameters import Value, encode

if TYPE_CHECKING:
    from chdb.session import Session


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading and the whole engine may use.

    Attributes:
        read_seconds: longest a query may run.
        read_memory_bytes: most memory one query may use.
        read_rows: most rows one query may return.
        readers: queries that may run at once.
        server_memory_bytes: most memory ClickHouse may use inside this process.
    """

    read_seconds: float = 10.0
    read_memory_bytes: int = 256 << 20
    read_rows: int = 200_000
    readers: int = 2
    server_memory_bytes: int = 640 << 20


class Client(Protocol):
    """What the store needs of ClickHouse."""

    def command(self, sql: str, parameters: Mapping[str, Value] | None = None) -> None:
        """Run a statement that returns nothing."""

    def insert(self, table: str, columns: list[str], stream: bytes, token: str) -> None:
        """Insert an Arrow IPC stream as one block; the same token is inserted once."""

    def query(self, sql: str, parameters: Mapping[str, Value] | None = None) -> pa.Table:
        """Run a SELECT within the read limits."""

    def work(self, sql: str, parameters: Mapping[str, Value] | None = None, *, token: str = "") -> pa.Table:
        """Run a statement of the store's own upkeep: it holds up neither inserts nor readers."""

    def settled(self) -> str:
        """A time of arrival, as text of DateTime64(6, 'UTC'), up to which every row can be read."""

    def close(self) -> None:
        """Release everything; waits for what is running."""


# One block per insert (so that one deduplication token covers it), and views deduplicated with their source:
# a repeated insert then finishes whatever a kill left undone and doubles nothing.
INSERT_SETTINGS: dict[str, int] = {
    "insert_deduplicate": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "min_insert_block_size_rows": 1_000_000,
    "min_insert_block_size_bytes": 512 << 20,
    "max_insert_threads": 1,
    "async_insert": 0,
}


def _read_settings(limits: Limits) -> dict[str, int | float | str]:
    return {
        "max_execution_time": limits.read_seconds,
        "max_memory_usage": limits.read_memory_bytes,
        "max_result_rows": limits.read_rows,
        "result_overflow_mode": "throw",
        "max_threads": 2,
        "readonly": 2,
    }


# What the store does for itself takes one thread and its time. Its inserts are one block each, as ingest's
# are, so that a token covers them.
_WORK_SETTINGS: dict[str, int] = INSERT_SETTINGS | {
    "max_threads": 1,
    "max_memory_usage": 384 << 20,
    "max_block_size": 65_536,
}

SETTLE_S = 60
"""Seconds after which an insert into a server has ended: `received` is when it began."""

# Sizes for a control plane of at most 1 GB: ClickHouse's own defaults are for whole machines
# (5 GB of mark cache).
_ENGINE_SETTINGS: dict[str, int] = {
    "mark_cache_size": 32 << 20,
    "primary_index_cache_size": 32 << 20,
    "index_mark_cache_size": 8 << 20,
    "uncompressed_cache_size": 0,
    "query_condition_cache_size": 8 << 20,
    "compiled_expression_cache_size": 16 << 20,
    "mmap_cache_size": 64,
    "background_pool_size": 2,
    "background_schedule_pool_size": 2,
}


def _session(target: str) -> Session:
    # Imported here: commands that open no store need not wait for ClickHouse to be loaded.
    from chdb.session import Session  # noqa: PLC0415

    return Session(target)


class EmbeddedClient:
    """chDB: ClickHouse inside this process, one session for writing and some for reading.

    A session runs one query at a time; sessions of the same path run in parallel (three `sleep(1)` on three
    sessions took 1.01 s, on one 3 s), so inserts never wait behind a dashboard's query.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        if any(c in str(path) for c in "?&"):
            raise StoreOpenError(
                f"{path}: the store's path may not contain '?' or '&'; choose another data_dir"
            )
        options = _ENGINE_SETTINGS | {"max_server_memory_usage": limits.server_memory_bytes}
        self._target = str(path) + "?" + "&".join(f"{name}={value}" for name, value in options.items())
        self._writing = threading.Lock()
        self._closed = False
        self._writer = self._open(path)
        self._working = threading.Lock()
        self._worker: Session | None = None
        self._readers: queue.SimpleQueue[Session] = queue.SimpleQueue()
        self._limits = limits
        self._database = "default"
        try:
            self._set(self._writer, INSERT_SETTINGS)
            for _ in range(limits.readers):
                self._readers.put(self._reader())
        except Exception as error:
            self.close()
            raise StoreOpenError(f"{path}: {error}") from error

    def _open(self, path: Path) -> Session:
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            return _session(self._target)
        except OSError as error:
            raise StoreOpenError(
                f"{path}: {error.strerror}; the store needs a directory it may write"
            ) from error
        except RuntimeError as error:
            raise StoreOpenError(
                f"{path}: ClickHouse could not open it ({error}); another process may own it"
                " (one process at a time), or it is not writable"
            ) from error

    def _reader(self) -> Session:
        session = _session(self._target)
        session.query(f"USE {self._database}")
        self._set(session, _read_settings(self._limits))
        return session

    @staticmethod
    def _set(session: Session, settings: Mapping[str, int | float | str]) -> None:
        text = ", ".join(f"{name}={value!r}" for name, value in settings.items())
        session.query(f"SET {text}")

    @contextlib.contextmanager
    def _writer_session(self) -> Iterator[Session]:
        with self._writing:
            if self._closed:
                raise StoreClosedError("the store is closed")
            try:
                yield self._writer
            except RuntimeError as error:
                raise from_clickhouse(error) from error

    def use(self, database: str) -> None:
        """Make a database the current one of every session.

        Args:
            database: its name, ours.
        """
        with self._writer_session() as session:
            session.query(f"USE {database}")
        self._database = database
        for reader in [self._readers.get() for _ in range(self._limits.readers)]:
            reader.close()
            self._readers.put(self._reader())

    def command(self, sql: str, parameters: Mapping[str, Value] | None = None) -> None:
        """Run a statement that returns nothing, on the writer's session."""
        with self._writer_session() as session:
            session.query(sql, params=encode(parameters or {}))

    def insert(self, table: str, columns: list[str], stream: bytes, token: str) -> None:
        """Insert an Arrow IPC stream as one block; the same token is inserted once."""
        names = ", ".join(columns)
        with self._writer_session() as session:
            self._set(session, {"insert_deduplication_token": token})
            with session.send_insert(f"INSERT INTO {table} ({names})", "ArrowStream") as inserter:
                inserter.append(stream)
                inserter.finish()

    def query(self, sql: str, parameters: Mapping[str, Value] | None = None) -> pa.Table:
        """Run a SELECT on a free reader's session; waits for one when all are busy."""
        if self._closed:
            raise StoreClosedError("the store is closed")
        session = self._readers.get()
        try:
            result = session.query(sql, "Arrow", params=encode(parameters or {}))
            content = result.bytes() if result is not None else b""
        except RuntimeError as error:
            # chDB 4.4 puts what a failed query had already written in front of the session's next result
            session.close()
            session = self._reader()
            raise from_clickhouse(error) from error
        finally:
            self._readers.put(session)
        return pa.ipc.open_file(content).read_all() if content else pa.table({})

    def work(self, sql: str, parameters: Mapping[str, Value] | None = None, *, token: str = "") -> pa.Table:
        """Run a statement of the store's own upkeep, on a session of its own."""
        with self._working:
            if self._closed:
                raise StoreClosedError("the store is closed")
            try:
                if self._worker is None:
                    self._worker = _session(self._target)
                    self._worker.query(f"USE {self._database}")
                    self._set(self._worker, _WORK_SETTINGS)
                self._set(self._worker, {"insert_deduplication_token": token})
                result = self._worker.query(sql, "Arrow", params=encode(parameters or {}))
                content = result.bytes() if result is not None else b""
            except RuntimeError as error:
                self._end_worker()
                raise from_clickhouse(error) from error
        return pa.ipc.open_file(content).read_all() if content else pa.table({})

    def settled(self) -> str:
        """A time of arrival up to which every row can be read: no insert is under way while it is taken."""
        with self._writer_session() as session:
            return str(session.query("SELECT now64(6, 'UTC')", "TabSeparated")).strip()

    def _end_worker(self) -> None:
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def close(self) -> None:
        """Close all sessions; waits for what is running."""
        with self._working, self._writing:
            if self._closed:
                return
            self._closed = True
            for _ in range(self._limits.readers):
                self._readers.get().close()
            self._end_worker()
            self._writer.close()


class ServerClient:
    """A ClickHouse server or cluster through clickhouse-connect."""

    def __init__(self, client: Any, limits: Limits) -> None:
        self._client = client
        self._limits = limits
        self._closed = False

    @classmethod
    def connect(cls, url: str, limits: Limits) -> ServerClient:
        """Connect.

        Args:
            url: `clickhouse://user:password@host:port/database` or with `clickhouses://` over TLS.
            limits: what reading may use; memory of the server is the server's own business.

        Raises:
            StoreOpenError: the server cannot be reached or refuses.
        """
        import clickhouse_connect  # noqa: PLC0415 - 100 ms of import that embedded use does not need

        dsn = url.replace("clickhouses://", "https://", 1).replace("clickhouse://", "http://", 1)
        try:
            # no session id: queries of several threads then run in parallel
            client = clickhouse_connect.get_client(
                dsn=dsn, secure=dsn.startswith("https"), autogenerate_session_id=False
            )
        except Exception as error:
            host = dsn.rpartition("@")[2]
            raise StoreOpenError(
                f"ClickHouse at {host}: {type(error).__name__}; is it up and reachable?"
            ) from error
        return cls(client, limits)

    def _ready(self) -> Any:
        if self._closed:
            raise StoreClosedError("the store is closed")
        return self._client

    def command(self, sql: str, parameters: Mapping[str, Value] | None = None) -> None:
        """Run a statement that returns nothing."""
        try:
            self._ready().command(sql, parameters=dict(parameters or {}))
        except StoreClosedError:
            raise
        except Exception as error:
            raise from_clickhouse(error) from error

    def insert(self, table: str, columns: list[str], stream: bytes, token: str) -> None:
        """Insert an Arrow IPC stream as one block; the same token is inserted once."""
        settings: dict[str, Any] = {**INSERT_SETTINGS, "insert_deduplication_token": token}
        try:
            self._ready().raw_insert(table, columns, stream, fmt="ArrowStream", settings=settings)
        except StoreClosedError:
            raise
        except Exception as error:
            raise from_clickhouse(error) from error

    def query(self, sql: str, parameters: Mapping[str, Value] | None = None) -> pa.Table:
        """Run a SELECT within the read limits."""
        settings = _read_settings(self._limits)
        try:
            return self._ready().query_arrow(sql, parameters=dict(parameters or {}), settings=settings)
        except StoreClosedError:
            raise
        except Exception as error:
            raise from_clickhouse(error) from error

    def work(self, sql: str, parameters: Mapping[str, Value] | None = None, *, token: str = "") -> pa.Table:
        """Run a statement of the store's own upkeep."""
        settings: dict[str, Any] = {**_WORK_SETTINGS, "insert_deduplication_token": token}
        read = sql.lstrip().upper().startswith(("SELECT", "WITH"))
        try:
            if read:
                return self._ready().query_arrow(sql, parameters=dict(parameters or {}), settings=settings)
            self._ready().command(sql, parameters=dict(parameters or {}), settings=settings)
        except StoreClosedError:
            raise
        except Exception as error:
            raise from_clickhouse(error) from error
        return pa.table({})

    def settled(self) -> str:
        """A time of arrival up to which every row can be read: others insert too, within `SETTLE_S`."""
        rows = self.query(f"SELECT toString(now64(6, 'UTC') - INTERVAL {SETTLE_S} SECOND) AS moment")
        return str(rows.column("moment")[0])

    def close(self) -> None:
        """Close the connections."""
        if not self._closed:
            self._closed = True
            self._client.close()
