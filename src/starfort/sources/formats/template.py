"""Line formats that people configure: nginx `log_format`, Apache `LogFormat`, Envoy format strings.

A format is compiled to literal texts and fields in turn. A line is read from left to right: a field is what
stands before the next literal. That takes time linear in the line, whatever the line is.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from starfort.sources.errors import SourceError
from starfort.sources.formats import apache, envoy, nginx
from starfort.sources.formats.fields import Fields

MAX_FORMAT: Final = 16_384
"""Longest format, in characters."""

Token = str | tuple[str, ...]
"""A literal text, or the names of the fields that a value stands for; () for a value of no interest."""

_ESCAPED: Final = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", re.DOTALL)
_NAMED: Final = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "v": "\v"}


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled line format.

    Attributes:
        tokens: literals and fields in turn.
        escapes: the writer puts a backslash before quotes, and writes other bytes in hexadecimal.
        rest: what follows the last token is of no interest.
    """

    tokens: tuple[Token, ...]
    escapes: bool = True
    rest: bool = False

    def read(self, line: str) -> Fields:
        """The fields of a line.

        Raises:
            ValueError: the line does not have this format.
        """
        found: Fields = {}
        at = 0
        for index, token in enumerate(self.tokens):
            if isinstance(token, str):
                if not line.startswith(token, at):
                    raise ValueError(f"{token!r} is missing at column {at + 1}")
                at += len(token)
                continue
            end = self._end(line, at, index)
            value = line[at:end]
            at = end
            for name in token:
                if name not in found and value not in {"", "-"}:
                    found[name] = _unescaped(value) if self.escapes and "\\" in value else value
        if at != len(line) and not self.rest:
            raise ValueError(f"there is more than the format has from column {at + 1} on")
        return found

    def _end(self, line: str, at: int, index: int) -> int:
        """Where the field at `index` of the tokens ends, which begins at `at`."""
        if index + 1 == len(self.tokens):
            space = line.find(" ", at) if self.rest else -1
            return len(line) if space < 0 else space
        following = self.tokens[index + 1]
        assert isinstance(following, str)  # noqa: S101 (`compiled` sees to it)
        end = line.find(following, at)
        if self.escapes and following.startswith('"'):
            while end >= 0 and _is_escaped(line, at, end):
                end = line.find(following, end + 1)
        if end < 0:
            raise ValueError(f"{following!r} is missing behind column {at + 1}")
        return end


@dataclass(frozen=True, slots=True)
class JsonTemplate:
    """A format whose lines are JSON objects: each member is a line format of its own."""

    members: Mapping[str, Template]

    def read(self, line: str) -> Fields:
        """The fields of a line.

        Raises:
            ValueError: the line is no JSON object, or a member does not have its format.
        """
        return self.of(json.loads(line))

    def of(self, value: object) -> Fields:
        """The same of a line that was read already."""
        if not isinstance(value, dict):
            raise ValueError("the line is no JSON object")
        found: Fields = {}
        for name, template in self.members.items():
            text = _text(value.get(name))
            if text:
                for field, part in template.read(text).items():
                    found.setdefault(field, part)
        return found


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    # A number or null; objects and lists are no value of a log format.
    return "" if value is None or isinstance(value, bool | dict | list) else str(value)


def compiled(text: str) -> Template | JsonTemplate:
    """Compile a format as people have it in their configuration.

    Args:
        text: an nginx, Apache or Envoy format, or a JSON object whose values are formats.

    Raises:
        SourceError: it is none of these, or two fields stand side by side with nothing between them.
    """
    if len(text) > MAX_FORMAT:
        raise SourceError(f"the log format has over {MAX_FORMAT:,} characters")
    text = text.strip("\n")
    if text.lstrip().startswith("{") and not text.lstrip().startswith("{%"):
        try:
            members = json.loads(text)
        except (ValueError, RecursionError):
            members = None
        if isinstance(members, dict):
            return JsonTemplate({name: _line(value, json_=True) for name, value in _flat(members)})
    return _line(text)


def _flat(members: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name, value in members.items():
        if isinstance(value, str) and value:
            yield name, value


def _line(text: str, *, json_: bool = False) -> Template:
    tokens = list(_joined(_tokens(text)))
    if not json_ and not any(isinstance(token, tuple) and token for token in tokens):
        raise SourceError(
            f"the log format {text[:60]!r} has no field",
            "write it as nginx (`$request`), Apache (`%r`) or Envoy (`%REQ(:METHOD)%`) has it",
        )
    for before, after in itertools.pairwise(tokens):
        if isinstance(before, tuple) and isinstance(after, tuple):
            raise SourceError(
                f"the log format {text[:60]!r} has two fields with nothing between them",
                "put a space or a quote between them",
            )
    # Envoy writes values as they are.
    return Template(tuple(tokens), escapes=not json_ and "%REQ(" not in text and "%START_TIME" not in text)


def _tokens(text: str) -> Sequence[Token]:
    if "%START_TIME" in text or "%REQ" in text or "%RESP" in text or re.search(r"%[A-Z_]{4,}(\(|%)", text):
        return list(envoy.tokens(text))
    return list(nginx.tokens(text)) if re.search(r"\$\{?[a-z_]", text) else list(apache.tokens(text))


def _joined(tokens: Sequence[Token]) -> Iterator[Token]:
    """Literals that follow each other as one."""
    literal = ""
    for token in tokens:
        if isinstance(token, str):
            literal += token
            continue
        if literal:
            yield literal
            literal = ""
        yield token
    if literal:
        yield literal


def _is_escaped(line: str, start: int, at: int) -> bool:
    """Whether the character at a place has an odd number of backslashes before it."""
    first = at
    while first > start and line[first - 1] == "\\":
        first -= 1
    return (at - first) % 2 == 1


def _unescaped(value: str) -> str:
    def plain(found: re.Match[str]) -> str:
        code = found[1]
        if len(code) == 1:
            return _NAMED.get(code, code)
        if code[0] == "u":
            return chr(int(code[1:], 16))
        # A byte, and several of them may be one character: they are joined below.
        return bytes([int(code[1:], 16)]).decode("utf-8", "surrogateescape")

    text = _ESCAPED.sub(plain, value)
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text
