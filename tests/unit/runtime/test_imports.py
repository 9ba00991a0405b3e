"""Imported calls go to a table of their own, once."""

import datetime as dt
from pathlib import Path

import pytest

from starfort.runtime.imports import TABLE, ImportRefusedError, Imports
from starfort.store import Store
from tests.support.events import event, stream

NAME = "0123456789abcdef" * 2
ID = "imported-call-of-this-test"


async def _nothing() -> None:
    pass


async def test_a_batch_is_taken_once_and_keeps_its_times(tmp_path: Path, store: Store) -> None:
    """Rows of years ago are stored as they are, apart from traffic; the same batch again adds nothing."""
    long_ago = dt.datetime(2001, 9, 9, tzinfo=dt.UTC)
    folder = tmp_path / "imports"
    folder.mkdir()
    imports = Imports(store, tmp_path, _nothing)
    for _ in range(2):
        (folder / NAME).write_bytes(
            stream([event(time=long_ago, id=ID, source="har"), event(time=long_ago, id=ID)])
        )
        assert await imports.take(NAME) == 2
    rows = store.query(f"SELECT time, source FROM {TABLE} WHERE id = '{ID}' ORDER BY source")
    assert [(row["time"], row["source"]) for row in rows] == [(long_ago, ""), (long_ago, "har")]
    assert store.query(f"SELECT count() AS n FROM events WHERE id = '{ID}'")[0]["n"] == 0
    store.upkeep()
    assert store.query(f"SELECT count() AS n FROM {TABLE} WHERE id = '{ID}'")[0]["n"] == 2
    assert not (folder / NAME).exists()


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "x" * 32, NAME.upper(), NAME + "0"])
async def test_other_files_are_not_read(tmp_path: Path, store: Store, name: str) -> None:
    """A batch's name is 32 hexadecimal characters and leads to no other folder."""
    with pytest.raises(ImportRefusedError, match="32 hexadecimal"):
        await Imports(store, tmp_path, _nothing).take(name)


async def test_what_is_no_batch_is_refused(tmp_path: Path, store: Store) -> None:
    """A file that is not there, or is no Arrow stream, or is from the future, is refused."""
    folder = tmp_path / "imports"
    folder.mkdir()
    tomorrow = dt.datetime.now(dt.UTC) + dt.timedelta(days=3)
    imports = Imports(store, tmp_path, _nothing)
    for content in (None, b"nothing", stream([event(time=tomorrow)])):
        if content is not None:
            (folder / NAME).write_bytes(content)
        with pytest.raises(ImportRefusedError):
            await imports.take(NAME)
