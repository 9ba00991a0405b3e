"""What is wrong with the data that leaves."""

from __future__ import annotations

from typing import Final

from starfort.base.severity import SEVERE_DATA_CLASSES
from starfort.catalogue.finding import Check, Scope
from starfort.store.parameters import Value

MIN_VALUES: Final = 1_000
"""Sensitive values within ten minutes below which nobody looks at a caller: a page of a list has 100 rows."""

TIMES_USUAL: Final = 10.0
"""Times the median of the endpoint's callers."""


def _severe(scope: Scope) -> dict[str, Value]:
    return {"severe": SEVERE_DATA_CLASSES, "masked": scope.masked}


def _volume(_: Scope) -> dict[str, Value]:
    return {"min_values": MIN_VALUES, "times_usual": TIMES_USUAL}


CHECKS: Final = (
    Check(
        "data",
        "sensitive_data",
        "{subject} sends {classes}",
        "Know where sensitive data leaves; mask what callers have no need of.",
        _severe,
    ),
    Check(
        "data",
        "severe_data_unmasked",
        "{subject} sends {classes} unmasked to callers without credentials",
        "Anybody can collect them. Require credentials, and mask the classes with a policy meanwhile.",
        _severe,
    ),
    Check(
        "data",
        "volume_to_caller",
        "{subject} was sent {most_values} sensitive values by {template}, usual are {usual_values}",
        "One caller that copies what others read piece by piece. Look at its events; limit it by a policy.",
        _volume,
        60,
    ),
)
"""Checks of this bastion."""
