"""Keeps what the catalogue knows in the state database, for longer than events are kept."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    Connection,
    Engine,
    Table,
    bindparam,
    delete,
    insert,
    select,
)

from starfort.catalogue.book import Book
from starfort.catalogue.model import Decision, Endpoint
from starfort.catalogue.sightings import ShapeKey, Sighting
from starfort.state.tables import (
    CATALOGUE_APIS,
    CATALOGUE_DECISIONS,
    CATALOGUE_ENDPOINTS,
    CATALOGUE_MERGED,
    CATALOGUE_SHAPES,
    CATALOGUE_STATE,
)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

# Times are whole microseconds, as the store has them, so that comparing them is exact.
_WATERMARK: Final = "watermark_us"
# These are read and written as a whole and never searched by SQL, so one column of JSON holds them.
_SETS: Final = ("labels", "suggested_labels", "auth_seen", "sensitive", "hosts", "drift", "told")
_EVIDENCE: Final = ("requests", "answers", "hosts", "auth", "sensitive")


Row: TypeAlias = dict[str, Any]
"""One row of a table, by the names of its columns."""


@dataclass(slots=True)
class Memory:
    """Everything that the catalogue keeps.

    Attributes:
        endpoints: of all APIs.
        shapes: by API.
        merged: ids that lead to others.
        apis: what is known of each API as a whole, as JSON values.
        watermark: how far the events were read; None before the first time.
    """

    endpoints: list[Endpoint]
    shapes: dict[str, dict[ShapeKey, Sighting]]
    merged: dict[str, str]
    apis: dict[str, dict[str, Any]]
    watermark: datetime | None


class Records:
    """The catalogue's tables.

    Args:
        engine: the state database, with its tables.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def load(self) -> Memory:
        """Read everything."""
        shapes: dict[str, dict[ShapeKey, Sighting]] = {}
        with self._engine.connect() as connection:
            endpoints = [
                _endpoint(dict(row)) for row in connection.execute(select(CATALOGUE_ENDPOINTS)).mappings()
            ]
            for row in connection.execute(select(CATALOGUE_SHAPES)).mappings():
                shapes.setdefault(row["api"], {})[row["method"], row["shape"]] = _sighting(dict(row))
            merged = {
                row["id"]: row["into"] for row in connection.execute(select(CATALOGUE_MERGED)).mappings()
            }
            apis = {
                row["api"]: json.loads(row["facts"])
                for row in connection.execute(select(CATALOGUE_APIS)).mappings()
            }
            mark = connection.execute(
                select(CATALOGUE_STATE.c.value).where(CATALOGUE_STATE.c.name == _WATERMARK)
            ).scalar()
        watermark = _time(int(mark)) if mark is not None else None
        return Memory(endpoints, shapes, merged, apis, watermark)

    def decisions(self) -> list[Decision]:
        """What people decided about segments of paths."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(CATALOGUE_DECISIONS).order_by(*CATALOGUE_DECISIONS.primary_key))
            return [
                Decision(
                    row["api"], row["pattern"], row["segments"], row["user"], _time(1000 * row["created_ms"])
                )
                for row in rows.mappings()
            ]

    def decide(self, api: str, place: str, decision: Decision | None) -> None:
        """Write what a person decided about a place, in place of what was decided before.

        Args:
            api: the API.
            place: the place, `/api/*`.
            decision: the decision; None for none any more.
        """
        with self._engine.begin() as connection:
            _forget(connection, CATALOGUE_DECISIONS, [(api, place)])
            if decision is not None:
                created = _micros(decision.created) // 1000
                _add(
                    connection,
                    CATALOGUE_DECISIONS,
                    [
                        {
                            "api": api,
                            "pattern": place,
                            "segments": decision.segments,
                            "user": decision.user[:64],
                            "created_ms": created,
                        }
                    ],
                )

    def save(self, books: Iterable[Book], watermark: datetime | None) -> None:
        """Write what changed, in one transaction, and note that nothing has changed since.

        Args:
            books: every API.
            watermark: how far the events were read.
        """
        changed = [book for book in books if book.has_changes]
        # Rows are deleted and inserted, not updated: one way serves what is new, changed and removed.
        with self._engine.begin() as connection:
            for book in changed:
                _save_book(connection, book)
            if watermark is not None:
                _forget(connection, CATALOGUE_STATE, [(_WATERMARK,)])
                _add(connection, CATALOGUE_STATE, [{"name": _WATERMARK, "value": str(_micros(watermark))}])
        for book in changed:
            book.saved()

    def save_made(self, books: Collection[Book]) -> None:
        """Write endpoints that were never written, with their shapes.

        How far the events were read is not noted: what else they showed is not written either.

        Args:
            books: APIs that have such endpoints.
        """
        if not books:
            return
        with self._engine.begin() as connection:
            for book in books:
                _save_made(connection, book)
        for book in books:
            book.unsaved.clear()


def _save_book(connection: Connection, book: Book) -> None:
    _forget(connection, CATALOGUE_ENDPOINTS, [(key,) for key in book.changed])
    found = [book.endpoints[key] for key in book.changed if key in book.endpoints]
    _add(connection, CATALOGUE_ENDPOINTS, map(_endpoint_row, found))
    _forget(connection, CATALOGUE_SHAPES, [(book.name, *key) for key in book.shapes.changed])
    kept = book.shapes.kept
    rows = (_shape_row(book.name, key, kept[key]) for key in book.shapes.changed if key in kept)
    _add(connection, CATALOGUE_SHAPES, rows)
    _forget(connection, CATALOGUE_MERGED, [(old,) for old in book.led])
    led = [{"id": old, "into": book.merged[old]} for old in book.led if old in book.merged]
    _add(connection, CATALOGUE_MERGED, led)
    _forget(connection, CATALOGUE_APIS, [(book.name,)])
    _add(connection, CATALOGUE_APIS, [{"api": book.name, "facts": json.dumps(book.kept())}])


def _save_made(connection: Connection, book: Book) -> None:
    keys = [key for key in book.unsaved if key in book.endpoints]
    _forget(connection, CATALOGUE_ENDPOINTS, [(key,) for key in keys])
    _add(connection, CATALOGUE_ENDPOINTS, [_endpoint_row(book.endpoints[key]) for key in keys])
    shapes = {key: row for key, row in book.shapes.changed_items() if row.endpoint_id in book.unsaved}
    _forget(connection, CATALOGUE_SHAPES, [(book.name, *key) for key in shapes])
    _add(connection, CATALOGUE_SHAPES, [_shape_row(book.name, key, row) for key, row in shapes.items()])


def _forget(connection: Connection, table: Table, keys: Collection[tuple[str, ...]]) -> None:
    if not keys:
        return
    columns = list(table.primary_key.columns)
    statement = delete(table)
    for column in columns:
        statement = statement.where(column == bindparam(f"key_{column.name}"))
    names = [f"key_{column.name}" for column in columns]
    connection.execute(statement, [dict(zip(names, key, strict=True)) for key in keys])


def _add(connection: Connection, table: Table, rows: Iterable[Row]) -> None:
    found = list(rows)
    if found:
        connection.execute(insert(table), found)


def _micros(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1)


def _time(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


def _optional(micros: int | None) -> datetime | None:
    return None if micros is None else _time(micros)


def _endpoint_row(endpoint: Endpoint) -> Row:
    facts: Row = {name: list(getattr(endpoint, name)) for name in _SETS}
    # As text: a number of 64 bits is not exact in every reader of JSON.
    facts |= {
        "host": endpoint.host,
        "deprecated": endpoint.deprecated,
        "callers": f"{endpoint.caller_bits:x}",
    }
    return {
        "id": endpoint.id,
        "api": endpoint.api,
        "method": endpoint.method,
        "template": endpoint.template,
        "origin": endpoint.origin,
        "calls": endpoint.calls,
        "first_us": None if endpoint.first_seen is None else _micros(endpoint.first_seen),
        "last_us": None if endpoint.last_seen is None else _micros(endpoint.last_seen),
        "open_us": None if endpoint.open_since is None else _micros(endpoint.open_since),
        "sets": json.dumps(facts),
    }


def _endpoint(row: Row) -> Endpoint:
    facts = json.loads(row["sets"])
    return Endpoint(
        id=row["id"],
        api=row["api"],
        host=facts["host"],
        method=row["method"],
        template=row["template"],
        origin=row["origin"],
        first_seen=_optional(row["first_us"]),
        last_seen=_optional(row["last_us"]),
        calls=row["calls"],
        open_since=_optional(row["open_us"]),
        deprecated=facts.get("deprecated", False),
        caller_bits=int(facts.get("callers", "0"), 16),
        **{name: tuple(facts.get(name, ())) for name in _SETS},
    )


def _shape_row(api: str, key: ShapeKey, seen: Sighting) -> Row:
    method, shape = key
    evidence: Row = {name: list(getattr(seen, name)) for name in _EVIDENCE}
    evidence |= {
        "callers": f"{seen.callers:x}", "words": seen.words, "logins": seen.logins, "open_us": seen.open_us,
    }  # fmt: skip
    return {
        "api": api,
        "method": method,
        "shape": shape,
        "endpoint_id": seen.endpoint_id,
        "calls": seen.calls,
        "answered": seen.answered,
        "first_us": seen.first_us,
        "last_us": seen.last_us,
        "evidence": json.dumps({name: value for name, value in evidence.items() if value}),
    }


def _sighting(row: Row) -> Sighting:
    # A row of an older version has no evidence, and then only its calls count.
    evidence = json.loads(row["evidence"])
    return Sighting(
        first_us=row["first_us"],
        last_us=row["last_us"],
        calls=row["calls"],
        answered=row["answered"],
        callers=int(evidence.get("callers", "0"), 16),
        words=evidence.get("words", 0),
        logins=evidence.get("logins", 0),
        open_us=evidence.get("open_us"),
        endpoint_id=row["endpoint_id"],
        **{name: tuple(evidence.get(name, ())) for name in _EVIDENCE},
    )
