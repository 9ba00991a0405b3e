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

from starfort.catalogue.model import Endpoint
from starfort.state.tables import CATALOGUE_ENDPOINTS, CATALOGUE_MERGED, CATALOGUE_SHAPES, CATALOGUE_STATE

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

# Times are whole microseconds, as the store has them, so that comparing them is exact.
_WATERMARK: Final = "watermark_us"
# These are read and written as a whole and never searched by SQL, so one column of JSON holds them.
_SETS: Final = ("labels", "suggested_labels", "auth_seen", "sensitive", "hosts")
ShapeKey = tuple[str, str, str]
"""API, method and shape."""


Row: TypeAlias = dict[str, Any]
"""One row of a table, by the names of its columns."""


@dataclass(slots=True)
class Sighting:
    """The calls of one shape.

    Attributes:
        first_seen: time of the first call that was answered, UTC.
        last_seen: time of the last one.
        calls: number of calls.
        answered: number of those calls whose status shows that something is there.
        endpoint_id: the endpoint that the shape belongs to; "" while there is too little evidence for one.
    """

    first_seen: datetime
    last_seen: datetime
    calls: int = 0
    answered: int = 0
    endpoint_id: str = ""


@dataclass(slots=True)
class Memory:
    """Everything that the catalogue keeps."""

    endpoints: dict[str, Endpoint]
    shapes: dict[ShapeKey, Sighting]
    merged: dict[str, str]
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
        with self._engine.connect() as connection:
            endpoints = [
                _endpoint(dict(row)) for row in connection.execute(select(CATALOGUE_ENDPOINTS)).mappings()
            ]
            shapes = {
                (row["api"], row["method"], row["shape"]): Sighting(
                    _time(row["first_us"]),
                    _time(row["last_us"]),
                    row["calls"],
                    row["answered"],
                    row["endpoint_id"],
                )
                for row in connection.execute(select(CATALOGUE_SHAPES)).mappings()
            }
            merged = {
                row["id"]: row["into"] for row in connection.execute(select(CATALOGUE_MERGED)).mappings()
            }
            mark = connection.execute(
                select(CATALOGUE_STATE.c.value).where(CATALOGUE_STATE.c.name == _WATERMARK)
            ).scalar()
        return Memory(
            {endpoint.id: endpoint for endpoint in endpoints},
            shapes,
            merged,
            _time(int(mark)) if mark is not None else None,
        )

    def save(self, memory: Memory, endpoints: Collection[str], shapes: Collection[ShapeKey]) -> None:
        """Write what changed, in one transaction.

        Args:
            memory: everything that the catalogue keeps.
            endpoints: ids of endpoints that changed or were removed.
            shapes: keys of shapes that changed or were removed.
        """
        # Rows are deleted and inserted, not updated: one way serves what is new, changed and removed.
        with self._engine.begin() as connection:
            _forget(connection, CATALOGUE_ENDPOINTS, [(key,) for key in endpoints])
            found = [memory.endpoints[key] for key in endpoints if key in memory.endpoints]
            _add(connection, CATALOGUE_ENDPOINTS, map(_endpoint_row, found))
            _forget(connection, CATALOGUE_SHAPES, shapes)
            _add(
                connection,
                CATALOGUE_SHAPES,
                (_shape_row(key, memory.shapes[key]) for key in shapes if key in memory.shapes),
            )
            # Nothing lists which merged ids are new, so they are compared with the table, which is small. An
            # id may also lead to another one than before: what it was merged into was itself merged later.
            known = {(row.id, row.into) for row in connection.execute(select(CATALOGUE_MERGED))}
            wanted = set(memory.merged.items())
            _forget(connection, CATALOGUE_MERGED, [(old,) for old, _ in known - wanted])
            added = [
                {"id": old, "into": new} for old, new in memory.merged.items() if (old, new) not in known
            ]
            _add(connection, CATALOGUE_MERGED, added)
            if memory.watermark is not None:
                _forget(connection, CATALOGUE_STATE, [(_WATERMARK,)])
                _add(
                    connection,
                    CATALOGUE_STATE,
                    [{"name": _WATERMARK, "value": str(_micros(memory.watermark))}],
                )


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
        "sets": json.dumps({name: list(getattr(endpoint, name)) for name in _SETS} | {"host": endpoint.host}),
    }


def _endpoint(row: Row) -> Endpoint:
    sets = json.loads(row["sets"])
    return Endpoint(
        id=row["id"],
        api=row["api"],
        host=sets.pop("host"),
        method=row["method"],
        template=row["template"],
        origin=row["origin"],
        first_seen=_optional(row["first_us"]),
        last_seen=_optional(row["last_us"]),
        calls=row["calls"],
        open_since=_optional(row["open_us"]),
        **{name: tuple(sets[name]) for name in _SETS},
    )


def _shape_row(key: ShapeKey, seen: Sighting) -> Row:
    api, method, shape = key
    return {
        "api": api,
        "method": method,
        "shape": shape,
        "endpoint_id": seen.endpoint_id,
        "calls": seen.calls,
        "answered": seen.answered,
        "first_us": _micros(seen.first_seen),
        "last_us": _micros(seen.last_seen),
    }
