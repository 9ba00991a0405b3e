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
"""Of one configuration; further ones are counted in a last one."""

_LOOKS: Final[tuple[Callable[[Context], Iterator[ConfigProblem]], ...]] = (
    unknown_endpoints,
    idle_conditions,
    unreached,
    empty_lists,
    expired,
    unused_parts,
)


def warnings_of(context: Context) -> tuple[ConfigProblem, ...]:
    """What has no effect, in the configuration and in the documents that it names."""
    found = sorted({*context.compiled.doubts, *(warning for look in _LOOKS for warning in look(context))})
    if len(found) > MAX_WARNINGS:
        more = f"{len(found) - MAX_WARNINGS} further warnings are not shown"
        found = [*found[:MAX_WARNINGS], ConfigProblem(context.loaded.source.file, 0, 0, more)]
    return tuple(found)
