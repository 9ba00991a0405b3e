"""A YAML file with the position of every key and value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq, TaggedScalar
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from starfort.config import scalar, yaml_words
from starfort.config.problems import ConfigError, ConfigProblem

MAX_FILE_BYTES: Final = 16 << 20
"""A configuration is text that people read. Long lists of addresses have files of their own."""

MAX_NODES: Final = 500_000
"""Most values in a file. A few lines of aliases of aliases could otherwise fill the memory."""

_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
"""Halves of surrogate pairs: an escape in a quoted text can make one, and no encoding can hold it."""

Location = tuple[str | int, ...]


@dataclass(frozen=True)
class YamlFile:
    """A file as plain data, and where each part of it stands.

    Attributes:
        file: its path.
        data: dictionaries, lists, texts, numbers.
        marked: the same as ruamel's types, which know lines and columns.
        text: the file as it is.
    """

    file: Path
    data: Any
    marked: Any
    text: str = ""

    def position(self, location: Sequence[str | int], *, key: bool = False) -> tuple[int, int]:
        """Line and column, from 1, of the value at `location`, or of its key.

        A part that is not in the file itself (a default) has the position of the nearest part above it.
        """
        node, line, column = self.marked, 0, 0
        for step in location:
            try:
                if isinstance(node, CommentedMap) and step in node:
                    line, column = node.lc.key(step) if key and step == location[-1] else node.lc.value(step)
                    node = node[step]
                elif isinstance(node, CommentedSeq) and isinstance(step, int):
                    line, column = node.lc.item(step)
                    node = node[step]
                else:
                    break
            # A key that was merged in (`<<`) is in the mapping and has no line of its own there.
            except (KeyError, IndexError, TypeError):
                break
        return line + 1, column + 1

    def written(self, location: Sequence[str | int]) -> str:
        """A value as it stands in the file, up to the end of its line, without a comment behind it."""
        line, column = self.position(location)
        lines = self.text.splitlines()
        rest = lines[line - 1][column - 1 :] if line <= len(lines) else ""
        # `#` begins a comment only behind white space (YAML 1.2.2, 6.6).
        return re.sub(r"\s+#.*$", "", rest).rstrip()

    def problem(
        self, location: Sequence[str | int], what: str, fix: str = "", *, key: bool = False
    ) -> ConfigProblem:
        """A problem at a place of this file."""
        line, column = self.position(location, key=key)
        return ConfigProblem(self.file, line, column, what, fix)

    def text_position(self, location: Sequence[str | int], line: int, column: int) -> tuple[int, int]:
        """The place in the file of a line and column (from 1) of a text, however it is quoted or folded.

        A value that is not in the file itself has the position of the nearest part above it.
        """
        at_line, at_column = self.position(location)
        node = self.marked
        for step in location:
            try:
                node = node[step]
            except (KeyError, IndexError, TypeError):
                return at_line, at_column
        if not isinstance(node, str):
            return at_line, at_column
        lines = str(node).split("\n")
        offset = sum(len(part) + 1 for part in lines[: line - 1]) + column - 1
        return scalar.position(self.text, (at_line, at_column), str(node), offset)


def read(file: Path) -> YamlFile:
    """Read a YAML file.

    Raises:
        ConfigError: it cannot be read, is too large, or is no YAML.
    """
    # The size is asked for before reading, so that a huge file does not fill the memory.
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise ConfigError([ConfigProblem(file, 0, 0, f"is larger than {MAX_FILE_BYTES >> 20} MiB")])
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError([ConfigProblem(file, 0, 0, f"cannot be read: {reason}")]) from error
    return parse(file, text)


def parse(file: Path, text: str) -> YamlFile:
    """Read the text of a YAML file.

    Args:
        file: for messages.
        text: its content.

    Raises:
        ConfigError: it is no YAML.
    """
    # Only the round-trip loader keeps lines and columns.
    loader = YAML(typ="rt")
    # Quotes are needed to find the position of a character within a text (`text_position`).
    loader.preserve_quotes = True
    try:
        marked = loader.load(text)
    except MarkedYAMLError as error:
        found = yaml_words.explain(text, error)
        raise ConfigError([ConfigProblem(file, found.line, found.column, found.what, found.fix)]) from error
    # RecursionError: the parser calls itself once for each level of nesting, and so does `_plain` below.
    except (YAMLError, ValueError, RecursionError) as error:
        raise ConfigError([ConfigProblem(file, 1, 1, f"no YAML: {str(error).splitlines()[0]}")]) from error
    if problems := list(_misread(file, text)):
        raise ConfigError(problems)
    try:
        data = _plain(marked, [MAX_NODES])
    except (ValueError, RecursionError) as error:
        raise ConfigError([ConfigProblem(file, 1, 1, str(error) or "nested too deeply")]) from error
    return YamlFile(file, data, marked, text)


_MAY_BE_MISREAD: Final = re.compile(r"(?:^|[\s\[{,])(?:![^\s=]|! |&[^\w\s]|&\w+[^\w\s])", re.MULTILINE)
"""Where a tag or an odd anchor may begin. Only then is the file scanned for its tokens, which takes as long
as reading it."""


def _misread(file: Path, text: str) -> Iterator[ConfigProblem]:
    """Problems for values that YAML accepts and reads as something else than what is written."""
    if _MAY_BE_MISREAD.search(text):
        for found in yaml_words.misread(text, YAML(typ="rt").scan(text)):
            yield ConfigProblem(file, found.line, found.column, found.what, found.fix)


def _plain(node: Any, budget: list[int]) -> Any:
    # A list of one number and not a number, so that all calls count down the same one.
    budget[0] -= 1
    if budget[0] < 0:
        raise ValueError(f"has more than {MAX_NODES} values, aliases counted as often as they are used")
    # YAML allows numbers and null as keys; the models only know names.
    if isinstance(node, dict):
        return {str(key): _plain(value, budget) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value, budget) for value in node]
    # Before numbers, because a `bool` is an `int`.
    if isinstance(node, bool) or node is None:
        return node
    if isinstance(node, TaggedScalar):
        return str(node.value)
    if isinstance(node, str) and not node.isprintable() and _SURROGATE.search(node):
        raise ValueError(f"the text {node[:40]!r} has half of a surrogate pair, which is no character")
    # ruamel's own kinds of texts and numbers would reach messages and JSON as such.
    for kind in (str, int, float):
        if isinstance(node, kind):
            return kind(node)
    return node
