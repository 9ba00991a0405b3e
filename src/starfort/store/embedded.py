"""ClickHouse inside this process: chDB."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from starfort.store.access import TEXT_SETTINGS, Examiner, restrict, write_rights
from starfort.store.clickhouse import INSERT_SETTINGS, WORK_SETTINGS, QueryLimits, Reader
from starfort.store.errors import StoreClosedError, StoreOpenError, from_clickhouse
from starfort.store.parameters import Value, encode
from starfort.store.turns import turns_of

if TYPE_CHECKING:
    from chdb.session import Session

# The control plane may take 1 GB at most, and ClickHouse's own defaults are for whole machines (5 GB of mark
# cache alone).
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


class EmbeddedClickHouse:
    """chDB: ClickHouse inside this process, one session for writing and some for each kind of reader.

    A session runs one query at a time; sessions of the same path run in parallel (three `sleep(1)` on three
    sessions took 1.01 s, on one 3 s), so neither inserts nor detectors wait behind a dashboard's query.
    """

    def __init__(self, path: Path, limits: QueryLimits) -> None:
        # chDB takes its settings behind the path, as a URL has its query.
        if any(c in str(path) for c in "?&"):
            raise StoreOpenError(
                f"{path}: the store's path may not contain '?' or '&'; choose another data_dir"
            )
        options = _ENGINE_SETTINGS | {"max_server_memory_usage": limits.server_memory_bytes}
        self._target = str(path) + "?" + "&".join(f"{name}={value}" for name, value in options.items())
        self._writing = threading.Lock()
        self._closed = False
        self._writer = self._open(path, limits)
        self._working = threading.Lock()
        self._worker: Session | None = None
        self._readers: dict[Reader, queue.SimpleQueue[Session]] = {
            reader: queue.SimpleQueue() for reader in Reader
        }
        self._turns = turns_of(limits)
        self._limits = limits
        self._database = "default"
        try:
            self._set(self._writer, INSERT_SETTINGS)
            texts = str(self._writer.query(TEXT_SETTINGS, "TSVRaw"))
            self._examiner = Examiner(frozenset(texts.split()))
            for reader in Reader:
                for _ in range(limits.sessions(reader)):
                    self._readers[reader].put(self._session(reader))
        except Exception as error:
            self.close()
            raise StoreOpenError(f"{path}: {error}") from error

    def _open(self, path: Path, limits: QueryLimits) -> Session:
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._target += f"&config-file={write_rights(path, limits.server_memory_bytes)}"
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

    def _session(self, reader: Reader) -> Session:
        session = _session(self._target)
        session.query(f"USE {self._database}")
        self._set(session, self._limits.settings(reader))
        restrict(session)
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
        for reader, sessions in self._readers.items():
            # All of them are taken first, so that none that was made anew is taken again.
            for session in [sessions.get() for _ in range(self._limits.sessions(reader))]:
                session.close()
                sessions.put(self._session(reader))

    def command(self, sql: str, parameters: Mapping[str, Value] | None = None) -> None:
        """Run a statement that returns nothing, on the writer's session."""
        with self._writer_session() as session:
            # The session still has the token of the last insert, and an INSERT of ours is another one.
            self._set(session, {"insert_deduplication_token": ""})
            session.query(sql, params=encode(parameters or {}))

    def insert(self, table: str, columns: list[str], stream: bytes, token: str) -> None:
        """Insert an Arrow IPC stream as one block; the same token is inserted once."""
        names = ", ".join(columns)
        with self._writer_session() as session:
            self._set(session, {"insert_deduplication_token": token})
            with session.send_insert(f"INSERT INTO {table} ({names})", "ArrowStream") as inserter:
                inserter.append(stream)
                inserter.finish()

    def query(
        self, sql: str, parameters: Mapping[str, Value] | None = None, reader: Reader = Reader.PAGES
    ) -> pa.Table:
        """Run a SELECT on a free session of its reader; waits for one when all are busy."""
        with self._turns[reader].one():
            if self._closed:
                raise StoreClosedError("the store is closed")
            content = self._ask(sql, parameters or {}, reader)
        return pa.ipc.open_file(content).read_all() if content else pa.table({})

    def inspect(self, sql: str, parameters: Mapping[str, Value] | None = None) -> pa.Table:
        """Run a SELECT of ours over ClickHouse's own tables, on a session that may read them."""
        if self._closed:
            raise StoreClosedError("the store is closed")
        session = _session(self._target)
        try:
            session.query(f"USE {self._database}")
            content = session.query(sql, "Arrow", params=encode(parameters or {})).bytes()
        except RuntimeError as error:
            raise from_clickhouse(error) from error
        finally:
            session.close()
        return pa.ipc.open_file(content).read_all() if content else pa.table({})

    def _ask(self, sql: str, parameters: Mapping[str, Value], reader: Reader) -> bytes:
        values = encode(parameters)
        session = self._readers[reader].get()

        def examine(statement: str, given: Mapping[str, str]) -> str:
            return str(session.query(statement, "TSVRaw", params=dict(given)))

        try:
            self._examiner.check(examine, sql, values)
            result = session.query(sql, "Arrow", params=values)
            return result.bytes() if result is not None else b""
        except RuntimeError as error:
            # chDB 4.4 puts what a failed query had already written in front of the session's next result, so
            # a session that failed once is thrown away.
            session.close()
            session = self._session(reader)
            raise from_clickhouse(error) from error
        finally:
            self._readers[reader].put(session)

    def refused(self) -> int:
        """Queries of pages that were refused because too many waited."""
        return self._turns[Reader.PAGES].refused

    def work(self, sql: str, parameters: Mapping[str, Value] | None = None, *, token: str = "") -> pa.Table:
        """Run a statement of the store's own upkeep, on a session of its own."""
        with self._working:
            if self._closed:
                raise StoreClosedError("the store is closed")
            try:
                if self._worker is None:
                    self._worker = _session(self._target)
                    self._worker.query(f"USE {self._database}")
                    self._set(self._worker, WORK_SETTINGS)
                self._set(self._worker, {"insert_deduplication_token": token})
                result = self._worker.query(sql, "Arrow", params=encode(parameters or {}))
                content = result.bytes() if result is not None else b""
            except RuntimeError as error:
                self._end_worker()  # for the same reason as in `_ask`
                raise from_clickhouse(error) from error
        return pa.ipc.open_file(content).read_all() if content else pa.table({})

    def settled(self) -> str:
        """A time of arrival up to which every row can be read: no insert is under way while it is taken."""
        # The lock of the writer is held: an insert that began before has ended, and one that begins later
        # gets a later time.
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
            # Taking every session waits for the queries that run on them.
            for reader, sessions in self._readers.items():
                for _ in range(self._limits.sessions(reader)):
                    sessions.get().close()
            self._end_worker()
            self._writer.close()
