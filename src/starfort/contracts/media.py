"""Media types of bodies, and how contracts are joined where a document describes one thing twice."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from typing import Final

from starfort.contracts.model import Body, Media, Operation, Parameter, Response, Schema

_TYPE: Final = re.compile(
    r"(\*|[a-z0-9][a-z0-9!#$&^_.+-]{0,126})/(\*(?:\+[a-z0-9.-]{1,40})?|[a-z0-9][a-z0-9!#$&^_.+-]{0,126})"
)
"""Type and subtype (RFC 6838, 4.2), or a range (RFC 9110, 12.5.1), of a suffix too: `application/*+json`."""

MAX_ALTERNATIVES: Final = 16
"""How many schemas of one media type are kept apart; with more, anything may come."""


def name_of(written: str) -> str | None:
    """A media type as contracts have it: lower case, without parameters; `None` when it is none."""
    name = written.partition(";")[0].strip().lower()
    return name if _TYPE.fullmatch(name) else None


def joined(found: Iterable[Media]) -> tuple[Media, ...]:
    """Media types once each. One that comes twice, such as two versions of JSON, may be what either says."""
    by_type: dict[str, list[Media]] = {}
    for one in found:
        by_type.setdefault(one.type, []).append(one)
    return tuple(ones[0] if len(ones) == 1 else _either(ones) for ones in by_type.values())


def _either(ones: list[Media]) -> Media:
    schemas: list[Schema] = []
    for one in ones:
        if one.schema not in schemas:
            schemas.append(one.schema)
        if len(schemas) > MAX_ALTERNATIVES:
            return Media(ones[0].type)
    if len(schemas) == 1:
        return ones[0]
    return Media(ones[0].type, True if True in schemas else {"anyOf": schemas}, encoding=ones[0].encoding)


def both(one: Operation, other: Operation) -> Operation:
    """An operation that a call of either fits.

    Some documents tell operations of one path apart by query or fragment (`/?Action=List`), which are no part
    of a path.
    """
    return dataclasses.replace(
        one,
        parameters=_parameters(one, other),
        body=_body(one.body, other.body),
        responses=_responses(one.responses, other.responses),
        security=one.security if one.security == other.security else None,
        deprecated=one.deprecated and other.deprecated,
        operation_id="",
    )


def _parameters(one: Operation, other: Operation) -> tuple[Parameter, ...]:
    mine = {(each.place, each.name): each for each in one.parameters}
    theirs = {(each.place, each.name): each for each in other.parameters}
    found = []
    for key, parameter in {**theirs, **mine}.items():
        first, second = mine.get(key), theirs.get(key)
        if first is None or second is None:
            found.append(dataclasses.replace(parameter, required=parameter.place == "path"))
        elif first == second:
            found.append(first)
        else:
            required = first.required and second.required
            found.append(dataclasses.replace(first, schema=True, required=required))
    return tuple(found)


def _body(one: Body | None, other: Body | None) -> Body | None:
    if one is None or other is None or one == other:
        known = one or other
        return known if known is None or one == other else Body(False, known.content)
    if not one.content or not other.content:
        return Body(one.required and other.required)
    return Body(one.required and other.required, joined([*one.content, *other.content]))


def _responses(one: tuple[Response, ...], other: tuple[Response, ...]) -> tuple[Response, ...]:
    if not one or not other or one == other:
        return one if one == other else ()
    found = {response.status: response for response in other}
    for response in one:
        second = found.get(response.status)
        if second is not None and second != response:
            content = joined([*response.content, *second.content])
            if not response.content or not second.content:
                content = ()
            found[response.status] = Response(response.status, (), content)
        else:
            found[response.status] = response
    return tuple(found.values())
