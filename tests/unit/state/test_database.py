"""Opening the state database: private, whole, and safe beside another process."""

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from starfort.state.database import StateDatabase, open_state
from starfort.state.migrate import StateError


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


def test_every_connection_holds_foreign_keys(tmp_path: Path) -> None:
    """A session of an account that does not exist cannot be written."""
    engine = open_state(tmp_path / "state.db")
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(text("INSERT INTO sessions VALUES ('k', 7, 'c', 1, 1, 'a')"))
    engine.dispose()


@pytest.mark.parametrize("examine", [True, False])
def test_another_file_is_refused_and_left_as_it_is(examine: bool, tmp_path: Path) -> None:
    """A file that is no database is named, with what to do, and not overwritten."""
    path = tmp_path / "state.db"
    path.write_bytes(b"no database at all")
    with pytest.raises(StateError, match=r"state\.db: SQLite can't use it .*; restore it with its -wal file"):
        open_state(path, examine=examine)
    assert path.read_bytes() == b"no database at all"
