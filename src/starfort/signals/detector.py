"""Detectors: questions whose rows are signals about a key.

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

The query gets `since` and `until` (the window that is judged; in a backtest it lies in the past), `probe` and
every threshold under its name, all as bound parameters. One that uses `slots` and `slot` lets the runner
judge its keys in shares when it is too slow for all at once. It returns `key` and `score` (0 to 1; a row with
0 lifts the signal of its key), `key_type` when the front matter names several, `probe` when the share differs
from key to key, and evidence columns, which are kept for the alert.

`probe` is the share of calls that pass although their key is signalled: their outcome is what a detector
learns from while everything else is being stopped. `spare_known`: a log-in passes when its account succeeded
before from the same place.

`DetectorSpec` is the front matter as written, `Detector` the checked whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, Final

from pydantic import Field

from starfort.base.severity import Severity
from starfort.config.fields import Duration
from starfort.questions.question import WINDOW, Question
from starfort.questions.spec import Identifier, QuestionSpec, TextList, ThresholdSpec, ThresholdValue
from starfort.questions.sql import SLOTS
from starfort.signals.model import KEY_TYPES

PROBE: Final = "probe"
"""The setting that every detector has: the share of calls that its signals let pass."""

PROBE_DESCRIPTION: Final = "share of calls that pass although their key is signalled"

LONGEST_TTL: Final = timedelta(days=30)

_TITLE_COLUMN = re.compile(r"\{(\w+)")


class DetectorSpec(QuestionSpec):
    """The front matter of a detector, as written.

    `gate` is a cheaper SELECT over the same window that returns a row whenever the query would. It is asked
    first, and without a row the query is not asked.
    """

    kind: Identifier
    description: str = Field(min_length=1)
    watches: str = Field(min_length=1)
    key_type: TextList
    every: Duration = timedelta(seconds=1)
    probe: float = Field(default=0.05, ge=0, le=1)
    spare_known: bool = True
    severity: Severity
    ttl: Duration
    score: str = Field(min_length=1)
    gate: str | None = Field(default=None, min_length=1, max_length=20_000)

    def problems(self) -> list[tuple[str, str]]:
        """What is wrong beyond the types of the fields: the field, and why."""
        found = QuestionSpec.problems(self)
        if unknown := sorted(set(self.key_type) - KEY_TYPES):
            found.append(
                ("key_type", f"{', '.join(unknown)} is unknown; one of {', '.join(sorted(KEY_TYPES))}")
            )
        # At least twice the beat, so that a signal does not lapse when one run is late or fails.
        if self.ttl < self.every * 2 or self.ttl > LONGEST_TTL:
            what = "expected at least twice `every` (else it lapses between runs) and at most 30d"
            found.append(("ttl", what))
        return found


@dataclass(frozen=True, slots=True)
class Detector(Question):
    """A checked detector."""

    noun: ClassVar[str] = "detector"
    model: ClassVar[type[QuestionSpec]] = DetectorSpec
    given: ClassVar[frozenset[str]] = WINDOW | SLOTS | {PROBE}
    common: ClassVar[Mapping[str, ThresholdSpec]] = {
        PROBE: ThresholdSpec(default=0.05, minimum=0, maximum=1, description=PROBE_DESCRIPTION)
    }

    spec: DetectorSpec

    @property
    def gate(self) -> str | None:
        """The SELECT that says whether its query can find anything; `None`: it always may."""
        return self.spec.gate.strip().rstrip(";").rstrip() if self.spec.gate else None

    @property
    def must_return_within(self) -> timedelta:
        """A signal lapses after its TTL, and a burst that fits the window must not fall between two turns."""
        return min(self.spec.window, self.spec.ttl)

    @classmethod
    def default_settings(cls, spec: QuestionSpec) -> dict[str, ThresholdValue]:
        """Every setting with its default; that of `probe` is what the front matter says."""
        # The front matter's `probe` is a field and not a threshold, but the configuration sets it like one.
        found = {name: each.default for name, each in spec.thresholds.items()}
        return {**found, PROBE: spec.probe} if isinstance(spec, DetectorSpec) else found

    @classmethod
    def queries_in(cls, spec: QuestionSpec) -> Mapping[str, str]:
        """The gate, which is held to the same rules as the query."""
        return {"gate": spec.gate} if isinstance(spec, DetectorSpec) and spec.gate else {}

    def headline(self, row: Mapping[str, object]) -> tuple[str, int | float]:
        """The figure that tells how large the case of a row is: the first number in the title, by its column.

        Returns:
            Column and value; "" and 0 when the title has no number.
        """
        # `bool` is a subclass of `int` in Python, and `true` is not a size.
        for name in _TITLE_COLUMN.findall(self.spec.title):
            value = row.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool):
                return name, value
        return "", 0
