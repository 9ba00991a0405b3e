"""Reads the macros `%{NAME}` and `%{COLLECTION.key}` in texts."""

from __future__ import annotations

import re

from starfort.threats.seclang.model import Macro, MacroPart
from starfort.threats.seclang.patterns import compiled
from starfort.threats.seclang.reference import VARIABLES, suggestion

_MACRO = re.compile(r"%\{([^{}]*)\}")
_NAME = re.compile(r"([A-Za-z0-9_]+)(?:[.:](.+))?", re.DOTALL)


class MacroError(ValueError):
    """A macro that cannot be expanded; `offset` says where it begins, `fix` what would be right."""

    def __init__(self, offset: int, what: str, fix: str) -> None:
        self.offset = offset
        self.fix = fix
        super().__init__(what)


def parse_macro(text: str, *, lenient: bool = False) -> Macro:
    """Split a text into literals and variables.

    Args:
        text: the argument of an action or operator.
        lenient: take a `%{…}` that names no variable as text. Patterns need this, because they look for
            templates of attackers, which begin in the same way.

    Returns:
        The parts in order. No two literals follow each other; () for "".

    Raises:
        MacroError: a `%{…}` names no variable.
    """
    parts: list[MacroPart] = []
    end = 0
    # A macro that is skipped stays part of the next literal, so `end` moves only after a variable.
    for found in _MACRO.finditer(text):
        try:
            variable = _variable(found)
        except MacroError:
            if not lenient:
                raise
            continue
        if found.start() > end:
            parts.append(MacroPart(text=text[end : found.start()]))
        parts.append(variable)
        end = found.end()
    if end < len(text):
        parts.append(MacroPart(text=text[end:]))
    return tuple(parts)


def is_pattern(key: str) -> bool:
    """Whether a macro's key is a pattern, as in `%{ARGS./^id/}`: it selects the first matching member."""
    return len(key) > 1 and key[0] == key[-1] == "/"


def _variable(found: re.Match[str]) -> MacroPart:
    named = _NAME.fullmatch(found[1].strip())
    if named is None:
        raise MacroError(found.start(), f"{found[0]} is no macro", "write %{VARIABLE} or %{COLLECTION.key}")
    name, key = named[1].upper(), named[2]
    if key is not None and is_pattern(key):
        try:
            compiled(key[1:-1])
        except re.error as error:
            raise MacroError(found.start(), f"{found[0]}: {error.msg}", "write %{COLLECTION.key}") from error
    entry = VARIABLES.get(name)
    if entry is None or not entry.supported:
        fix = entry.note if entry else suggestion(name, VARIABLES)
        raise MacroError(found.start(), f"{found[0]}: no variable {name}", fix)
    return MacroPart(variable=name, key=key)
