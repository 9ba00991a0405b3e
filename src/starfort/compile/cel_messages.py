"""What is wrong with a CEL expression, in the words of who writes policies."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_MESSAGE: Final = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_OPERATORS: Final = {
    "_&&_": "&&", "_||_": "||", "!_": "!", "-_": "-", "_==_": "==", "_!=_": "!=", "_<_": "<", "_<=_": "<=",
    "_>_": ">", "_>=_": ">=", "_+_": "+", "_-_": "-", "_*_": "*", "_/_": "/", "_%_": "%", "@in": "in",
    "_[_]": "[]", "_?_:_": "?:",
}  # fmt: skip


@dataclass(frozen=True, order=True)
class CelProblem:
    """One thing that is wrong.

    Attributes:
        line: in the expression, from 1.
        column: from 1, in characters.
        what: what is wrong.
        fix: what would be right, "" when `what` says it.
    """

    line: int
    column: int
    what: str
    fix: str = ""


class CelError(Exception):
    """An expression that cannot be used; `problems` has everything that was found."""

    def __init__(self, problems: Iterable[CelProblem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("; ".join(f"{p.line}:{p.column}: {p.what}" for p in self.problems))


def place(text: str, offset: int) -> tuple[int, int]:
    """Line and column (from 1) of a character."""
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def name_start(text: str, offset: int, also: str = "") -> int:
    """Where the name begins that ends just before an offset.

    CEL's position of a call is its parenthesis, that of a qualified name its last dot.

    Args:
        text: the expression.
        offset: where CEL says that it is.
        also: what a name may hold beside letters, digits and `_`.
    """
    while offset > 0 and (text[offset - 1].isalnum() or text[offset - 1] in f"_{also}"):
        offset -= 1
    return offset


def problems_of(message: str, text: str, names: Iterable[str]) -> list[CelProblem]:
    """The problems in a message of CEL's parser or checker.

    Args:
        message: what it said: `ERROR: <input>:LINE:COLUMN: …` for each.
        text: the expression.
        names: known variables, for suggestions.
    """
    found = [(int(line), int(column), what) for line, column, what in _MESSAGE.findall(message)]
    placed = [_problem(line, column, what, text, list(names)) for line, column, what in found if line > 0]
    if placed:
        return placed
    if "recursion" in message:
        return [CelProblem(1, 1, "the expression is nested too deeply", "split it into several policies")]
    what = found[0][2] if found else message.splitlines()[0]
    return [CelProblem(1, 1, what.removesuffix(" [INVALID_ARGUMENT]"))]


def _problem(line: int, column: int, message: str, text: str, names: list[str]) -> CelProblem:
    message = message.removesuffix(" [INVALID_ARGUMENT]")
    offset = sum(len(part) + 1 for part in text.split("\n")[: line - 1]) + column - 1
    if unknown := re.match(r"undeclared reference to '([^']+)'", message):
        is_call = text[offset : offset + 1] == "("
        start = place(text, name_start(text, offset, "."))
        if is_call:
            return CelProblem(*start, f"there is no function {unknown[1]!r}", "docs/policies.md lists them")
        return CelProblem(*start, *_unknown_variable(unknown[1], names))
    if wrong := re.match(r"found no matching overload for '([^']+)' applied to '\(?(.*?)\)?'$", message):
        name, types = _OPERATORS.get(wrong[1], wrong[1]), wrong[2].split(", ")
        is_call = text[offset : offset + 1] == "(" and wrong[1] not in _OPERATORS
        start = place(text, name_start(text, offset)) if is_call else (line, column)
        return CelProblem(*start, f"{name!r} cannot be applied to {' and '.join(types)}", _conversion(types))
    if message.startswith("Syntax error: "):
        what = message.removeprefix("Syntax error: ").split(" expecting {")[0]
        return CelProblem(line, column, "syntax error: " + what.replace("'<EOF>'", "the end"))
    return CelProblem(line, column, message)


def _conversion(types: list[str]) -> str:
    """What helps operands of different types."""
    if set(types) == {"int", "double"}:
        return "write numbers like the other side: 1 for int, 1.0 for double; int() and double() convert"
    return (
        "string() converts numbers to text, int() and double() text to numbers" if "string" in types else ""
    )


def _unknown_variable(name: str, names: list[str]) -> tuple[str, str]:
    kind = re.match(r"signals\.(\w+)", name)
    kinds = sorted({known.split(".")[1] for known in names if known.startswith("signals.")})
    if kind and kind[1] not in kinds:
        close = difflib.get_close_matches(kind[1], kinds, 1)
        fix = f"did you mean signals.{close[0]}?" if close else f"there are: {', '.join(kinds) or 'none'}"
        return f"there is no signal {kind[1]!r}", fix
    below = [known for known in names if known.startswith(f"{name}.")]
    if below:
        return f"{name!r} alone has no value", f"it has: {', '.join(below)}"
    close = difflib.get_close_matches(name, names, 1)
    siblings = [known for known in names if known.startswith(f"{name.partition('.')[0]}.")]
    if close:
        return f"there is no variable {name!r}", f"did you mean {close[0]}?"
    return f"there is no variable {name!r}", f"there are: {', '.join(siblings)}" if siblings else (
        "a text is written in quotes; docs/policies.md lists the variables"
    )
