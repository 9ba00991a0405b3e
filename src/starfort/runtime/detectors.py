"""Which detectors run: those that come with Starfort and the configuration's own, less those it disables."""

from __future__ import annotations

import difflib
import glob
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starfort.config import ConfigError, ConfigProblem, LoadedConfig
from starfort.config.yaml_file import Location
from starfort.signals import Detector, DetectorError, load_all

PACKAGE: Final = Path(__file__).parents[1]
"""Where the bastions are; each keeps its detectors in `detectors/`."""


@dataclass(frozen=True, slots=True)
class Detectors:
    """The detectors of one configuration.

    Attributes:
        every: all that were found, with their settings, disabled ones too.
        running: those that run.
        files: what they were read from, for watching: a folder of a pattern too, for new files in it.
    """

    every: list[Detector]
    running: list[Detector]
    files: list[Path]

    @property
    def kinds(self) -> list[str]:
        """Kinds of signals that policies may ask for, sorted.

        A disabled detector's kind is among them: switching a detector off must not break a policy.
        """
        return sorted({detector.spec.kind for detector in self.every})


def builtin_files() -> list[Path]:
    """The detector files that come with Starfort."""
    return sorted(PACKAGE.glob("*/detectors/*.sql"))


def load_detectors(loaded: LoadedConfig) -> Detectors:
    """Read and check the detectors of a configuration.

    Raises:
        ConfigError: with every problem, in the configuration and in detector files.
    """
    own, problems = _own_files(loaded)
    try:
        found = load_all(builtin_files(), own)
    except DetectorError as error:
        problems += [_problem(detail.file, detail.line, detail.what) for detail in error.problems]
        raise ConfigError(problems) from None
    wanted = loaded.config.detectors
    names = [detector.name for detector in found]
    problems += _unknown(loaded, names)
    every = []
    for detector in found:
        try:
            every.append(detector.with_settings(wanted.settings.get(detector.name, {})))
        except DetectorError as error:
            place = ("detectors", "settings", detector.name)
            problems += [loaded.source.problem(place, detail.what) for detail in error.problems]
    if problems:
        raise ConfigError(problems)
    running = [detector for detector in every if detector.name not in wanted.disabled]
    return Detectors(every, running, [*own, *dict.fromkeys(path.parent for path in own)])


def _own_files(loaded: LoadedConfig) -> tuple[list[Path], list[ConfigProblem]]:
    """The user's files; patterns count from the configuration's folder."""
    folder = loaded.source.file.resolve().parent
    files: dict[Path, None] = {}
    problems = []
    for index, pattern in enumerate(loaded.config.detectors.files):
        matches = sorted(glob.glob(str(folder / pattern), recursive=True))  # noqa: PTH207 (absolute patterns too)
        if not matches:
            fix = "paths count from the configuration's folder"
            problems.append(
                loaded.source.problem(("detectors", "files", index), f"{pattern} matches no file", fix)
            )
        files.update(dict.fromkeys(map(Path, matches)))
    return list(files), problems


def _unknown(loaded: LoadedConfig, names: list[str]) -> Iterator[ConfigProblem]:
    """Problems of names in the configuration that no detector has."""
    wanted = loaded.config.detectors
    places: list[tuple[str, Location, bool]] = [
        (name, ("detectors", "disabled", index), False) for index, name in enumerate(wanted.disabled)
    ]
    places += [(name, ("detectors", "settings", name), True) for name in wanted.settings]
    for name, place, key in places:
        if name not in names:
            close = difflib.get_close_matches(name, names, 1)
            fix = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(names)}"
            yield loaded.source.problem(place, f"there is no detector {name!r}", fix, key=key)


def _problem(file: str, line: int, what: str) -> ConfigProblem:
    return ConfigProblem(Path(file), line, 1, what)
