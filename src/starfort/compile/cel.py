"""Turns CEL text into the checked expression that the engine evaluates.

`cel-expr-python` (Google's C++ implementation) parses and checks; `lowering` turns its syntax tree into the
bundle's; `cel_messages` turns its messages into ours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from cel.expr import checked_pb2
from cel_expr_python import cel
from google.protobuf import any_pb2

from starfort.bundle.expression import Expr, Field
from starfort.compile.cel_messages import CelError, CelProblem, in_words, place, problems_of
from starfort.compile.lowering import lower
from starfort.compile.variables import plain_variables, signal_variables

__all__ = ["CelError", "CelProblem", "Environment", "compile_expression"]


def _functions() -> list[cel.FunctionDecl]:
    text, truth = cel.Type.STRING, cel.Type.BOOL
    # Declared and never implemented here: the checker needs their types, and only the engine evaluates.
    return [
        cel.FunctionDecl("in_list", [cel.Overload("in_list_string_string", truth, [text, text])]),
        cel.FunctionDecl("in_cidr", [cel.Overload("in_cidr_string_string", truth, [text, text])]),
        cel.FunctionDecl("lowerAscii", [cel.Overload("string_lower_ascii", text, [text], is_member=True)]),
    ]


@dataclass(frozen=True)
class Environment:
    """The names that expressions may use.

    Attributes:
        signal_kinds: kinds of signals, in the bundle's order.
        lists: names of address lists, in the bundle's order.
    """

    signal_kinds: Sequence[str] = ()
    lists: Sequence[str] = ()

    @cached_property
    def fields(self) -> dict[str, Field]:
        """The bundle's field by variable name."""
        return {name: field for name, (field, _) in self._variables.items()}

    @cached_property
    def checker(self) -> cel.Env:
        """CEL's own environment with our variables and functions."""
        types = {name: kind for name, (_, kind) in self._variables.items()}
        return cel.NewEnv(variables=types, functions=_functions())

    @cached_property
    def _variables(self) -> dict[str, tuple[Field, cel.Type]]:
        return {**plain_variables(), **signal_variables(self.signal_kinds)}


_UNWRITABLE = re.compile(r"[\ud800-\udfff\x00]")
"""Halves of surrogate pairs, which YAML's escapes can make, and NUL."""

_EXPECTED = {"bool": cel.Type.BOOL, "string": cel.Type.STRING}


_COMPARED = {
    "string": 'compare it with something, such as `== "GET"`',
    "double": "compare it with something, such as `> 0.8`",
    "int": "compare it with something, such as `> 10`",
    "list": 'ask what is in it, such as `"login" in endpoint.labels`',
    "map": 'ask for one of its values, such as `request.headers["x-key"] == "a"`',
}


def compile_expression(text: str, environment: Environment, expected: Literal["bool", "string"]) -> Expr:
    """The checked form of a CEL expression.

    Args:
        text: the expression.
        environment: what it may name.
        expected: the type that it must have.

    Raises:
        CelError: with every problem, its line and column in `text` (from 1, in characters).
    """
    # `isprintable` is quick, and true for nearly every expression; only the others are searched.
    if not text.isprintable() and (odd := _UNWRITABLE.search(text)):
        raise CelError([CelProblem(*place(text, odd.start()), f"the character {odd[0]!r} cannot stand here")])
    # The library raises one RuntimeError with all messages as text; `cel_messages` takes it apart.
    try:
        compiled = environment.checker.compile(text)
    except RuntimeError as error:
        raise CelError(problems_of(str(error), text, environment.fields)) from None
    found = compiled.return_type()
    if found != _EXPECTED[expected]:
        name = found.name().lower().partition("<")[0]
        what = f"the expression is {in_words(name)}, it must be {in_words(expected)}"
        fix = _COMPARED.get(name, _COMPARED["string"]) if expected == "bool" else "string(…) converts"
        raise CelError([CelProblem(1, 1, what, fix)])
    # The checked tree only leaves the library serialised, as the message that cel-spec defines.
    packed, checked = any_pb2.Any.FromString(compiled.serialize()), checked_pb2.CheckedExpr()
    packed.Unpack(checked)
    expr, problems = lower(checked, text, environment.fields, environment.lists)
    if problems:
        raise CelError(problems)
    return expr
