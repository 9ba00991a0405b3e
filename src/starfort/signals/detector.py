"""Detector files: front matter in a leading comment, and one ClickHouse SELECT.

    /*
    name: credential_stuffing
    kind: credential_stuffing
    title: "Credential stuffing: {failures} failed log-ins from {addresses|address|addresses}"
    description: …
    watches: log-ins
    key_type: [campaign, fingerprint]
    window: 60s
    every: 1s
    thresholds:
      min_failures: {default: 50, description: failed log-ins within the window}
    severity: high
    ttl: 5m
    probe: 0.05
    spare_known: true
    score: how the score comes about, in words
    */
    SELECT key_type, key, …, AS score, failures, addresses FROM … WHERE time > {since:DateTime64(6, 'UTC')} …

The query gets `since` and `until` (the window that is judged; in a backtest it lies in the past), `probe`
and every threshold under its name, all as bound parameters. One that uses `slots` and `slot` lets the runner
judge its keys in shares when it is too slow for all at once. It returns `key` and `score` (0 to 1; a row with
0 lifts the key's signal), `key_type` when the front matter names several, `probe` when the share differs from
key to key, and evidence columns, which are kept for the alert.

`probe` is the share of calls that pass although their key is signalled: their outcome is what a detector
learns from while everything else is being stopped. `spare_known`: a log-in of an account that succeeded
before from there passes.

`DetectorSpec` is the front matter as written, `Detector` the checked whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from io import StringIO
from math import ceil
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from starfort.base.severity import Severity
from starfort.base.units import parse_duration
from starfort.signals.model import KEY_TYPES

MAX_DETECTOR_BYTES: Final = 256 * 1024
"""Longest detector file."""

MAX_DETECTORS: Final = 500
"""Detectors at most, built-in and the user's."""

RESERVED: Final = frozenset({"since", "until", "slots", "slot", "probe"})
"""Parameters that the runner gives; no threshold may have these names."""

PROBE: Final = "probe"
"""Setting that every detector has: the share of calls that its signals let pass."""

_FRONT = re.compile(r"\A\s*/\*(?P<yaml>.*?)\*/", re.DOTALL)
_PLACEHOLDER = re.compile(r"\{\s*(?P<name>[A-Za-z_]\w*)\s*:\s*(?P<type>[^{}]+?)\s*\}")
_IDENTIFIER = r"^[a-z][a-z0-9_]{0,63}$"
# Table functions that leave the store: other hosts, files, programs (system.table_functions of ClickHouse
# 26.9). The store grants none of them to queries; this says so early, with the line, and guards nothing.
_OUTSIDE = re.compile(
    r"\b(url|file|s3|gcs|oss|cosn|hdfs|azureBlobStorage|remote|remoteSecure|cluster|clusterAllReplicas|mysql|postgresql"
    r"|mongodb|redis|sqlite|odbc|jdbc|ytsaurus|executable|python|input|iceberg\w*|deltaLake\w*|hudi|paimon\w*|arrowFlight"
    r"|prometheus\w*|catboostEvaluate|dictionary|\w+Cluster)\s*\(",
    re.IGNORECASE,
)
_TITLE_COLUMN = re.compile(r"\{(\w+)")

ThresholdValue = int | float | str


@dataclass(frozen=True, slots=True)
class DetectorProblem:
    """One thing wrong with a detector.

    Attributes:
        file: the detector's file.
        line: line in it, from 1.
        what: what is wrong and what would be right.
    """

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"


class DetectorError(Exception):
    """Detectors that can't be used; `problems` says where and why, all at once."""

    def __init__(self, problems: Iterable[DetectorProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def _duration(value: object) -> timedelta:
    # YAML reads `60` as a number, whose unit nobody knows.
    return parse_duration(value if isinstance(value, str) else f"{value} (no unit)")


Duration = Annotated[timedelta, BeforeValidator(_duration)]


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


class ThresholdSpec(BaseModel):
    """A named value that the configuration may override (`detectors.settings`).

    One that counts what a whole window holds may say so (`per_window`): when a shorter window has to be
    judged it shrinks in proportion, never below its `minimum`. Others stay as they are, so less is found and
    nothing more.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    default: ThresholdValue
    description: str = Field(min_length=1)
    per_window: bool = False
    minimum: float | None = None
    maximum: float | None = None


_PROBE = ThresholdSpec(
    default=0.05, minimum=0, maximum=1, description="share of calls that pass although their key is signalled"
)


class DetectorSpec(BaseModel):
    """The front matter of a detector, as written.

    `gate` is a cheaper SELECT over the same window that returns a row whenever the query would. It is asked
    first, and without a row the query is not.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=_IDENTIFIER)
    kind: str = Field(pattern=_IDENTIFIER)
    title: str = Field(min_length=1, max_length=200)
    description: str = Field(min_length=1)
    watches: str = Field(min_length=1)
    key_type: Annotated[list[str], BeforeValidator(_as_list), Field(min_length=1)]
    window: Duration
    every: Duration = timedelta(seconds=1)
    thresholds: dict[str, ThresholdSpec] = Field(default_factory=dict)
    probe: float = Field(default=0.05, ge=0, le=1)
    spare_known: bool = True
    severity: Severity
    ttl: Duration
    score: str = Field(min_length=1)
    gate: str | None = Field(default=None, min_length=1, max_length=20_000)


@dataclass(frozen=True, slots=True)
class Detector:
    """A checked detector.

    Attributes:
        spec: its front matter.
        sql: its query.
        sql_line: line of the file where the query begins.
        path: its file.
        settings: value of each threshold.
        builtin: whether it came with Starfort.
    """

    spec: DetectorSpec
    sql: str
    sql_line: int
    path: Path
    settings: Mapping[str, ThresholdValue]
    builtin: bool = False

    @property
    def name(self) -> str:
        """Its unique name."""
        return self.spec.name

    @property
    def gate(self) -> str | None:
        """The SELECT that says whether its query can find anything; `None`: it always may."""
        return self.spec.gate.strip().rstrip(";").rstrip() if self.spec.gate else None

    @property
    def samples_keys(self) -> bool:
        """Whether its query can judge one share of the keys (it uses `slots` and `slot`)."""
        return {"slots", "slot"} <= placeholders(self.sql)

    def parameters(
        self, until: datetime, since: datetime | None = None, given: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """What query and gate are given for a window, as far as they use it.

        Args:
            until: the window's end, UTC.
            since: its begin; `None`: as long before as the detector's window is.
            given: more values by name: which share of the keys; without it: all keys.
        """
        used = placeholders(self.sql) | placeholders(self.gate or "")
        every = {
            **self.settings,
            "since": until - self.spec.window if since is None else since,
            "until": until,
            "slots": 1,
            "slot": 0,
            **(given or {}),
        }
        return {name: value for name, value in every.items() if name in used}

    def within(self, share: float) -> Detector:
        """The same detector for a shorter window: counts of a window shrink with it, rounded up.

        Args:
            share: length of the window over its usual length, above 0 and at most 1.
        """
        settings = dict(self.settings)
        for name, threshold in self.spec.thresholds.items():
            value = settings[name]
            if not threshold.per_window or isinstance(value, str):
                continue
            scaled: int | float = (
                value * share if isinstance(threshold.default, float) else ceil(value * share)
            )
            settings[name] = scaled if threshold.minimum is None else max(scaled, min(value, _as(threshold)))
        return replace(self, settings=settings)

    def with_settings(self, settings: Mapping[str, object]) -> Detector:
        """The same detector with thresholds overridden.

        Args:
            settings: value by name, as in `detectors.settings.NAME`.

        Raises:
            DetectorError: no such threshold, another type, or out of its range.
        """
        problems: list[str] = []
        merged = dict(self.settings)
        for name, value in settings.items():
            threshold = _PROBE if name == PROBE else self.spec.thresholds.get(name)
            if threshold is None:
                known = ", ".join(sorted({*self.spec.thresholds, PROBE}))
                problems.append(f"setting {name!r} is unknown; {self.name} has {known}")
                continue
            wrong = _wrong(threshold, value)
            if wrong:
                problems.append(f"setting {name!r}: {wrong}")
            elif isinstance(value, int | float | str):
                merged[name] = value
        if problems:
            raise DetectorError(DetectorProblem(str(self.path), 1, what) for what in problems)
        return replace(self, settings=merged)

    def render(self, template: str, row: Mapping[str, Any]) -> str:
        """A title with `{column}` replaced by the row's value; what is no column stays.

        `{column|address|addresses}` puts the word that fits the number behind it.
        """

        def replaced(found: re.Match[str]) -> str:
            if found[1] not in row:
                return found[0]
            value = row[found[1]]
            return f"{value} {found[2] if value == 1 else found[3]}" if found[2] else str(value)

        return re.sub(r"\{(\w+)(?:\|([^{}|]+)\|([^{}|]+))?\}", replaced, template)

    def headline(self, row: Mapping[str, Any]) -> tuple[str, int | float]:
        """The figure that tells how large a row's case is: the first number in the title, by its column.

        Returns:
            Column and value; "" and 0 when the title has no number.
        """
        for name in _TITLE_COLUMN.findall(self.spec.title):
            value = row.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool):
                return name, value
        return "", 0


def placeholders(sql: str) -> set[str]:
    """Names of the parameters that a text of SQL uses."""
    return {found["name"] for found in _PLACEHOLDER.finditer(sql)}


def _as(threshold: ThresholdSpec) -> int | float:
    """A threshold's minimum in the type of its value."""
    least = threshold.minimum or 0
    return least if isinstance(threshold.default, float) else ceil(least)


def _wrong(threshold: ThresholdSpec, value: object) -> str:
    """Why a value does not fit a threshold, "" when it does."""
    wanted = threshold.default
    fits: type | tuple[type, ...] = (int, float) if isinstance(wanted, float) else type(wanted)
    if isinstance(value, bool) or not isinstance(value, fits):
        return f"got {value!r}, expected {'a number' if isinstance(wanted, float) else type(wanted).__name__}"
    if isinstance(value, int | float):
        if threshold.minimum is not None and value < threshold.minimum:
            return f"got {value}, expected at least {threshold.minimum:g}"
        if threshold.maximum is not None and value > threshold.maximum:
            return f"got {value}, expected at most {threshold.maximum:g}"
    return ""


def parse(text: str, path: Path, *, builtin: bool = False) -> Detector:
    """Check the text of a detector file.

    Args:
        text: the file's content.
        path: for messages.
        builtin: whether it came with Starfort.

    Raises:
        DetectorError: with every problem found.
    """
    front = _FRONT.match(text)
    if front is None:
        raise DetectorError([_problem(path, 1, "begins with no /* … */ comment that holds its front matter")])
    first_line = text[: front.start("yaml")].count("\n") + 1
    spec = _front_matter(front["yaml"], path, first_line)
    sql = text[front.end() :]
    sql_line = text[: front.end()].count("\n") + 1 + (len(sql) - len(sql.lstrip("\n")))
    sql = sql.strip().rstrip(";").rstrip()
    problems = [_problem(path, sql_line + line, what) for line, what in _sql_problems(sql, spec)]
    gate_line = first_line + _gate_line(front["yaml"])
    problems += [
        _problem(path, gate_line + line, f"gate: {what}")
        for line, what in _sql_problems(spec.gate or "", spec, is_gate=True)
    ]
    problems += [_problem(path, first_line, what) for what in _spec_problems(spec)]
    if problems:
        raise DetectorError(problems)
    settings = {name: threshold.default for name, threshold in spec.thresholds.items()}
    settings[PROBE] = spec.probe
    return Detector(spec, sql, sql_line, path, settings, builtin=builtin)


def _problem(path: Path, line: int, what: str) -> DetectorProblem:
    return DetectorProblem(str(path), line, what)


def _front_matter(text: str, path: Path, first_line: int) -> DetectorSpec:
    try:
        data = YAML(typ="rt").load(StringIO(text))
    except MarkedYAMLError as error:
        line = first_line + (error.problem_mark.line if error.problem_mark else 0)
        raise DetectorError([_problem(path, line, f"front matter: {error.problem}")]) from error
    except YAMLError as error:
        raise DetectorError([_problem(path, first_line, f"front matter: {error}")]) from error
    if not isinstance(data, dict):
        raise DetectorError([_problem(path, first_line, "front matter is no map of names to values")])
    try:
        return DetectorSpec.model_validate(_plain(data))
    except ValidationError as error:
        raise DetectorError(
            _problem(path, first_line + _line_of(data, item["loc"]), f"{_dotted(item['loc'])}: {item['msg']}")
            for item in error.errors()
        ) from error


def _plain(value: Any) -> Any:
    """Types of ruamel as plain ones: pydantic's strict mode wants `int`, not its subclass."""
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, bool):
        return value
    for plain in (int, float, str):
        if isinstance(value, plain):
            return plain(value)
    return value


def _dotted(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location)


def _line_of(data: Any, location: tuple[int | str, ...]) -> int:
    """Line of a value within the front matter, from 0; that of its parent when it is missing."""
    line = 0
    for part in location:
        if not isinstance(data, dict) or part not in data:
            break
        line = data.lc.key(part)[0] if hasattr(data, "lc") else line
        data = data[part]
    return line


def _gate_line(front: str) -> int:
    """Line of the gate's text within the front matter, from 0."""
    lines = front.split("\n")
    found = next((number for number, line in enumerate(lines) if line.startswith("gate:")), 0)
    return found + bool(found and lines[found].strip() in ("gate: |", "gate: >", "gate: |-"))


def _spec_problems(spec: DetectorSpec) -> list[str]:
    problems = []
    unknown = sorted(set(spec.key_type) - KEY_TYPES)
    if unknown:
        problems.append(f"key_type: {', '.join(unknown)} is unknown; one of {', '.join(sorted(KEY_TYPES))}")
    if spec.every < timedelta(seconds=1) or spec.every > timedelta(days=1):
        problems.append("every: expected 1s to 1d")
    if spec.window < timedelta(seconds=1) or spec.window > timedelta(days=30):
        problems.append("window: expected 1s to 30d")
    if spec.ttl < spec.every * 2 or spec.ttl > timedelta(days=30):
        problems.append("ttl: expected at least twice `every` (else it lapses between runs) and at most 30d")
    problems += [
        f"thresholds.{name}: the runner gives that parameter; choose another name"
        for name in sorted(RESERVED & set(spec.thresholds))
    ]
    problems += [
        f"thresholds.{name}: {wrong}"
        for name, threshold in spec.thresholds.items()
        if (wrong := _wrong(threshold, threshold.default))
    ]
    return problems


def _sql_problems(sql: str, spec: DetectorSpec, *, is_gate: bool = False) -> list[tuple[int, str]]:
    """What is wrong with a query or gate, with the line within it (from 0)."""
    if is_gate and not sql:
        return []
    bare = _without_comments(sql)
    problems: list[tuple[int, str]] = []
    if not re.match(r"\s*(SELECT|WITH)\b", bare, re.IGNORECASE):
        problems.append((0, "the query begins with no SELECT or WITH"))
    if ";" in bare:
        line = bare[: bare.index(";")].count("\n")
        problems.append((line, "more than one statement; a detector is one SELECT"))
    problems += [
        (
            bare[: found.start()].count("\n"),
            f"{found[1]}() leaves the store; a detector reads its tables only",
        )
        for found in _OUTSIDE.finditer(_without_text(bare))
    ]
    known = RESERVED | set(spec.thresholds)
    for found in _PLACEHOLDER.finditer(bare):
        if found["name"] not in known:
            line = bare[: found.start()].count("\n")
            problems.append(
                (line, f"parameter {found['name']} is no threshold; declare it in the front matter")
            )
    used = placeholders(bare)
    if len({"slots", "slot"} & used) == 1:
        problems.append((0, "the query uses one of {slots:UInt32} and {slot:UInt32}; it needs both, or none"))
    if not is_gate:
        unused = set(spec.thresholds) - used
        problems += [(0, f"threshold {name} is not used in the query") for name in sorted(unused)]
    if "since" not in used:
        problems.append(
            (0, "the query does not use {since:DateTime64(6, 'UTC')}, so its window is not bounded")
        )
    return problems


_LITERAL = re.compile(r"'(?:[^'\\]|\\.|'')*'", re.DOTALL)
_TOKEN = re.compile(r"'(?:[^'\\]|\\.|'')*'|`[^`]*`|\"[^\"]*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)


def _without_comments(sql: str) -> str:
    """The query with comments and the content of quoted text blanked, line by line as before."""

    def blank(found: re.Match[str]) -> str:
        text = found[0]
        if text.startswith(("--", "/*")):
            return re.sub(r"[^\n]", " ", text)
        return text[0] + re.sub(r"[;{}]", " ", text[1:-1]) + text[-1]

    return _TOKEN.sub(blank, sql)


def _without_text(sql: str) -> str:
    """The query with its string literals blanked: `path LIKE '%url(%'` calls nothing."""
    return _LITERAL.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), sql)


def load(path: Path, *, builtin: bool = False) -> Detector:
    """Read and check a detector file.

    Raises:
        DetectorError: it can't be read, or anything in it is wrong.
    """
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MAX_DETECTOR_BYTES + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise DetectorError([_problem(path, 1, f"can't be read: {reason}")]) from error
    if len(text) > MAX_DETECTOR_BYTES:
        raise DetectorError([_problem(path, 1, f"is longer than {MAX_DETECTOR_BYTES} characters")])
    return parse(text, path, builtin=builtin)


def load_all(builtin: Iterable[Path], own: Iterable[Path] = ()) -> list[Detector]:
    """Read detector files; names must be unique.

    Args:
        builtin: files that came with Starfort.
        own: the user's files.

    Raises:
        DetectorError: with the problems of all files.
    """
    problems: list[DetectorProblem] = []
    detectors: dict[str, Detector] = {}
    files = [(path, True) for path in builtin] + [(path, False) for path in own]
    if len(files) > MAX_DETECTORS:
        raise DetectorError([_problem(files[-1][0], 1, f"more than {MAX_DETECTORS} detectors")])
    for path, is_builtin in files:
        try:
            detector = load(path, builtin=is_builtin)
        except DetectorError as error:
            problems += error.problems
            continue
        other = detectors.get(detector.name)
        if other is not None:
            problems.append(_problem(path, 1, f"name {detector.name!r} is taken by {other.path}"))
        detectors[detector.name] = detector
    if problems:
        raise DetectorError(problems)
    return list(detectors.values())
