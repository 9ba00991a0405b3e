"""Finds the detectors and checks that run: Starfort's and the configuration's own, without disabled ones."""

from __future__ import annotations

import difflib
import glob
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, Literal, TypeVar

from starfort.config import ConfigError, ConfigProblem, LoadedConfig
from starfort.config.detection import QuestionSettings
from starfort.config.yaml_file import Location
from starfort.posture.check import Check
from starfort.posture.checks import Checks
from starfort.questions.question import Question, SettingError, load_all
from starfort.signals.detector import Detector
from starfort.visibility.catalogue_checks import CATALOGUE_CHECKS

PACKAGE: Final = Path(__file__).parents[1]
"""Folder of the bastions. Each keeps its detectors in `detectors/` and its checks in `checks/`."""

Section = Literal["detectors", "checks"]
"""A part of the configuration; the folder in a bastion has the same name."""

Q = TypeVar("Q", bound=Question)


@dataclass(frozen=True, slots=True)
class Questions(Generic[Q]):
    """The questions of one kind that a configuration has.

    Attributes:
        every: all that were found, with their settings, including disabled ones.
        running: those that run.
        files: files to watch: those of the questions, and the folder of each pattern, so that a new file in
            it is noticed.
    """

    every: Sequence[Q]
    running: Sequence[Q]
    files: Sequence[Path]


@dataclass(frozen=True, slots=True)
class Asked:
    """Everything that a configuration asks of the store again and again.

    Attributes:
        detectors: its detectors.
        checks: its checks that are queries, including disabled ones.
        running_checks: the checks that run, both queries and those of the catalogue.
    """

    detectors: Questions[Detector]
    checks: Questions[Check]
    running_checks: Checks

    @property
    def kinds(self) -> list[str]:
        """Kinds of signals that policies may ask for, sorted.

        The kind of a disabled detector is included: switching a detector off must not break a policy.
        """
        return sorted({detector.spec.kind for detector in self.detectors.every})

    @property
    def files(self) -> list[Path]:
        """The user's files, for watching."""
        return [*self.detectors.files, *self.checks.files]


def builtin_files(section: Section) -> list[Path]:
    """The files of detectors or checks that come with Starfort."""
    return sorted(PACKAGE.glob(f"*/{section}/*.sql"))


def load_questions(loaded: LoadedConfig) -> Asked:
    """Read and check the detectors and checks of a configuration.

    Raises:
        ConfigError: with every problem, in the configuration and in files of detectors and checks.
    """
    problems: list[ConfigProblem] = []
    # Checks of the catalogue are Python and have no file, but people disable them by name like any other.
    catalogue = [check.name for check in CATALOGUE_CHECKS]
    detectors = _load(loaded, "detectors", Detector, (), problems)
    checks = _load(loaded, "checks", Check, catalogue, problems)
    if detectors is None or checks is None or problems:
        raise ConfigError(problems)
    disabled = loaded.config.checks.disabled
    running = Checks(checks.running, [each for each in CATALOGUE_CHECKS if each.name not in disabled])
    return Asked(detectors, checks, running)


def _load(
    loaded: LoadedConfig,
    section: Section,
    kind: type[Q],
    others: Collection[str],
    problems: list[ConfigProblem],
) -> Questions[Q] | None:
    """The questions of one kind; `None` when a file cannot be used.

    Args:
        loaded: the configuration.
        section: the part of the configuration.
        kind: the class of the questions.
        others: names that may be disabled although no file has them.
        problems: gets every problem.
    """
    own, wrong = _own_files(loaded, section)
    problems += wrong
    try:
        found = load_all(kind, builtin_files(section), own, others)
    except ConfigError as error:
        problems += error.problems
        return None
    wanted = _wanted(loaded, section)
    problems += _unknown(loaded, section, kind.noun, [*(each.name for each in found), *others])
    every = []
    # A disabled question gets its settings too: a mistake in them is reported before it is enabled again.
    for question in found:
        try:
            every.append(question.with_settings(wanted.settings.get(question.name, {})))
        except SettingError as error:
            place = (section, "settings", question.name)
            problems += [loaded.source.problem(place, what) for what in error.problems]
    running = [question for question in every if question.name not in wanted.disabled]
    return Questions(every, running, [*own, *dict.fromkeys(path.parent for path in own)])


def _wanted(loaded: LoadedConfig, section: Section) -> QuestionSettings:
    return loaded.config.detectors if section == "detectors" else loaded.config.checks


def _own_files(loaded: LoadedConfig, section: Section) -> tuple[list[Path], list[ConfigProblem]]:
    """The user's files; patterns are relative to the configuration's folder."""
    # The folder of the file itself, even where the given path is a symbolic link to it.
    folder = loaded.source.file.resolve().parent
    files: dict[Path, None] = {}
    problems = []
    for index, pattern in enumerate(_wanted(loaded, section).files):
        matches = sorted(glob.glob(str(folder / pattern), recursive=True))  # noqa: PTH207 (absolute patterns too)
        if not matches:
            fix = "paths count from the configuration's folder"
            problems.append(
                loaded.source.problem((section, "files", index), f"{pattern} matches no file", fix)
            )
        files.update(dict.fromkeys(map(Path, matches)))
    return list(files), problems


def _unknown(loaded: LoadedConfig, section: Section, noun: str, names: list[str]) -> Iterator[ConfigProblem]:
    """Problems of names in the configuration that no detector or check has."""
    wanted = _wanted(loaded, section)
    places: list[tuple[str, Location, bool]] = [
        (name, (section, "disabled", index), False) for index, name in enumerate(wanted.disabled)
    ]
    places += [(name, (section, "settings", name), True) for name in wanted.settings]
    for name, place, key in places:
        if name not in names:
            close = difflib.get_close_matches(name, names, 1)
            fix = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(names)}"
            yield loaded.source.problem(place, f"there is no {noun} {name!r}", fix, key=key)
