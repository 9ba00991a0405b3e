"""Every warning of a configuration, in the order of its lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from starfort.compile.warnings.conditions import idle_conditions
from starfort.compile.warnings.context import Context
from starfort.compile.warnings.endpoints import unknown_endpoints
from starfort.compile.warnings.policies import empty_lists, expired, unreached
from starfort.compile.warnings.unused import unused_parts
from starfort.config import ConfigProblem

MAX_WARNINGS: Final = 200
"""Warnings of one configuration that are shown; the last one says how many more there are."""

_LOOKS: Final[tuple[Callable[[Context], Iterator[ConfigProblem]], ...]] = (
    unknown_endpoints,
    idle_conditions,
    unreached,
    empty_lists,
    expired,
    unused_parts,
)


def warnings_of(context: Context) -> tuple[ConfigProblem, ...]:
    """Every warning of the configuration and of the documents that it names."""
    # A set, because two looks may say the same of one line, and sorted by place, as people read the file.
    found = sorted({*context.compiled.doubts, *(warning for look in _LOOKS for warning in look(context))})
    if len(found) > MAX_WARNINGS:
        more = f"{len(found) - MAX_WARNINGS} further warnings are not shown"
        found = [*found[:MAX_WARNINGS], ConfigProblem(context.loaded.source.file, 0, 0, more)]
    return tuple(found)
