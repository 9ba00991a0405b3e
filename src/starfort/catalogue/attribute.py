"""Gives calls from before an endpoint was known to that endpoint.

The engine gives a call its endpoint when it comes in; the first calls of an endpoint come before anybody
knows of it. Their events stay as they are, with no endpoint. A copy with the endpoint goes into
`events_attributed`, and what asks for the calls of endpoints reads both (the view `endpoint_events`).
Inserting a call twice is
impossible: a copy is made only of events that have none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from starfort.base.sql import load_sql
from starfort.catalogue.book import Book
from starfort.catalogue.observe import LATEST, LIVE, Observation, Slice
from starfort.catalogue.segments import shape_of
from starfort.catalogue.sightings import ShapeKey
from starfort.store import Store
from starfort.store.parameters import Value

MOST_AT_ONCE: Final = 5_000
"""Paths of one statement: each is a text in it."""

MOST_PATHS: Final = 20_000
"""Paths of calls that came long before their endpoint was known, of one refresh. More are not attributed."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Attribution:
    """Attributes calls.

    Args:
        store: where events are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.dropped = 0

    def take(self, part: Slice, seen: Iterable[tuple[Book, Observation]], books: Iterable[Book]) -> None:
        """Attribute what was read and had no endpoint, and what came earlier of shapes that have one now.

        Args:
            part: what one query read.
            seen: the same, each with its API.
            books: APIs that may have learned something.

        Raises:
            StoreError: the store does not answer.
        """
        paths: dict[tuple[str, str, str], tuple[str, str]] = {}
        for book, one in seen:
            if one.endpoint_id:
                continue
            key = book.endpoint_of(one, book.match(one))
            if key:
                paths[book.name, one.method, one.path] = (key, book.endpoints[key].template)
        # Imported calls have no figures by endpoint that they could be missing in.
        if part.window["table"] == LIVE:
            self._insert(paths, part.window)
        late = {book.name: book.take_late() for book in books}
        since = min((began for shapes in late.values() for began, _ in shapes.values()), default=None)
        if since is not None:
            self._take_late(late, part.window, since)

    def _take_late(
        self,
        late: Mapping[str, Mapping[ShapeKey, tuple[int, str]]],
        window: Mapping[str, Value],
        since_us: int,
    ) -> None:
        """Attribute calls from before the slice: shapes that needed more than one call to be an endpoint."""
        oldest = max(_EPOCH + timedelta(microseconds=since_us), _time(window["until"]) - LATEST)
        earlier: dict[str, Value] = {**window, "since": oldest, "oldest": oldest - timedelta(microseconds=1)}
        rows = self._store.query(
            load_sql("catalogue", "queries/unattributed"),
            earlier | {"apis": [api for api, shapes in late.items() if shapes], "most": MOST_PATHS},
        )
        self.dropped += rows[0]["total"] - len(rows) if rows else 0
        paths = {}
        for row in rows:
            shape = shape_of(row["path"]) or ""
            found = late.get(row["api"], {}).get((row["method"], shape))
            if found is not None:
                paths[row["api"], row["method"], row["path"]] = (found[1], shape)
        self._insert(paths, earlier)

    def lead(self, ids: Iterable[tuple[str, str, str]]) -> None:
        """Write where ids of the past lead, so that every question about an endpoint counts its past calls.

        Args:
            ids: id, the id that it leads to, and that one's template; "" and "" where it leads nowhere.

        Raises:
            StoreError: the store does not answer.
        """
        every = list(ids)
        for start in range(0, len(every), MOST_AT_ONCE):
            some = every[start : start + MOST_AT_ONCE]
            given: dict[str, Value] = {
                name: [row[number] for row in some] for number, name in enumerate(("old", "new", "templates"))
            }
            self._store.command(load_sql("catalogue", "queries/lead"), given)

    def _insert(
        self, paths: Mapping[tuple[str, str, str], tuple[str, str]], window: Mapping[str, Value]
    ) -> None:
        every = list(paths.items())
        for start in range(0, len(every), MOST_AT_ONCE):
            some = every[start : start + MOST_AT_ONCE]
            given: dict[str, Value] = {
                "paths": ["\n".join(key) for key, _ in some],
                "ids": [found for _, (found, _) in some],
                "templates": [template for _, (_, template) in some],
            }
            kept = {name: window[name] for name in ("since", "until", "oldest", "overlap")}
            self._store.command(load_sql("catalogue", "queries/attribute"), kept | given)


def _time(value: Value) -> datetime:
    if not isinstance(value, datetime):
        raise TypeError(f"{value!r} is no time")
    return value
