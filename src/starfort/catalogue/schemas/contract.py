"""Records become operations of a contract, with a confidence."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from starfort.catalogue.schemas.evidence import Evidence
from starfort.catalogue.schemas.learn import Learner, Reading
from starfort.catalogue.schemas.record import CUT, REQUEST, Record, Side
from starfort.catalogue.schemas.support import Trust
from starfort.contracts.model import Body, Media, Operation, Parameter, Place, Response, Style

MIN_SEEN: Final = 30
"""Requests after which an operation may be in a contract that is enforced."""

NO_BODY: Final = "-"

_STYLES: Final[dict[Place, Style]] = {"path": "simple", "query": "form", "header": "simple", "cookie": "form"}

_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")


def operation(  # noqa: PLR0913 (a record, whose it is, and how it is read)
    record: Record, method: str, template: str, *, reading: Reading, trust: Trust, operation_id: str = ""
) -> Operation:
    """One endpoint as its traffic shows it.

    Args:
        record: what is known of it.
        method: upper case.
        template: path template from the root.
        reading: see `learn.py`.
        trust: when a fact is trusted.
        operation_id: a name of its own.
    """
    made = _Maker(Learner(reading, trust), reading is Reading.TRUSTED)
    request = record.sides.get(REQUEST, Side())
    answers = [(name, side) for name, side in sorted(record.sides.items()) if name != REQUEST]
    return Operation(
        method=method,
        path=template,
        parameters=tuple(made.parameters(request, template)),
        body=made.body(request),
        responses=made.responses((name, side) for name, side in answers if made.counts(side, trust)),
        operation_id=operation_id,
        confidence=confidence(record, trust),
        is_open=made.is_open(request),
    )


def is_ready(record: Record, trust: Trust) -> bool:
    """Whether enough callers have called often enough for a contract that is enforced."""
    request = record.sides.get(REQUEST)
    return request is not None and request.seen >= MIN_SEEN and request.support(trust) is None


def confidence(record: Record, trust: Trust) -> float:
    """How likely it is that the next request is within what is trusted, from 0 to 1.

    By Good and Turing (1953), the share of what was seen once estimates how much is still unseen. Here it is
    the facts that one caller showed over the requests that were told. Three more of both are the rule of
    three: after n requests without a surprise, the chance of one is below 3/n (95 %). Shapes are told when
    they show something new, so the true confidence is greater.
    """
    request = record.sides.get(REQUEST)
    if request is None or request.support(trust) is not None:
        return 0.0
    single = sum(_singles(found) for found in (*request.places.values(), *request.bodies.values()))
    return round(max(0.0, 1 - (single + 3) / (request.seen + 3)), 4)


def _singles(found: Evidence) -> int:
    """Facts of one caller that would widen the schema."""
    count = 0
    for one in found.walk():
        for aspect in ("kinds", "formats", "characters", "lacking"):
            facts = getattr(one, aspect)
            count += sum(support is not None and len(support.callers) == 1 for support in facts.values())
    return count


class _Maker:
    """Makes the parts of an operation."""

    def __init__(self, learner: Learner, is_strict: bool) -> None:
        self._learner = learner
        self._is_strict = is_strict

    def counts(self, side: Side, trust: Trust) -> bool:
        return not self._is_strict or side.support(trust) is None

    def parameters(self, side: Side, template: str) -> Iterable[Parameter]:
        named = re.findall(r"\{([^{}]+)\}", template)
        found = side.places.get("path", Evidence()).members
        for name in dict.fromkeys(named):
            schema = (
                self._learner.field(found[name]) if name in found and self._learner.has(found[name]) else {}
            )
            yield Parameter(name, "path", required=True, schema=schema or True, style="simple", explode=False)
        for place in ("query", "header", "cookie"):
            yield from self._placed(side.places.get(place, Evidence()), place)

    def _placed(self, found: Evidence, place: Place) -> Iterable[Parameter]:
        lacking = self._learner.accepted(found.lacking)
        for name, member in sorted(found.members.items()):
            if not self._learner.has(member):
                continue
            required = name not in lacking and found.seen >= MIN_SEEN
            # Cookies and headers of browsers and proxies come and go, so none of them is ever asked for.
            required &= place == "query"
            schema = self._learner.field(member)
            style = _STYLES[place]
            yield Parameter(
                name, place, required=required, schema=schema, style=style, explode=style == "form"
            )

    def body(self, side: Side) -> Body | None:
        types = self._learner.accepted(side.types)
        content = self._content(side, types)
        if not content:
            return None
        return Body(required=NO_BODY not in types and side.seen >= MIN_SEEN, content=content)

    def is_open(self, side: Side) -> bool:
        query = side.places.get("query")
        return query is not None and self._learner.is_open(query)

    def responses(self, sides: Iterable[tuple[str, Side]]) -> tuple[Response, ...]:
        found = tuple(self._response(name, side) for name, side in sides)
        # A status that never came, such as that of a failure, is no breach of what was learned.
        return (*found, Response("default")) if self._is_strict and found else found

    def _response(self, status: str, side: Side) -> Response:
        headers = side.places.get("header", Evidence())
        names = [(name, found) for name, found in sorted(headers.members.items()) if self._learner.has(found)]
        return Response(
            status=status,
            headers=tuple(
                Parameter(name, "header", schema=self._learner.field(found), style="simple", explode=False)
                for name, found in names
            ),
            content=self._content(side, self._learner.accepted(side.types)),
        )

    def _content(self, side: Side, types: set[Any]) -> tuple[Media, ...]:
        is_cut = CUT in self._learner.accepted(side.more)
        made = []
        if "" in types:
            # Bodies of which several callers, or the API, do not say what they are.
            made.append(Media("*/*"))
        for media_type in sorted(types - {NO_BODY, ""}):
            body = side.bodies.get(media_type)
            schema = self._schema(media_type, body) if body is not None and not is_cut else None
            made.append(Media(media_type, True if schema is None else schema))
        return tuple(made)

    def _schema(self, media_type: str, body: Evidence) -> dict[str, Any] | None:
        if not self._learner.has(body):
            return None
        if media_type in _FORMS:
            return {"type": "object"} | self._learner.object(body, self._learner.field)
        return self._learner.schema(body)
