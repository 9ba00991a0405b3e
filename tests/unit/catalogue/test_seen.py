"""What calls were seen of, from beside."""

from datetime import UTC, datetime
from pathlib import Path

from starfort.catalogue import CatalogueLimits, Endpoint
from starfort.catalogue.book import Book
from starfort.catalogue.records import Records
from starfort.catalogue.seen import Seen, seen_endpoints
from starfort.state.database import open_state

SINCE = datetime(2026, 5, 1, tzinfo=UTC)


def test_called_endpoints_are_read_while_somebody_writes_and_after(tmp_path: Path) -> None:
    """What was called, however it is known; not what is only declared. No file is added or changed."""
    engine = open_state(tmp_path / "state.db")
    called = Endpoint("1", "shop", "", "GET", "/a", "learned", first_seen=SINCE, calls=2)
    configured = Endpoint("2", "shop", "", "POST", "/b", "configured", calls=1)
    declared = Endpoint("3", "shop", "", "PUT", "/c", "documented")
    book = Book("shop", CatalogueLimits())
    for one in (called, configured, declared):
        book._put(one)
    Records(engine).save([book], None)
    expected = [Seen("shop", "GET", "/a", SINCE), Seen("shop", "POST", "/b", None)]
    assert seen_endpoints(tmp_path) == expected
    engine.dispose()
    before = sorted(path.name for path in tmp_path.iterdir())
    assert seen_endpoints(tmp_path) == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_without_a_catalogue_nothing_is_known(tmp_path: Path) -> None:
    """No directory, no file, another file, another schema."""
    assert seen_endpoints(tmp_path / "none") == []
    assert seen_endpoints(tmp_path) == []
    (tmp_path / "state.db").write_bytes(b"no database at all")
    assert seen_endpoints(tmp_path) == []
    (tmp_path / "state.db").write_bytes(b"")
    assert seen_endpoints(tmp_path) == []
