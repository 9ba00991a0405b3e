"""The catalogue in the state database."""

from __future__ import annotations

from pathlib import Path

from starfort.catalogue.book import Book
from starfort.catalogue.limits import CatalogueLimits
from starfort.catalogue.model import Endpoint
from starfort.catalogue.records import Records
from starfort.catalogue.sightings import Sighting
from starfort.state.database import open_state


def test_a_merged_id_follows_the_endpoint_it_leads_to(tmp_path: Path) -> None:
    """When what an id was merged into is itself merged, the id leads to the newest endpoint after a restart too."""
    records = Records(open_state(tmp_path / "state.db"))
    book = Book("shop", CatalogueLimits())
    book._lead("a", "b")
    book._lead("gone", "b")
    records.save([book], None)
    book._lead("b", "c")
    book._lead("gone", None)
    records.save([book], None)
    assert records.load().merged == {"a": "c", "b": "c"}


def test_everything_that_is_known_comes_back(tmp_path: Path) -> None:
    """Endpoints and shapes are the same after a restart, with all 64 bits of their callers."""
    records = Records(open_state(tmp_path / "state.db"))
    book = Book("shop", CatalogueLimits())
    endpoint = Endpoint(
        "a", "shop", "*", "GET", "/a", "documented", deprecated=True, caller_bits=(1 << 64) - 1, drift=("x",),
        told=("zombie",), hosts=("h",),
    )  # fmt: skip
    sighting = Sighting(5, 7, 3, 2, 1 << 63, ("r",), ("s",), 4, ("h",), ("bearer",), ("iban",), 1, 6, "a")
    book._put(endpoint)
    book.shapes.kept["GET", "/a"] = sighting
    book.shapes.changed.add(("GET", "/a"))
    records.save([book], None)
    memory = records.load()
    assert memory.endpoints == [endpoint]
    assert memory.shapes == {"shop": {("GET", "/a"): sighting}}
    assert not book.has_changes
