"""Records of endpoints, as calls would have made them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starfort.catalogue.schemas.contract import operation
from starfort.catalogue.schemas.learn import Reading
from starfort.catalogue.schemas.record import REQUEST, Record
from starfort.catalogue.schemas.support import Support, Trust
from starfort.contracts.model import Operation

TRUST = Trust(callers=3, apart_s=600)
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def members_of(**members: Any) -> list[Any]:
    """One object with these members."""
    return [["o", members, []]]


def text(length: int = 4, characters: str = "a", form: str = "", *hashes: str) -> list[Any]:
    """One text."""
    return [["s", form, length, length, characters, *([list(hashes)] if hashes else [])]]


def request(body: list[Any] | None = None, **places: list[Any]) -> dict[str, Any]:
    """A request with this body and these places."""
    found: dict[str, Any] = {place: places.get(place, members_of()) for place in "pqhc"}
    return {"v": 1, **found, **({} if body is None else {"b": body, "f": "json"})}


def add(  # noqa: PLR0913 (all that differs between calls)
    record: Record,
    shape: dict[str, Any],
    *,
    caller: int,
    time_s: int,
    media_type: str = JSON,
    side: str = REQUEST,
) -> None:
    """Take over one call."""
    record.add(side, shape, media_type, Support((caller,), time_s, time_s), TRUST)


def usual(shape: dict[str, Any], *, media_type: str = JSON, calls: int = 100, side: str = REQUEST) -> Record:
    """A record of calls of ten callers over a day."""
    record = Record()
    for number in range(calls):
        add(record, shape, caller=number % 10, time_s=number * 864, media_type=media_type, side=side)
    return record


def made(record: Record, reading: Reading = Reading.TRUSTED) -> Operation:
    """The operation of a record."""
    return operation(record, "POST", "/orders/{id}", reading=reading, trust=TRUST)


def body_schema(record: Record, reading: Reading = Reading.TRUSTED) -> Mapping[str, Any]:
    """The schema of its body."""
    body = made(record, reading).body
    assert body is not None
    schema = body.content[0].schema
    assert isinstance(schema, Mapping)
    return schema
