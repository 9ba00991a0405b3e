"""Opens the state database: accounts, tokens, alerts and what the catalogue knows."""

from __future__ import annotations

from pathlib import Path
from sqlite3 import Connection

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DatabaseError

from starfort.runtime.lock import StartError


def open_state(path: Path) -> Engine:
    """The state database of a data directory, private and safe for several threads.

    Raises:
        StartError: SQLite cannot use the file, or a page of it is damaged.
    """
    path.touch(mode=0o600, exist_ok=True)
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def _set_up(connection: Connection, _: object) -> None:
        # Readers and the one writer do not wait for each other with a write-ahead log, and a second writer
        # waits 5 s instead of failing at once.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA busy_timeout = 5000")

    try:
        with engine.connect() as connection:
            found = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()).splitlines()[-1]
    except DatabaseError as error:
        found = str(error.orig)
    if found != "ok":
        engine.dispose()
        raise StartError(
            f"{path}: SQLite can't use it ({found}); restore it with its -wal file, or move it away to begin"
            " without accounts, tokens and past alerts"
        )
    return engine
