"""The state database: file mode, migrations."""

from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from starfort.admin.errors import AdminError
from starfort.admin.state import MIGRATIONS, Base, StateDatabase


def test_file_is_private(tmp_path: Path) -> None:
    """The database is readable by its owner only."""
    StateDatabase(tmp_path).close()
    assert (tmp_path / "state.db").stat().st_mode & 0o777 == 0o600


def test_existing_file_becomes_private(tmp_path: Path) -> None:
    """A database that somebody opened up is closed again."""
    path = tmp_path / "state.db"
    path.touch(mode=0o644)
    StateDatabase(tmp_path).close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_opening_again_keeps_the_version(tmp_path: Path) -> None:
    """Opening migrates once."""
    StateDatabase(tmp_path).close()
    database = StateDatabase(tmp_path)
    with database.begin() as session:
        rows = session.execute(text("SELECT count(*) FROM admin_schema_version")).scalar()
    database.close()
    assert rows == len(MIGRATIONS)


def test_newer_database_is_refused(tmp_path: Path) -> None:
    """A database of a newer Starfort is not touched."""
    database = StateDatabase(tmp_path)
    with database.begin() as session:
        session.execute(text("INSERT INTO admin_schema_version VALUES (999)"))
    database.close()
    with pytest.raises(AdminError, match="schema version 999"):
        StateDatabase(tmp_path)


def test_migrations_make_the_mapped_tables(database: StateDatabase) -> None:
    """Every table and column that the code maps is what the migrations make, and no other."""
    with database.begin() as session:
        inspector = inspect(session.connection())
        for table in Base.metadata.tables.values():
            columns = {column["name"]: column["nullable"] for column in inspector.get_columns(table.name)}
            assert columns.keys() == set(table.columns.keys())
            for column in table.columns:
                if not column.primary_key:
                    assert columns[column.name] == column.nullable, (table.name, column.name)
