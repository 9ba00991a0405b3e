"""Explains expressions that are not CEL, in the words of people who write policies.

The parser says where it could not go on, which is often behind the mistake. Here the expression is cut into
tokens, and the first known mistake is reported with its position and what to write instead. Source: the
grammar of the CEL specification (cel-spec, doc/langdef.md).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

MAX_EXPRESSION: Final = 4_000
"""Longest expression that is searched, in characters; a longer one gets the parser's message."""

# The order matters: a comment begins like a sign, and an address like a number. At the end, any character is
# a sign, so every text can be cut into tokens.
_TOKEN: Final = re.compile(
    r"""(?P<space>\s+)
    |(?P<comment>//[^\n]*)
    |(?P<text>[rRbB]{0,2}(?:\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''(?:[^\\]|\\.)*?'''|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))
    |(?P<address>\d+\.\d+\.\d+[\d./]*)
    |(?P<number>0[xX][0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?u?)
    |(?P<name>[A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*)*)
    |(?P<sign>===|!==|==|!=|<=|>=|<>|=~|~=|&&|\|\||\.\.+|=>|:=|.)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE: Final = re.compile(
    r"\\(?:[abfnrtv\\?\"'`]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2}|(?P<bad>.))",
    re.DOTALL,
)
_SIGNS: Final = {
    "=": ("= compares nothing in CEL", "write =="),
    "===": ("CEL has no ===", "write =="),
    "!==": ("CEL has no !==", "write !="),
    "<>": ("CEL has no <>", "write !="),
    ":=": ("CEL has no :=", "write == to compare"),
    "=>": ("CEL has no =>", "write >= to compare"),
    "&": ("CEL has no single &", "write &&"),
    "|": ("CEL has no single |", "write ||"),
    ";": ("an expression is one condition, without ;", "join conditions with && or ||"),
    "$": ("variables have no $ in CEL", "write the name alone"),
}
_WORDS: Final = {
    "and": "&&",
    "or": "||",
    "not": "!",
    "is": "==",
    "eq": "==",
    "ne": "!=",
    "equals": "==",
    "xor": "!=",
}
_INFIX: Final = {
    "like": "contains",
    "contains": "contains",
    "includes": "contains",
    "matches": "matches",
    "match": "matches",
    "regex": "matches",
    "startswith": "startsWith",
    "endswith": "endsWith",
    "beginswith": "startsWith",
}
_BINARY: Final = frozenset({"&&", "||", "==", "!=", "<", "<=", ">", ">=", "+", "*", "/", "%", "in", "?", ":"})
_OPENERS: Final = {"(": ")", "[": "]", "{": "}"}
_CURLY: Final = "“”„‘’‚«»"  # noqa: RUF001 (they are what people copy from pages)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of an expression.

    Attributes:
        kind: text, number, address, name or sign.
        text: the piece as written.
        at: offset of its beginning.
    """

    kind: str
    text: str
    at: int


Mistake = tuple[int, str, str]
"""The offset, what is wrong, and what to write instead."""


def mistake(text: str) -> Mistake | None:
    """The first mistake in an expression that is known here; None when there is none.

    Args:
        text: an expression that the parser refused.
    """
    if not text.strip():
        return 0, "the expression is empty", 'write a condition, such as client.country == "DE", or true'
    if len(text) > MAX_EXPRESSION:
        return None
    tokens = list(_tokens(text))
    # From the smallest mistakes to the largest: a missing quote makes the brackets look wrong too, and only
    # the first mistake should be named.
    kinds: tuple[Callable[[str, Sequence[Token]], Iterator[Mistake]], ...] = (
        _quotes, _signs, _words, _addresses, _lists, _sides, _brackets, _adjacent,
    )  # fmt: skip
    for kind in kinds:
        if (found := min(kind(text, tokens), default=None)) is not None:
            return found
    return None


def _tokens(text: str) -> Iterator[Token]:
    for found in _TOKEN.finditer(text):
        kind = str(found.lastgroup)
        if kind not in {"space", "comment"}:
            yield Token(kind, found[0], found.start())


def _quotes(_: str, tokens: Sequence[Token]) -> Iterator[Mistake]:
    for before, token in zip((None, *tokens), tokens, strict=False):
        if token.kind == "sign" and token.text in _CURLY:
            yield token.at, f"{token.text} is no quote in CEL", 'write " before and behind a text'
        elif token.kind == "sign" and token.text in {'"', "'", "`"}:
            what = f"the quote {token.text} has no second one that ends the text"
            if before is not None and before.kind == "name" and before.at + len(before.text) == token.at:
                yield token.at, what, f'write a text in two quotes: "{before.text}"'
            else:
                yield token.at, what, 'write " before and behind a text'
        # Raw texts (`r"…"`) have no escapes, so nothing can be wrong in them.
        elif token.kind == "text" and token.text[:1] in {'"', "'"}:
            for escape in _ESCAPE.finditer(token.text[1:-1]):
                if escape["bad"] is not None:
                    fix = f"write r{token.text}, in which \\ is a character like others, or \\\\"
                    yield token.at + 1 + escape.start(), f"\\{escape['bad']} is no escape in a text", fix
                    break


def _signs(_: str, tokens: Sequence[Token]) -> Iterator[Mistake]:
    for number, token in enumerate(tokens):
        if token.kind != "sign":
            continue
        if token.text in _SIGNS:
            yield token.at, *_SIGNS[token.text]
        elif token.text in {"=~", "~=", "~"}:
            yield token.at, f"CEL has no {token.text}", f"write {_method(tokens, number, 'matches')}"
        elif token.text.startswith(".."):
            yield token.at, "CEL has no ranges", f"write {_between(tokens, number)}"


def _words(_: str, tokens: Sequence[Token]) -> Iterator[Mistake]:
    for number, token in enumerate(tokens):
        if token.kind != "name":
            continue
        word, follows = token.text.lower(), tokens[number + 1] if number + 1 < len(tokens) else None
        behind_operand = number > 0 and _ends_operand(tokens[number - 1])
        # A name that looks like an operator is one only between two values: a variable may be called `is`.
        if word == "not" and follows is not None and follows.text == "in" and behind_operand:
            yield token.at, "CEL has no `not in`", f"write !({tokens[number - 1].text} in [ … ])"
        elif word == "is" and follows is not None and follows.text.lower() == "not":
            yield token.at, "CEL has no `is not`", "write !="
        elif (
            word in _WORDS
            and (behind_operand or word == "not")
            and (follows is None or follows.text != "(" or word in {"and", "or", "not"})
        ):
            yield token.at, f"CEL has no {token.text!r} as an operator", f"write {_WORDS[word]}"
        elif word == "between" and behind_operand:
            yield token.at, "CEL has no 'between'", f"write {_between(tokens, number)}"
        elif word in _INFIX and behind_operand and follows is not None and follows.text != "(":
            fix = f"write {_method(tokens, number, _INFIX[word])}"
            yield token.at, f"CEL has no {token.text!r} as an operator", fix
        elif word in {"if", "then", "else", "elif", "unless"}:
            yield (
                token.at,
                f"CEL has no {token.text!r}",
                "write the condition alone; for a choice, condition ? a : b",
            )


def _addresses(_: str, tokens: Sequence[Token]) -> Iterator[Mistake]:
    for token in tokens:
        if token.kind == "address":
            yield token.at, "an address is a text", f'write it in quotes: "{token.text}"'


def _lists(text: str, tokens: Sequence[Token]) -> Iterator[Mistake]:
    for number, token in enumerate(tokens[:-1]):
        # SQL writes lists in round brackets; in CEL these only group, and a comma in them is an error.
        if token.text == "in" and tokens[number + 1].text == "(":
            depth, comma = 0, False
            for each in tokens[number + 1 :]:
                depth += (each.text in _OPENERS) - (each.text in _OPENERS.values())
                comma = comma or (depth == 1 and each.text == ",")
                if depth == 0:
                    if comma:
                        inside = text[tokens[number + 1].at + 1 : each.at]
                        yield tokens[number + 1].at, "a list stands in [ ]", f"write in [{inside}]"
                    break


def _sides(_: str, tokens: Sequence[Token]) -> Iterator[Mistake]:
    """Operators with nothing on one side."""
    for number, token in enumerate(tokens):
        if token.text not in _BINARY or token.kind == "text":
            continue
        before = tokens[number - 1] if number else None
        follows = tokens[number + 1] if number + 1 < len(tokens) else None
        if before is None or before.text in _OPENERS or before.text in _BINARY:
            yield (
                token.at,
                f"nothing stands before {token.text}",
                "write a value there, or remove the operator",
            )
        elif follows is None or follows.text in _OPENERS.values():
            yield (
                token.at,
                f"nothing stands behind {token.text}",
                "write a value there, or remove the operator",
            )
    questions = [token for token in tokens if token.text == "?"]
    if len(questions) > sum(token.text == ":" for token in tokens):
        yield questions[-1].at, "the choice has no :", "write condition ? a : b"


def _brackets(_: str, tokens: Sequence[Token]) -> Iterator[Mistake]:
    opened: list[Token] = []
    for token in tokens:
        if token.kind != "sign":
            continue
        if token.text in _OPENERS:
            opened.append(token)
        elif token.text in _OPENERS.values():
            if not opened:
                yield token.at, f"{token.text} closes nothing", "remove it, or open it before"
                return
            # The innermost open bracket is the one that this must close.
            last = opened.pop()
            if _OPENERS[last.text] != token.text:
                what = f"{token.text} does not close {last.text}"
                yield token.at, what, f"write {_OPENERS[last.text]}"
                return
    if opened:
        yield (
            opened[-1].at,
            f"{opened[-1].text} is never closed",
            f"write {_OPENERS[opened[-1].text]} behind it",
        )


def _adjacent(_: str, tokens: Sequence[Token]) -> Iterator[Mistake]:
    """Two values with nothing between them."""
    for before, token in itertools.pairwise(tokens):
        # `in` is an operator that looks like a name, so it joins values rather than being one.
        if before.text == "in" or token.text == "in" or not _ends_operand(before):
            continue
        if token.kind not in {"text", "number", "name"} or token.text.lower() in _WORDS:
            continue
        if before.kind == "text" and before.at + len(before.text) == token.at:
            yield (
                token.at,
                "the text ends before this",
                "write the other kind of quote around a text that has quotes",
            )
        elif before.kind == "name" and token.kind == "text":
            yield (
                token.at,
                f"nothing stands between {before.text} and the text",
                (
                    f"write {before.text}({token.text})"
                    if before.text.count(".") > 1
                    else "write == or another operator"
                ),
            )
        else:
            yield (
                token.at,
                f"nothing stands between {before.text} and {token.text}",
                "write && or another operator",
            )


def _ends_operand(token: Token) -> bool:
    if token.kind == "sign":
        return token.text in _OPENERS.values()
    return token.kind != "name" or token.text.lower() not in {*_WORDS, "in"}


def _method(tokens: Sequence[Token], number: int, method: str) -> str:
    """A call of a method, from what stands before and behind an operator."""
    subject = tokens[number - 1].text if number and tokens[number - 1].kind == "name" else "value"
    argument = (
        tokens[number + 1].text if number + 1 < len(tokens) and tokens[number + 1].kind == "text" else '"…"'
    )
    return f"{subject}.{method}({argument})"


def _between(tokens: Sequence[Token], number: int) -> str:
    name = next(
        (each.text for each in reversed(tokens[:number]) if each.kind == "name" and each.text != "in"), "x"
    )
    numbers = [each.text for each in tokens if each.kind == "number"][:2]
    low, high = numbers if len(numbers) == 2 else ("1", "9")  # noqa: PLR2004
    return f"{name} >= {low} && {name} <= {high}"
