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
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import pyarrow as pa

from starfort.store.access import TEXT_SETTINGS, Examiner, make_server_reader, restrict, write_rights
from starfort.store.errors import StoreBusyError, StoreClosedError, StoreOpenError, from_clickhouse
from starfort.store.parameters import Value, encode

if TYPE_CHECKING:
    from chdb.session import Session


class Reader(StrEnum):
    """On whose behalf a query runs. Each has sessions of its own, so that none can take another's."""

    PAGES = "pages"
    """People: pages, REST API and CLI. Bounded in number, with a queue that refuses rather than grows."""

    DETECTION = "detection"
    """Detectors on their beat. Nothing that a person does may hold them up."""

    BACKGROUND = "background"
    """The catalogue and the posture checks: they may wait for each other, and for nobody else."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading and the whole engine may use.

    Attributes:
        read_seconds: longest a query may run.
        read_memory_bytes: most memory one query of a page may use. All page queries at once (`readers` times
            this) must leave detectors, inserts and merges their part of `server_memory_bytes`.
        read_rows: most rows one query may return.
        readers: queries of pages that may run at once.
        waiting: queries of pages that may wait for one of them; the next is refused at once.
        wait_seconds: longest that such a query waits before it is refused.
        detection_readers: queries of detectors that may run at once.
        detection_memory_bytes: most memory one query of a detector may use.
        background_memory_bytes: most memory one query of the catalogue or of a check may use.
        server_memory_bytes: most memory ClickHouse may use inside this process.
    """

    read_seconds: float = 10.0
    read_memory_bytes: int = 160 << 20
    read_rows: int = 200_000
    readers: int = 2
    waiting: int = 16
    wait_seconds: float = 5.0
    detection_readers: int = 2
    detection_memory_bytes: int = 128 << 20
    background_memory_bytes: int = 160 << 20
    server_memory_bytes: int = 640 << 20

    def sessions(self, reader: Reader) -> int:
        """How many queries of a reader may run at once."""
        return {
            Reader.PAGES: self.readers,
            Reader.DETECTION: self.detection_readers,
            Reader.BACKGROUND: 1,
        }[reader]

    def settings(self, reader: Reader) -> dict[str, int | float | str]:
        """ClickHouse's settings for a reader's queries."""
        return {
            "max_execution_time": self.read_seconds,
            "max_memory_usage": {
                Reader.PAGES: self.read_memory_bytes,
                Reader.DETECTION: self.detection_memory_bytes,
                Reader.BACKGROUND: self.background_memory_bytes,
            }[reader],
            "max_result_rows": self.read_rows,
            "result_overflow_mode": "throw",
            # One thread a query: page queries then share the cores of a small machine fairly with the rest,
            # and a query costs less CPU in one thread than in two.
            "max_threads": 1,
            "priority": _PRIORITIES[reader],
            "memory_overcommit_ratio_denominator": _GUARANTEED_BYTES[reader],
            "readonly": 2,
        }


_PRIORITIES: Final = {Reader.DETECTION: 1, Reader.BACKGROUND: 2, Reader.PAGES: 3}
"""While a query of a lower number runs, ClickHouse lets those of higher numbers pause between blocks
(`priority`; a pause lasts at most `low_priority_query_wait_time_ms`, 1 s, so nothing starves)."""

_GUARANTEED_BYTES: Final = {Reader.DETECTION: 1 << 30, Reader.BACKGROUND: 128 << 20, Reader.PAGES: 1 << 20}
"""When ClickHouse reaches `server_memory_bytes` it stops the query that uses the greatest multiple of
this (`memory_overcommit_ratio_denominator`): one of a page before one of a check, and a detector's last."""


class Turns:
    """Lets so many through at once; who must wait too long, or would be one too many to wait, is refused.

    Args:
        at_once: how many may hold a turn.
        waiting: how many may wait; `None`: any number, for as long as it takes.
        wait_seconds: longest wait.
    """

    def __init__(self, at_once: int, waiting: int | None = None, wait_seconds: float = 0.0) -> None:
        self._free = threading.Semaphore(at_once)
        self._most_waiting = waiting
        self._wait_seconds = wait_seconds
        self._waiting = 0
        self._counting = threading.Lock()
        self.refused = 0

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Hold a turn.

        Raises:
            StoreBusyError: too many wait already, or this waited for too long.
        """
        if not self._free.acquire(blocking=False):
            self._wait()
        try:
            yield
        finally:
            self._free.release()

    def _wait(self) -> None:
        if self._most_waiting is None:
            self._free.acquire()
            return
        with self._counting:
            crowded = self._waiting >= self._most_waiting
            if not crowded:
                self._waiting += 1
        if crowded:
            self._refuse(f"{self._most_waiting} queries wait already")
        try:
            taken = self._free.acquire(timeout=self._wait_seconds)
        finally:
            with self._counting:
                self._waiting -= 1
        if not taken:
            self._refuse(f"no query before this one ended within {self._wait_seconds:g} s")

    def _refuse(self, why: str) -> None:
        with self._counting:
            self.refused += 1
        raise StoreBusyError(f"the store is busy with queries of other pages: {why}; try again in a moment")


def _turns(limits: Limits) -> dict[Reader, Turns]:
    return {
        reader: Turns(limits.sessions(reader), limits.waiting, limits.wait_seconds)
        if reader is Reader.PAGES
        else Turns(limits.sessions(reader))
        for reader in Reader
    }


class Client(Protocol):
    """What the store needs of ClickHouse."""

    def command(self, sql: str, parameters: Mapping[str, Value] | None = None) -> None:
        """Run a statement that returns nothing."""

    def insert(self, table: str, columns: list[str], stream: bytes, token: str) -> None:
        """Insert an Arrow IPC stream as one block; the same token is inserted once."""

    def query(
        self, sql: str, parameters: Mapping[str, Value] | None = None, reader: Reader = Reader.PAGES
    ) -> pa.Table:
        """Run a SELECT within the limits of a reader, when it is its turn."""

    def inspect(self, sql: str, parameters: Mapping[str, Value] | None = None) -> pa.Table:
        """Run a SELECT of ours over ClickHouse's own tables, which `query` may not read."""

    def refused(self) -> int:
        """Queries of pages that were refused because too many waited."""

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
    """chDB: ClickHouse inside this process, one session for writing and some for each kind of reader.

    A session runs one query at a time; sessions of the same path run in parallel (three `sleep(1)` on three
    sessions took 1.01 s, on one 3 s), so neither inserts nor detectors wait behind a dashboard's query.
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
        self._writer = self._open(path, limits)
        self._working = threading.Lock()
        self._worker: Session | None = None
        self._readers: dict[Reader, queue.SimpleQueue[Session]] = {
            reader: queue.SimpleQueue() for reader in Reader
        }
        self._turns = _turns(limits)
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

    def _open(self, path: Path, limits: Limits) -> Session:
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
            for session in [sessions.get() for _ in range(self._limits.sessions(reader))]:
                session.close()
                sessions.put(self._session(reader))

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
            # chDB 4.4 puts what a failed query had already written in front of the session's next result
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
            for reader, sessions in self._readers.items():
                for _ in range(self._limits.sessions(reader)):
                    sessions.get().close()
            self._end_worker()
            self._writer.close()


class ServerClient:
    """A ClickHouse server or cluster through clickhouse-connect."""

    def __init__(self, client: Any, reader: Any, limits: Limits) -> None:
        self._client = client
        self._reading = reader
        self._limits = limits
        self._turns = _turns(limits)
        self._closed = False

    @classmethod
    def connect(
        cls, url: str, limits: Limits, reader_url: str | None = None, on_cluster: str = ""
    ) -> ServerClient:
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

    def query(
        self, sql: str, parameters: Mapping[str, Value] | None = None, reader: Reader = Reader.PAGES
    ) -> pa.Table:
        """Run a SELECT within the limits of its reader, when it is its turn."""
        settings = self._limits.settings(reader)
        with self._turns[reader].one():
            try:
                self._ready()
                return self._reading.query_arrow(sql, parameters=dict(parameters or {}), settings=settings)
            except StoreClosedError:
                raise
            except Exception as error:
                raise from_clickhouse(error) from error

    def inspect(self, sql: str, parameters: Mapping[str, Value] | None = None) -> pa.Table:
        """Run a SELECT of ours over ClickHouse's own tables, as the user that owns the database."""
        try:
            return self._ready().query_arrow(sql, parameters=dict(parameters or {}))
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
    return url.replace("clickhouses://", "https://", 1).replace("clickhouse://", "http://", 1)


def _host(url: str) -> str:
    return url.rpartition("@")[2] or url


def _connect(url: str) -> Any:
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
