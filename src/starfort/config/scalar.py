"""Finds where a character of a YAML value stands in the file.

YAML folds lines, removes indentation and replaces escapes, but it neither adds nor removes characters other
than white space. So the n-th visible character of the value is also the n-th visible character of the source,
where an escape counts as the character that it stands for.
Source: YAML 1.2.2, chapters 7.3 (flow scalars) and 8.1 (block scalars).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_ESCAPE_DIGITS: Final = {"x": 2, "u": 4, "U": 8}
_WHITE_ESCAPES: Final = frozenset("tnvfr e0abN_LP\t\n")
"""Escapes that stand for white space or control characters. They are not counted, because they are invisible
in the value too."""

_PROPERTIES: Final = re.compile(r"(?:[&!]\S*[ \t]+)*")
"""An anchor and a tag before a value (YAML 1.2.2, 6.9)."""


def position(text: str, start: tuple[int, int], value: str, offset: int) -> tuple[int, int]:
    """Line and column (from 1) of a character of a value.

    Args:
        text: the file.
        start: line and column (from 1) where the value begins, its quote or block indicator included.
        value: the text that YAML reads there.
        offset: offset of the character in `value`, or the length of `value` for its end. White space and the
            end have no place of their own: the result is then the place behind the last visible character
            before them.
    """
    at = _offset_of(text, *start)
    at = _PROPERTIES.match(text, at).end()  # type: ignore[union-attr]
    wanted = sum(_is_visible(character) for character in value[:offset])
    # A value without visible characters ends behind its opening quote.
    after = at + (text[at : at + 1] in {'"', "'"})
    for begin, end in _visible(text, at):
        # The wanted character itself, when it is visible; otherwise `after` is its place.
        if wanted == 0 and offset < len(value) and _is_visible(value[offset]):
            return _place(text, begin)
        if wanted == 0:
            break
        wanted -= 1
        after = end
    return _place(text, after)


def _is_visible(character: str) -> bool:
    return character.isprintable() and not character.isspace()


def _visible(text: str, at: int) -> Iterator[tuple[int, int]]:
    """Begin and end, in the file, of each visible character of the value that begins at `at`."""
    quote = text[at : at + 1]
    if quote == '"':
        yield from _double_quoted(text, at + 1)
    elif quote == "'":
        yield from _single_quoted(text, at + 1)
    else:
        if quote in {"|", ">"}:
            end = text.find("\n", at)
            # The indicator's line may hold a comment, so the value begins on the next one.
            at = len(text) if end < 0 else end + 1
        yield from ((index, index + 1) for index in range(at, len(text)) if _is_visible(text[index]))


def _single_quoted(text: str, at: int) -> Iterator[tuple[int, int]]:
    while at < len(text):
        # A doubled quote is the only escape in single quotes (YAML 1.2.2, 7.3.2).
        width = 2 if text.startswith("''", at) else 1
        if text[at] == "'" and width == 1:
            return
        if _is_visible(text[at]):
            yield at, at + width
        at += width


def _double_quoted(text: str, at: int) -> Iterator[tuple[int, int]]:
    while at < len(text) and text[at] != '"':
        width = 1
        visible = _is_visible(text[at])
        if text[at] == "\\":
            name = text[at + 1 : at + 2]
            width = 2 + _ESCAPE_DIGITS.get(name, 0)
            digits = text[at + 2 : at + width]
            try:
                visible = _is_visible(chr(int(digits, 16))) if digits else name not in _WHITE_ESCAPES
            except ValueError:  # there is no such character, and the parser refuses the file too
                return
        if visible:
            yield at, at + width
        at += width


def _offset_of(text: str, line: int, column: int) -> int:
    begin = 0
    for _ in range(line - 1):
        begin = text.find("\n", begin) + 1
    return begin + column - 1


def _place(text: str, offset: int) -> tuple[int, int]:
    return text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1
