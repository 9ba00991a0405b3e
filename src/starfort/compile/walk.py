"""Walks over the expressions of policies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from starfort.bundle import expression as e


def nodes(expressions: Iterable[e.Expr]) -> Iterator[e.Expr]:
    """Every node of some expressions, outer ones first.

    It keeps a list of waiting nodes and does not recurse. Expressions are at most `lowering.MAX_DEPTH` deep.
    """
    waiting: list[object] = list(expressions)
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple):
            waiting += node
        elif isinstance(node, e.Expr):
            yield node
            # A node's operands stand in its fields, alone or in tuples; every other value is passed over.
            waiting += vars(node).values()


def fields_of(expressions: Iterable[e.Expr]) -> set[e.Field]:
    """Every variable that some expressions use."""
    return {node.field for node in nodes(expressions) if isinstance(node, e.FieldExpr)}
