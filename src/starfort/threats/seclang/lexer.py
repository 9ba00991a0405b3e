r"""Splits a SecLang file into statements: reads lines, continuations, comments and quotes.

Lines end with LF or CRLF. A backslash at the very end of a line joins the next line, and backslash and line
end are removed. A line whose first character other than a blank is `#` is a comment; it ends with the line.
Arguments are separated by blanks. An argument that begins with `"` or `'` ends at the next such character
without a backslash before it; within it, `\"` (or `\'`) stands for the quote. Every other backslash is kept,
because regular expressions need it. Source: ModSecurity 3 reference manual, and how libmodsecurity 3.0 reads
what the manual leaves open.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path

from starfort.config.problems import ConfigProblem
from starfort.threats.seclang.model import Argument, Statement

_BLANK = " \t\r\f\v"


def statements(text: str, file: Path, problems: list[ConfigProblem]) -> Iterator[Statement]:
    """Split a file into statements.

    Args:
        text: the file's content.
        file: the name of the file, for the locations.
        problems: problems are added here, and a statement with a problem is left out.
    """
    for line in _logical_lines(text, file, problems):
        statement = _statement(line, file, problems)
        if statement is not None:
            yield statement


class _Line:
    """A logical line, and where its physical parts begin."""

    def __init__(self) -> None:
        self.text = ""
        self.parts: list[tuple[int, int]] = []

    def add(self, text: str, number: int) -> None:
        self.parts.append((len(self.text), number))
        self.text += text

    def position(self, offset: int) -> tuple[int, int]:
        start, number = self.parts[bisect_right(self.parts, (offset, sys.maxsize)) - 1]
        return number, offset - start + 1

    def runs(self, segments: list[tuple[int, int]]) -> tuple[tuple[int, int, int], ...]:
        """Where segments of the line came from: (index in their joined text, line, column) of each run."""
        runs: list[tuple[int, int, int]] = []
        index = 0
        for start, end in segments:
            begins = [start, *(offset for offset, _ in self.parts if start < offset < end)]
            runs += [(index + begin - start, *self.position(begin)) for begin in begins]
            index += end - start
        return tuple(runs)


_DATASET = re.compile(rf"[{_BLANK}]*SecDataset[{_BLANK}]+\S+[{_BLANK}]*`[^`]*", re.IGNORECASE)
"""The beginning of a data set, whose records follow in lines of their own up to a backtick (Coraza)."""


def _logical_lines(text: str, file: Path, problems: list[ConfigProblem]) -> Iterator[_Line]:
    current = _Line()
    physical = text.split("\n")
    in_dataset = False
    for number, raw in enumerate(physical, 1):
        # With CRLF, the carriage return would become part of the last argument; a pattern would never match.
        line = raw.removesuffix("\r")
        if in_dataset or (not current.parts and _DATASET.fullmatch(line)):
            in_dataset = "`" not in line if in_dataset else True
            # A data set that is never closed ends with the file; the open quote is reported below.
            in_dataset = in_dataset and number < len(physical)
            current.add(line + ("\n" if in_dataset else ""), number)
            if not in_dataset:
                yield current
                current = _Line()
            continue
        if not current.parts and line.lstrip(_BLANK).startswith("#"):
            # ModSecurity and Coraza differ here: the same line could be a rule for one and a comment for the
            # other.
            following = physical[number].lstrip(_BLANK) if number < len(physical) else ""
            if line.endswith("\\") and following.strip(_BLANK) and not following.startswith("#"):
                problems.append(
                    ConfigProblem(
                        file,
                        number,
                        len(line),
                        "a comment ends with a backslash: engines differ on whether the next line is of it",
                        "remove the backslash, or begin the next line with #",
                    )
                )
            continue
        # At the end of a file there is no line to join, so the backslash is a character.
        joined = line.endswith("\\") and number < len(physical)
        current.add(line[:-1] if joined else line, number)
        if not joined:
            yield current
            current = _Line()
    if current.parts:
        yield current


def _statement(line: _Line, file: Path, problems: list[ConfigProblem]) -> Statement | None:
    words: list[Argument] = []
    offset = 0
    broken = False
    while (start := _skip_blanks(line.text, offset)) < len(line.text):
        # The records of a data set are in backticks; anywhere else a backtick is a character of a pattern.
        quotes = "\"'`" if words and words[0].text.lower() == "secdataset" else "\"'"
        end, segments = _word(line.text, start, quotes)
        number, column = line.position(start)
        if end is None:
            problems.append(
                ConfigProblem(
                    file,
                    number,
                    column,
                    f"the quote {line.text[start]} is never closed",
                    "close it, or end each line of the directive but the last with a backslash",
                )
            )
            # The name is known, so the chain around the rule can still be read (see `_salvaged` in
            # `parse`).
            if not words:
                return None
            broken = True
            break
        text = "".join(line.text[first:last] for first, last in segments)
        words.append(Argument(text, line.runs(segments) or ((0, number, column),), file))
        offset = end
    if not words:
        return None
    return Statement(words[0].text, tuple(words[1:]), words[0].location(), line.text, broken)


def _skip_blanks(text: str, offset: int) -> int:
    while offset < len(text) and text[offset] in _BLANK:
        offset += 1
    return offset


_ENDS = {quote: re.compile(rf"\\{quote}|{quote}") for quote in "\"'`"}
_BARE = re.compile(rf"[^{_BLANK}]+")


def _word(text: str, start: int, quotes: str) -> tuple[int | None, list[tuple[int, int]]]:
    """Where the word at `start` ends (None: its quote is not closed), and the segments of the word."""
    quote = text[start]
    if quote not in quotes:
        found = _BARE.match(text, start)
        end = found.end() if found else len(text)
        return end, [(start, end)]
    segments: list[tuple[int, int]] = []
    begin = start + 1
    # An escaped quote loses its backslash. The word becomes two segments, so that columns stay right.
    for found in _ENDS[quote].finditer(text, begin):
        segments.append((begin, found.start()))
        begin = found.end() - 1
        if found.group() == quote:
            return found.end(), [segment for segment in segments if segment[0] < segment[1]]
    return None, segments
