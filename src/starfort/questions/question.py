"""A question that was checked: one SELECT with thresholds, over a window of time.

`Question` is what detectors and posture checks have in common. A subclass names the model of its front matter
and the parameters that its runner gives to the query; loading, settings, windows and titles are the same.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Self, TypeVar

from starfort.config.problems import ConfigError, ConfigProblem
from starfort.questions.file import QuestionFile, read_text, take_apart
from starfort.questions.spec import QuestionSpec, ThresholdSpec, ThresholdValue
from starfort.questions.sql import SLOTS, SqlProblem, placeholders, sql_problems, unused

if TYPE_CHECKING:  # checking a configuration needs questions, and no store
    from starfort.store.parameters import Value

MAX_QUESTIONS: Final = 500
"""Detectors, or checks, at most, built-in and the user's: each is asked again and again for as long as
Starfort runs."""

WINDOW: Final = frozenset({"since", "until"})
"""Parameters that every runner gives: begin and end of the window."""

_VALUE = re.compile(r"\{(\w+)(?:\|([^{}|]+)\|([^{}|]+))?\}")

Q = TypeVar("Q", bound="Question")


class SettingError(Exception):
    """Settings that a question does not have, or that do not fit; `problems` has a sentence for each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True)
class Question:
    """A checked question.

    Attributes:
        spec: its front matter.
        sql: its query.
        sql_line: line of the file where the query begins.
        path: its file.
        settings: value of each threshold.
        builtin: whether it came with Starfort.
    """

    noun: ClassVar[str] = "question"
    """What it is called in messages."""
    model: ClassVar[type[QuestionSpec]] = QuestionSpec
    """The model of its front matter."""
    given: ClassVar[frozenset[str]] = WINDOW
    """Parameters that its runner gives; no threshold may have one of these names."""
    common: ClassVar[Mapping[str, ThresholdSpec]] = {}
    """Settings that every question of its kind has besides its own thresholds."""

    spec: QuestionSpec
    sql: str
    sql_line: int
    path: Path
    settings: Mapping[str, ThresholdValue]
    builtin: bool = False

    @property
    def name(self) -> str:
        """Its name, unique among questions of its kind."""
        return self.spec.name

    @property
    def gate(self) -> str | None:
        """A cheaper SELECT without whose row the query need not be asked; `None`: always ask the query."""
        return None

    @property
    def samples_keys(self) -> bool:
        """Whether its query can judge one share of the keys."""
        return placeholders(self.sql) >= SLOTS

    @property
    def must_return_within(self) -> timedelta:
        """How soon all shares of its keys have to be judged once, so that nothing falls between two turns."""
        return self.spec.window

    @classmethod
    def parse(cls, text: str, path: Path, *, builtin: bool = False) -> Self:
        """Check the text of a file.

        Args:
            text: the file's content.
            path: for messages.
            builtin: whether it came with Starfort.

        Raises:
            ConfigError: with every problem found.
        """
        # Problems of the front matter come alone: without it nobody knows which parameters a query may use.
        file = take_apart(text, path)
        spec = file.spec(cls.model)
        if problems := list(cls._problems(file, spec)):
            raise ConfigError(problems)
        settings = cls.default_settings(spec)
        return cls(spec, file.sql, file.sql_line, path, settings, builtin=builtin)

    @classmethod
    def default_settings(cls, spec: QuestionSpec) -> dict[str, ThresholdValue]:
        """Every setting with its default: the thresholds of the front matter, and those of the kind."""
        return {name: each.default for name, each in {**spec.thresholds, **cls.common}.items()}

    @classmethod
    def _problems(cls, file: QuestionFile, spec: QuestionSpec) -> Iterator[ConfigProblem]:
        for field, what in spec.problems():
            yield file.front_problem(field, what)
        for name in sorted(cls.given & set(spec.thresholds)):
            what = "the runner gives that parameter; choose another name"
            yield file.front_problem(f"thresholds.{name}", what)
        for problem in (*cls._sql_problems(file.sql, spec), *unused(file.sql, spec.thresholds)):
            yield file.sql_problem(problem.offset, problem.what)
        for field, text in cls.queries_in(spec).items():
            for problem in cls._sql_problems(text, spec):
                yield file.text_problem(field, text, problem.offset, problem.what)

    @classmethod
    def _sql_problems(cls, sql: str, spec: QuestionSpec) -> list[SqlProblem]:
        return sql_problems(sql, cls.given, spec.thresholds, cls.noun)

    @classmethod
    def queries_in(cls, spec: QuestionSpec) -> Mapping[str, str]:
        """Further queries that the front matter holds, by field; they are held to the same rules."""
        del spec
        return {}

    def parameters(
        self, until: datetime, since: datetime | None = None, given: Mapping[str, Value] | None = None
    ) -> dict[str, Value]:
        """What query and gate are given for a window, as far as they use it.

        ClickHouse does not mind parameters that a query does not name, but the store encodes each of them.

        Args:
            until: the window's end, UTC.
            since: its begin; `None`: as long before as the window of the front matter says.
            given: more values by name; without a share of the keys among them: all keys.
        """
        used = placeholders(self.sql) | placeholders(self.gate or "")
        every: dict[str, Value] = {
            **self.settings,
            "since": until - self.spec.window if since is None else since,
            "until": until,
            "slots": 1,
            "slot": 0,
            **(given or {}),
        }
        return {name: value for name, value in every.items() if name in used}

    def within(self, share: float) -> Self:
        """The same question for a shorter window: thresholds that count a whole window shrink with it.

        Args:
            share: length of the window over its usual length, above 0 and at most 1.
        """
        shrunk = {
            name: each.shrunk(self.settings[name], share) for name, each in self.spec.thresholds.items()
        }
        return replace(self, settings={**self.settings, **shrunk})

    def with_settings(self, settings: Mapping[str, object]) -> Self:
        """The same question with thresholds overridden.

        Args:
            settings: value by name, as in `detectors.settings.NAME` or `checks.settings.NAME`.

        Raises:
            SettingError: there is no such threshold, or a value has another type or is out of its range.
        """
        known = {**self.spec.thresholds, **self.common}
        problems: list[str] = []
        merged = dict(self.settings)
        for name, value in settings.items():
            threshold = known.get(name)
            if threshold is None:
                has = f"{self.name} has {', '.join(sorted(known))}" if known else f"{self.name} has none"
                problems.append(f"setting {name!r} is unknown; {has}")
            elif wrong := threshold.wrong(value):
                problems.append(f"setting {name!r}: {wrong}")
            elif isinstance(value, int | float | str):
                merged[name] = value
        if problems:
            raise SettingError(problems)
        return replace(self, settings=merged)

    @classmethod
    def load(cls, path: Path, *, builtin: bool = False) -> Self:
        """Read and check a file.

        Raises:
            ConfigError: it can't be read, or anything in it is wrong.
        """
        return cls.parse(read_text(path), path, builtin=builtin)


def load_all(
    kind: type[Q], builtin: Iterable[Path], own: Iterable[Path] = (), taken: Collection[str] = ()
) -> list[Q]:
    """Read files of one kind of question; names must be unique.

    Args:
        kind: `Detector` or `Check`.
        builtin: files that came with Starfort.
        own: the user's files.
        taken: names that no file may have.

    Raises:
        ConfigError: with the problems of all files.
    """
    problems: list[ConfigProblem] = []
    found: dict[str, Q] = {}
    files = [(path, True) for path in builtin] + [(path, False) for path in own]
    # Counted before any file is read, because a pattern may match a whole disk.
    if len(files) > MAX_QUESTIONS:
        raise ConfigError([ConfigProblem(files[-1][0], 1, 1, f"more than {MAX_QUESTIONS} {kind.noun}s")])
    for path, is_builtin in files:
        try:
            question = kind.load(path, builtin=is_builtin)
        except ConfigError as error:
            problems += error.problems
            continue
        other = found.get(question.name)
        if other is not None or question.name in taken:
            owner = other.path if other is not None else "Starfort"
            problems.append(ConfigProblem(path, 1, 1, f"name {question.name!r} is taken by {owner}"))
        # The later question stays, so that further ones with the same name are found too.
        found[question.name] = question
    if problems:
        raise ConfigError(problems)
    return list(found.values())


def titled(template: str, row: Mapping[str, object]) -> str:
    """A title with `{column}` replaced by the row's value; what is no column stays.

    `{column|address|addresses}` puts the word that fits the number behind it, and a list becomes its items.
    """

    def replaced(found: re.Match[str]) -> str:
        if found[1] not in row:
            return found[0]
        value = row[found[1]]
        if isinstance(value, list | tuple):
            value = ", ".join(map(str, value))
        return f"{value} {found[2] if value == 1 else found[3]}" if found[2] else str(value)

    return _VALUE.sub(replaced, template)
