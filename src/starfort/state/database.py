"""Opens the state database: SQLite at `DATA_DIR/state.db`, through SQLAlchemy."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session, sessionmaker

from starfort.base.files import PRIVATE_FILE, make_private
from starfort.state import STATE_FILE
from starfort.state.migrate import StateError, migrate


def now_ms() -> int:
    """Unix milliseconds now."""
    return time.time_ns() // 1_000_000


def time_of(milliseconds: int) -> datetime:
    """The time, in UTC, of Unix milliseconds."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def open_state(path: Path, *, examine: bool = False) -> Engine:
    """Open a state database: private, with the newest schema, safe for several threads and processes.

    Args:
        path: its file; it is made when it is missing.
        examine: look for damaged pages first. That reads the whole file, so only the process that serves does
            it, once at its start.

    Raises:
        StateError: SQLite cannot use the file, a page of it is damaged, or a newer Starfort wrote it. The
            file is left as it is.
        OSError: the file cannot be made.
    """
    # Made before SQLite opens it, which would give it the mode of the umask.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, PRIVATE_FILE))
    path.chmod(PRIVATE_FILE)
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", _set_up)
    try:
        if examine:
            _refuse_damaged(engine, path)
        migrate(engine, path)
    except DatabaseError as error:
        engine.dispose()
        raise _unusable(path, str(error.orig)) from error
    except StateError:
        engine.dispose()
        raise
    return engine


def _set_up(connection: sqlite3.Connection, _: object) -> None:
    """Set what SQLite keeps for each connection and not for the file."""
    for pragma in (
        # SQLite does not enforce foreign keys unless a connection asks for it.
        "foreign_keys = ON",
        # With a write-ahead log, readers and the one writer do not wait for each other.
        "journal_mode = WAL",
        # A change, such as the end of a session, must survive a power failure.
        "synchronous = FULL",
        # A second writer waits up to 10 s instead of failing at once.
        "busy_timeout = 10000",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _refuse_damaged(engine: Engine, path: Path) -> None:
    with engine.connect() as connection:
        found = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()).splitlines()[-1]
    if found != "ok":
        raise _unusable(path, found)


def _unusable(path: Path, why: str) -> StateError:
    return StateError(
        f"{path}: SQLite can't use it ({why}); restore it with its -wal file, or move it away to begin"
        " without accounts, tokens and past alerts"
    )


class StateDatabase:
    """The open database, for what reads and writes it row by row.

    Args:
        data_dir: directory of the installation; made with mode 0700 when it is missing.

    Raises:
        StateError: as `open_state`.
    """

    def __init__(self, data_dir: Path) -> None:
        make_private(data_dir)
        self.path = data_dir / STATE_FILE
        self._engine = open_state(self.path)
        self._sessions = sessionmaker(self._engine, expire_on_commit=False)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """A transaction: committed at the end of the block, rolled back when it raises."""
        with self._sessions.begin() as session:
            yield session

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()
