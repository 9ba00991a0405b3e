"""Brings a state database to the newest schema, in one transaction."""

from __future__ import annotations

import re
import sqlite3
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, create_engine, event, inspect

VERSION_TABLE: Final = "alembic_version"
"""Where Alembic writes down the last migration that was applied."""

OLD_VERSION_TABLE: Final = "admin_schema_version"
"""Where Starfort did so before it used Alembic; versions 1 and 2 were written there."""

OLD_VERSIONS: Final = 2

_FILE: Final = re.compile(r"(\d{4})_[a-z0-9_]+\.py")


class StateError(Exception):
    """The state database cannot be used; the message says why and what to do."""


def migrate(engine: Engine, path: Path) -> None:
    """Apply the migrations that a database lacks.

    All of them run in one transaction: after a kill the file is as it was, and the next start begins again.

    Args:
        engine: the open database.
        path: its file, for messages.

    Raises:
        StateError: a newer Starfort wrote it. The file is left as it is.
        sqlalchemy.exc.DatabaseError: SQLite cannot use the file.
    """
    with engine.connect() as connection:
        if _version(connection, path) == newest():
            return
    migrating = create_engine(f"sqlite:///{path}")
    event.listen(migrating, "connect", _leave_transactions_to_us)
    event.listen(migrating, "begin", _begin)
    try:
        with migrating.begin() as connection:
            # Read again, now that no other process can write: it may have migrated in between.
            if _version(connection, path) != newest():
                _upgrade(connection)
    finally:
        migrating.dispose()


@cache
def newest() -> str:
    """The number of the newest migration, four digits."""
    # The names of the files are read, so that nobody can forget to add a migration to a list.
    files = resources.files("starfort.state.migrations.versions").iterdir()
    return max(found[1] for file in files if (found := _FILE.fullmatch(file.name)))


def _version(connection: Connection, path: Path) -> str | None:
    """The number of the last migration that was applied; `None` when Alembic never saw the file.

    Raises:
        StateError: this Starfort does not know the schema.
    """
    tables = set(inspect(connection).get_table_names())
    if VERSION_TABLE in tables:
        found = connection.exec_driver_sql(f"SELECT max(version_num) FROM {VERSION_TABLE}").scalar()  # noqa: S608 (our constant)
        if found is not None and str(found) > newest():
            raise _newer(path, str(found))
        return None if found is None else str(found)
    if OLD_VERSION_TABLE in tables:
        found = connection.exec_driver_sql(f"SELECT max(version) FROM {OLD_VERSION_TABLE}").scalar()  # noqa: S608 (our constant)
        if found is not None and int(found) > OLD_VERSIONS:
            raise _newer(path, str(found))
    return None


def _newer(path: Path, found: str) -> StateError:
    return StateError(
        f"{path} has schema version {found.lstrip('0')}, this Starfort knows {newest().lstrip('0')}: start"
        " the Starfort that wrote it, or restore the file from before the upgrade"
    )


def _leave_transactions_to_us(connection: sqlite3.Connection, _: object) -> None:
    # Python's sqlite3 begins transactions by itself, before INSERT but not before CREATE TABLE. A kill
    # between two tables would then leave one of them.
    connection.isolation_level = None
    # Another process may be migrating, which takes seconds at most.
    connection.execute("PRAGMA busy_timeout = 10000")
    # SQLite cannot change a column in place, so Alembic makes the table anew and moves its rows. Dropping the
    # old one would delete the rows that refer to it.
    connection.execute("PRAGMA foreign_keys = OFF")


def _begin(connection: Connection) -> None:
    # IMMEDIATE takes the lock for writing at once: a transaction that begins by reading and then writes fails
    # without waiting when another process wrote in between (SQLITE_BUSY_SNAPSHOT).
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _upgrade(connection: Connection) -> None:
    # Alembic takes some 0.2 s of CPU to import, which a start without migrations need not spend.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(resources.files("starfort.state.migrations")))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
