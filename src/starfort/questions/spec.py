"""The front matter that every question has: its name, its sentence, how urgent it is, and its thresholds."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Annotated, Final

from pydantic import BeforeValidator, ConfigDict, Field

from starfort.config.fields import Duration, Model

ThresholdValue = int | float | str

SHORTEST_SPAN: Final = timedelta(seconds=1)
"""Events are kept with microseconds, but the rollups that questions read have a row for each second."""

LONGEST_WINDOW: Final = timedelta(days=30)
"""No retention of raw events is sensibly longer, and a query over more would only run into its limits."""

LONGEST_BEAT: Final = timedelta(days=1)
"""A question that is asked less often than daily would be forgotten over a restart."""


def as_list(value: object) -> object:
    """One text as a list of one, so that front matter may say `key_type: address` as well as a list."""
    return [value] if isinstance(value, str) else value


Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
"""A name that is also a metric's label, part of a URL and, for a kind of signal, a word in CEL."""

TextList = Annotated[list[str], BeforeValidator(as_list), Field(min_length=1)]


class ThresholdSpec(Model):
    """A named value that the configuration may override (`detectors.settings`, `checks.settings`).

    A threshold that counts what a whole window holds says `per_window: true`. When a shorter window has to be
    judged, it shrinks in proportion, but never below its `minimum`. All others stay as they are, so a shorter
    window finds less and never more.
    """

    # YAML already tells 1, "1" and true apart. A model that is not strict would convert one into another.
    model_config = ConfigDict(strict=True)

    default: ThresholdValue
    description: str = Field(min_length=1)
    per_window: bool = False
    minimum: float | None = None
    maximum: float | None = None

    def wrong(self, value: object) -> str:
        """Why a value does not fit, "" when it does."""
        wanted = self.default
        fits: type | tuple[type, ...] = (int, float) if isinstance(wanted, float) else type(wanted)
        # `bool` is a subclass of `int` in Python, and `min_failures: yes` is a mistake and not the number 1.
        if isinstance(value, bool) or not isinstance(value, fits):
            expected = "a number" if isinstance(wanted, float) else type(wanted).__name__
            return f"got {value!r}, expected {expected}"
        if isinstance(value, int | float):
            # No comparison with NaN holds, so it would pass every limit and then fit no query.
            if not math.isfinite(value):
                return f"got {value}, expected a finite number"
            if self.minimum is not None and value < self.minimum:
                return f"got {value}, expected at least {self.minimum:g}"
            if self.maximum is not None and value > self.maximum:
                return f"got {value}, expected at most {self.maximum:g}"
        return ""

    def shrunk(self, value: ThresholdValue, share: float) -> ThresholdValue:
        """The value for a window that is only a share of the usual one.

        A whole number is rounded up: half of 3 failures is 2, since 1.5 failures cannot happen.
        """
        if not self.per_window or isinstance(value, str):
            return value
        # `5.0` in the front matter makes a threshold of fractions, `5` one of whole things
        whole = not isinstance(self.default, float)
        scaled: int | float = math.ceil(value * share) if whole else value * share
        if self.minimum is None:
            return scaled
        least: int | float = math.ceil(self.minimum) if whole else self.minimum
        # a value that the configuration set below the minimum cannot exist, but one that equals it can
        return max(scaled, min(value, least))


class QuestionSpec(Model):
    """What the front matter of a detector and of a check have in common, as written."""

    name: Identifier
    title: str = Field(min_length=1, max_length=200)
    window: Duration
    every: Duration
    thresholds: dict[str, ThresholdSpec] = Field(default_factory=dict)

    def problems(self) -> list[tuple[str, str]]:
        """What is wrong beyond the types of the fields: the field, and why."""
        found = [
            (f"thresholds.{name}", wrong)
            for name, threshold in self.thresholds.items()
            if (wrong := threshold.wrong(threshold.default))
        ]
        if not SHORTEST_SPAN <= self.every <= LONGEST_BEAT:
            found.append(("every", "expected 1s to 1d"))
        if not SHORTEST_SPAN <= self.window <= LONGEST_WINDOW:
            found.append(("window", "expected 1s to 30d"))
        return found
