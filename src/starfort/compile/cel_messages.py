"""Translates messages of CEL's parser and checker into the words of people who write policies."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from starfort.compile import cel_words

_MESSAGE: Final = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_OPERATORS: Final = {
    "_&&_": "&&", "_||_": "||", "!_": "!", "-_": "-", "_==_": "==", "_!=_": "!=", "_<_": "<", "_<=_": "<=",
    "_>_": ">", "_>=_": ">=", "_+_": "+", "_-_": "-", "_*_": "*", "_/_": "/", "_%_": "%", "@in": "in",
    "_[_]": "[]", "_?_:_": "?:",
}  # fmt: skip

_TYPES: Final = {
    "string": "a text",
    "int": "a whole number",
    "double": "a number with a point",
    "bool": "true or false",
    "null_type": "null",
    "list(string)": "a list of texts",
    "map(string, string)": "values by name",
    "map(string, list(string))": "values by name",
    "list": "a list",
    "map": "values by name",
}
"""CEL's types in words."""

_FUNCTIONS: Final = {
    "startsWith": 'request.path.startsWith("/admin")',
    "endsWith": 'request.path.endsWith(".php")',
    "contains": 'request.path.contains("admin")',
    "matches": 'request.path.matches("^/v[0-9]+/")',
    "lowerAscii": "request.path.lowerAscii()",
    "size": "size(endpoint.labels)",
    "exists": 'endpoint.labels.exists(l, l == "login")',
    "all": 'endpoint.labels.all(l, l != "login")',
    "exists_one": 'endpoint.labels.exists_one(l, l == "login")',
    "in_list": 'in_list(client.address, "NAME")',
    "in_cidr": 'in_cidr(client.address, "10.0.0.0/8")',
    "string": "string(client.asn)",
    "int": 'int("5")',
    "double": "double(client.asn)",
}
"""The functions that policies can call, with an example of each."""

_PLAIN_CALLS: Final = frozenset({"size", "in_list", "in_cidr", "string", "int", "double"})
"""Functions that are not methods of a value."""

MAX_CALL: Final = 200
"""Longest call that a fix repeats, in characters."""

_OTHER_FUNCTIONS: Final = {
    "startswith": "startsWith",
    "beginswith": "startsWith",
    "hasprefix": "startsWith",
    "prefix": "startsWith",
    "endswith": "endsWith",
    "hassuffix": "endsWith",
    "suffix": "endsWith",
    "contain": "contains",
    "includes": "contains",
    "include": "contains",
    "indexof": "contains",
    "has": "contains",
    "match": "matches",
    "regex": "matches",
    "regexmatch": "matches",
    "test": "matches",
    "like": "matches",
    "rematch": "matches",
    "search": "matches",
    "lower": "lowerAscii",
    "tolower": "lowerAscii",
    "tolowercase": "lowerAscii",
    "lowercase": "lowerAscii",
    "loweracii": "lowerAscii",
    "upper": "lowerAscii",
    "toupper": "lowerAscii",
    "upperascii": "lowerAscii",
    "len": "size",
    "length": "size",
    "count": "size",
    "strlen": "size",
    "any": "exists",
    "some": "exists",
    "filter": "exists",
    "find": "exists",
    "every": "all",
    "each": "all",
    "inlist": "in_list",
    "list": "in_list",
    "onlist": "in_list",
    "incidr": "in_cidr",
    "cidr": "in_cidr",
    "cidrmatch": "in_cidr",
    "innetwork": "in_cidr",
    "insubnet": "in_cidr",
    "equals": "==",
    "equal": "==",
    "eq": "==",
    "is": "==",
    "notequals": "!=",
    "ne": "!=",
    "str": "string",
    "tostring": "string",
    "tostr": "string",
    "toint": "int",
    "number": "int",
    "float": "double",
}
"""The names of functions in other languages, lower case, without `_`."""

_OTHER_NAMES: Final = {
    "ip": "client.address",
    "ipaddress": "client.address",
    "remoteaddr": "client.address",
    "remoteaddress": "client.address",
    "sourceip": "client.address",
    "srcip": "client.address",
    "clientip": "client.address",
    "addr": "client.address",
    "url": "request.path",
    "uri": "request.path",
    "useragent": "client.user_agent",
    "ua": "client.user_agent",
    "verb": "request.method",
    "statuscode": "response.status",
    "code": "response.status",
    "tags": "endpoint.labels",
    "label": "endpoint.labels",
    "user": "identity.subject",
    "sub": "identity.subject",
    "hostname": "request.host",
    "domain": "request.host",
    "template": "endpoint.path",
    "route": "endpoint.path",
    "region": "client.continent",
    "as": "client.asn",
}
"""Other names of variables, lower case, without `_`; only the last part of a dotted name counts."""

_FOLD_FIX: Final = "write a name and a condition for it: "


@dataclass(frozen=True, order=True)
class CelProblem:
    """One thing that is wrong.

    Attributes:
        line: line in the expression, from 1.
        column: column in characters, from 1.
        what: what is wrong.
        fix: what to write instead, "" when `what` says it.
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


def in_words(kind: str) -> str:
    """The word that people use for values of one of CEL's types."""
    return _TYPES.get(kind, kind)


def name_start(text: str, offset: int, also: str = "") -> int:
    """Where the name begins that ends just before an offset.

    CEL gives the parenthesis as the position of a call, and the last dot as that of a qualified name.

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
        message: the message, with `ERROR: <input>:LINE:COLUMN: …` for each problem.
        text: the expression.
        names: known variables, for suggestions.
    """
    # The library gives all its errors in one text; their positions are nowhere else.
    found = [(int(line), int(column), what) for line, column, what in _MESSAGE.findall(message)]
    # After a syntax error the checker does not run, and the parser's further errors follow from its guesses.
    if any(what.startswith(("Syntax error: ", "reserved identifier")) for line, _, what in found if line > 0):
        return [_syntax(found, text)]
    placed = [_problem(line, column, what, text, list(names)) for line, column, what in found if line > 0]
    if placed:
        return _without_echoes(placed)
    if "recursion" in message:
        return [CelProblem(1, 1, "the expression is nested too deeply", "split it into several policies")]
    what = found[0][2] if found else message.splitlines()[0]
    return [CelProblem(1, 1, what.removesuffix(" [INVALID_ARGUMENT]"))]


def _syntax(found: list[tuple[int, int, str]], text: str) -> CelProblem:
    """The first mistake of an expression; what the parser reports after it is mostly a consequence."""
    if (known := cel_words.mistake(text)) is not None:
        at, what, fix = known
        return CelProblem(*place(text, at), what, fix)
    line, column, message = min(each for each in found if each[0] > 0)
    what = message.removeprefix("Syntax error: ").removesuffix(" [INVALID_ARGUMENT]").split(" expecting ")[0]
    return CelProblem(line, column, "syntax error: " + what.replace("'<EOF>'", "the end"))


def _without_echoes(problems: list[CelProblem]) -> list[CelProblem]:
    """Leave out unknown names that a correct `exists` or `all` would have defined."""
    if not any(problem.fix.startswith(_FOLD_FIX) for problem in problems):
        return problems
    return [each for each in problems if not re.match(r"there is no variable '\w+'$", each.what)]


def _problem(line: int, column: int, message: str, text: str, names: list[str]) -> CelProblem:
    # The library gives lines and columns; everything that follows works with an offset.
    message = message.removesuffix(" [INVALID_ARGUMENT]")
    offset = sum(len(part) + 1 for part in text.split("\n")[: line - 1]) + column - 1
    if unknown := re.match(r"undeclared reference to '([^']+)'", message):
        is_call = text[offset : offset + 1] == "("
        start = place(text, name_start(text, offset, "."))
        if is_call:
            return CelProblem(*start, *_unknown_function(unknown[1], text, offset))
        return CelProblem(*start, *_unknown_variable(unknown[1], names))
    if wrong := re.match(r"found no matching overload for '([^']+)' applied to '\(?(.*?)\)?'$", message):
        name, types = _OPERATORS.get(wrong[1], wrong[1]), wrong[2].split(", ")
        is_call = text[offset : offset + 1] == "(" and wrong[1] not in _OPERATORS
        start = place(text, name_start(text, offset)) if is_call else (line, column)
        what = f"{name!r} cannot be applied to {' and '.join(map(in_words, types))}"
        return CelProblem(*start, what, _operands(name, types, text, offset))
    if "cannot be the operand of a select operation" in message:
        part = re.match(r"\.\s*(\w+)", text[offset:])
        subject = text[name_start(text, offset, ".") : offset]
        start = place(text, name_start(text, offset, "."))
        if part and part[1] in {"length", "size", "len", "count"}:
            return CelProblem(*start, f"{subject} has no {part[1]}", f"write size({subject})")
        return CelProblem(*start, f"{subject} is one value and has no parts", "")
    return CelProblem(line, column, message)


def _operands(name: str, types: list[str], text: str, offset: int) -> str:
    """A fix for operands that an operator or a method cannot take.

    Args:
        name: of the operator or method.
        types: of its operands.
        text: the expression.
        offset: where the operator stands.
    """
    left = text[name_start(text, len(text[:offset].rstrip()), ".") : offset].strip()
    right = text[offset + len(name) :].strip()
    lists = [each for each in types if each.startswith("list(")]
    if "null_type" in types:
        return 'nothing is null here: a text that is not known is "", a number 0'
    if lists and name in {"==", "!=", "contains"} and "string" in types:
        return f'a list has several values: write "…" in {left.removesuffix(".contains") or "the list"}'
    if name == "in" and types[-1:] == ["string"]:
        return "`in` looks into a list: write [ ] around the values, or == for one, or .contains() for a part"
    if name == "!" and types == ["string"]:
        return 'write ! before a condition in brackets, such as !(a in ["b"]), or compare with == ""'
    if name in {"&&", "||"} or (name == "!" and types):
        return 'each side is a condition: compare the value, such as with == "…"'
    return _literal(types, right) or _conversion(types)


def _literal(types: list[str], right: str) -> str:
    """A fix for a literal whose type differs from the value that it is compared with."""
    quoted = re.match(r"""["']([^"']*)["']""", right)
    if len(types) != 2:  # noqa: PLR2004 (a comparison)
        return ""
    if types[0] in {"int", "double", "uint"} and quoted and re.fullmatch(r"-?[\d.]+", quoted[1]):
        value = quoted[1] + (".0" if types[0] == "double" and "." not in quoted[1] else "")
        return f"write the number without quotes: {value}"
    if types[0] == "bool" and quoted and quoted[1].lower() in {"true", "false"}:
        return f"write {quoted[1].lower()} without quotes, or the value alone"
    number = re.match(r"-?\d+(\.\d+)?", right)
    if types[0] == "string" and number:
        return f'write a text in quotes: "{number[0]}"'
    if types[0] == "double" and types[1] == "int" and number:
        return f"write the number with a point: {number[0]}.0"
    return ""


def _conversion(types: list[str]) -> str:
    """A fix for operands of different types."""
    if set(types) == {"int", "double"}:
        return "write numbers like the other side: 1 for int, 1.0 for double; int() and double() convert"
    return (
        "string() converts numbers to text, int() and double() text to numbers" if "string" in types else ""
    )


def _unknown_variable(name: str, names: list[str]) -> tuple[str, str]:  # noqa: PLR0911 (a case each)
    # Signals come first: their names are long, so another variable would look more similar than it is.
    kind = re.match(r"signals\.(\w+)", name)
    kinds = sorted({known.split(".")[1] for known in names if known.startswith("signals.")})
    if kind and kind[1] not in kinds:
        close = difflib.get_close_matches(kind[1], kinds, 1)
        fix = f"did you mean signals.{close[0]}?" if close else f"there are: {', '.join(kinds) or 'none'}"
        return f"there is no signal {kind[1]!r}", fix
    below = [known for known in names if known.startswith(f"{name}.")]
    if below:
        return f"{name!r} alone has no value", f"it has: {', '.join(below)}"
    if name.lower() in {"true", "false", "none", "null", "nil"}:
        right = {"true": "true", "false": "false"}.get(name.lower(), '"" for a text, 0 for a number')
        return f"CEL has no {name}", f"write {right}"
    if (meant := _meant(name, names)) is not None:
        return f"there is no variable {name!r}", f"did you mean {meant}?"
    close = difflib.get_close_matches(name, names, 1)
    siblings = [known for known in names if known.startswith(f"{name.partition('.')[0]}.")]
    if close:
        return f"there is no variable {name!r}", f"did you mean {close[0]}?"
    if siblings:
        return f"there is no variable {name!r}", f"there are: {', '.join(siblings)}"
    text = "" if "." in name else f': "{name}"'
    return (
        f"there is no variable {name!r}",
        f"a text is written in quotes{text}; docs/policies.md lists the variables",
    )


def _meant(name: str, names: list[str]) -> str | None:
    """The variable that is meant: one known by this other name, or one with the same last part."""
    last = name.rpartition(".")[2].lower().replace("_", "")
    wanted = _OTHER_NAMES.get(last)
    if wanted in names:
        return wanted
    ends = [each for each in names if each.rpartition(".")[2].replace("_", "") == last]
    if not ends:
        return None
    part = name.partition(".")[0]
    return next((each for each in ends if each.startswith(f"{part}.")), ends[0])


def _unknown_function(name: str, text: str, offset: int) -> tuple[str, str]:
    """What is wrong about a call of an unknown function, or with wrong arguments, and a fix."""
    if name in _FUNCTIONS:
        before = _FOLD_FIX if name in {"exists", "all", "exists_one"} else "write "
        return f"{name}() cannot be called like this", before + _FUNCTIONS[name]
    known = _OTHER_FUNCTIONS.get(name.lower().replace("_", ""))
    if known is None:
        known = next(iter(difflib.get_close_matches(name, _FUNCTIONS, 1)), None)
    what = f"there is no function {name!r}"
    if known is None:
        return what, f"there are: {', '.join(_FUNCTIONS)}"
    if known in {"==", "!="}:
        subject = text[name_start(text, offset, ".") : offset].rpartition(".")[0]
        return what, f"write {subject or 'a'} {known} …"
    if known in {"exists", "all"}:
        return what, f"{_FOLD_FIX}{_FUNCTIONS[known]}"
    return what, f"write {_renamed(known, text, offset) or _FUNCTIONS[known]}"


def _renamed(known: str, text: str, offset: int) -> str:
    """The same call with the right name; "" when it is long or does not end.

    Args:
        known: the right name.
        text: the expression.
        offset: of the call's opening parenthesis.
    """
    end, depth = offset, 0
    for end, sign in enumerate(text[offset : offset + MAX_CALL], offset):  # noqa: B007
        depth += (sign == "(") - (sign == ")")
        if depth == 0:
            break
    subject, dot, _ = text[name_start(text, offset, ".") : offset].rpartition(".")
    arguments = text[offset + 1 : end]
    if (
        depth
        or (dot and known in _PLAIN_CALLS and arguments.strip())
        or (not dot and known not in _PLAIN_CALLS)
    ):
        return ""
    return f"{known}({subject or arguments})" if known in _PLAIN_CALLS else f"{subject}.{known}({arguments})"
