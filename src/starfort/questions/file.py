"""Files of questions: front matter in a leading comment, and one ClickHouse SELECT behind it.

The front matter is read by the reader of `starfort.yaml`, so that a mistake has line, column, and the same
words and hints as one in the configuration.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from starfort.config.loading import describe
from starfort.config.problems import ConfigError, ConfigProblem
from starfort.config.yaml_file import Location, YamlFile, parse
from starfort.questions.spec import QuestionSpec

MAX_QUESTION_BYTES: Final = 256 * 1024
"""Longest file; the longest that comes with Starfort has some 20 KiB."""

# The first comment only, and lazily up to its end: a query may hold further comments.
_FRONT = re.compile(r"\A\s*/\*(?P<yaml>.*?)\*/", re.DOTALL)

Spec = TypeVar("Spec", bound=QuestionSpec)


@dataclass(frozen=True, slots=True)
class QuestionFile:
    """A file as it is written, taken apart.

    Attributes:
        path: for messages.
        front: its front matter, with the positions of its parts.
        sql: its query, without what surrounds it.
        sql_line: line of the file on which the query begins, from 1.
        sql_column: column of that line at which it begins, from 1.
    """

    path: Path
    front: YamlFile
    sql: str
    sql_line: int
    sql_column: int

    def spec(self, kind: type[Spec]) -> Spec:
        """The front matter, checked against its model.

        Raises:
            ConfigError: with every problem.
        """
        if not isinstance(self.front.data, dict):
            raise ConfigError([self.front.problem((), "the front matter is no mapping of names to values")])
        try:
            return kind.model_validate(self.front.data)
        except ValidationError as error:
            raise ConfigError([self._problem(kind, detail) for detail in error.errors()]) from None

    def _problem(self, kind: type[QuestionSpec], detail: ErrorDetails) -> ConfigProblem:
        location: Location = detail["loc"]
        what, fix = describe(detail, kind, self.front.written(location))
        # A missing field has no place of its own. Its problem is reported where the front matter begins,
        # because the field has to be added there.
        place = location[:-1] if detail["type"] == "missing" else location
        return self.front.problem(place, what, fix, key=detail["type"] == "extra_forbidden")

    def front_problem(self, field: str, what: str) -> ConfigProblem:
        """A problem with a field of the front matter, such as `thresholds.min_failures`."""
        return self.front.problem(tuple(field.split(".")), f"{field}: {what}", key=True)

    def sql_problem(self, offset: int, what: str) -> ConfigProblem:
        """A problem with the query, at so many characters from its begin."""
        line, column = _line_and_column(self.sql, offset)
        first = self.sql_column if line == 0 else 1
        return ConfigProblem(self.path, self.sql_line + line, column + first, what)

    def text_problem(self, field: str, text: str, offset: int, what: str) -> ConfigProblem:
        """A problem within a text of the front matter, at so many characters from its begin."""
        line, column = _line_and_column(text, offset)
        return ConfigProblem(
            self.path, *self.front.text_position((field,), line + 1, column + 1), f"{field}: {what}"
        )


def _line_and_column(text: str, offset: int) -> tuple[int, int]:
    before = text[:offset]
    return before.count("\n"), len(before) - (before.rfind("\n") + 1)


def read_text(path: Path) -> str:
    """The content of a question's file.

    Raises:
        ConfigError: it cannot be read, or is too long.
    """
    try:
        # Editors on Windows begin a file with a byte order mark, which is no part of its text.
        with path.open(encoding="utf-8-sig") as file:
            # One character more than allowed is read, to notice a longer file without reading all of it.
            text = file.read(MAX_QUESTION_BYTES + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise ConfigError([ConfigProblem(path, 1, 1, f"can't be read: {reason}")]) from error
    if len(text) > MAX_QUESTION_BYTES:
        raise ConfigError([ConfigProblem(path, 1, 1, f"is longer than {MAX_QUESTION_BYTES} characters")])
    return text


def take_apart(text: str, path: Path) -> QuestionFile:
    """Front matter and query of a text.

    Raises:
        ConfigError: there is no front matter, or it is no YAML.
    """
    found = _FRONT.match(text)
    if found is None:
        what = "begins with no /* … */ comment that holds its front matter"
        raise ConfigError([ConfigProblem(path, 1, 1, what)])
    # Blank lines stand for what is before the front matter, so positions in it are those of the whole file.
    above = text[: found.start("yaml")].count("\n")
    front = parse(path, "\n" * above + found["yaml"])
    rest = text[found.end() :]
    begin = len(text) - len(rest.lstrip())
    line, column = _line_and_column(text, begin)
    # Editors and other clients want a semicolon at the end. Inside the brackets of `bounded` it would be an
    # error.
    return QuestionFile(path, front, rest.strip().rstrip(";").rstrip(), line + 1, column + 1)
