"""Contracts for the tests of comparisons."""

from __future__ import annotations

from datetime import date
from typing import Any

from starfort.contracts import Body, Contract, Media, Operation, Response
from starfort.contracts.changes import Level, compare

TODAY = date(2026, 6, 1)


def contract(operation: Operation | None = None, **fields: Any) -> Contract:
    """A contract with one operation."""
    operations = (operation,) if operation else ()
    return Contract("shop", **({"operations": operations} | fields))


def found(old: Contract, new: Contract) -> set[tuple[str, Level]]:
    """Codes and levels of what changed."""
    return {(one.code, one.level) for one in compare(old, new, TODAY)}


def request(schema: Any, **fields: Any) -> Contract:
    """A contract whose body of a request has a schema."""
    return contract(Operation("POST", "/a", body=Body(False, (Media("application/json", schema),))), **fields)


def response(schema: Any, **fields: Any) -> Contract:
    """A contract whose answer has a schema."""
    answer = Response("200", content=(Media("application/json", schema),))
    return contract(Operation("POST", "/a", responses=(answer,)), **fields)


def obj(required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    """An object's schema."""
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}
