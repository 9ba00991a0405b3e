"""The front matter that every question has."""

from __future__ import annotations

import math

import pytest

from starfort.questions.spec import ThresholdSpec


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_threshold_is_a_finite_number(value: float) -> None:
    """No comparison with NaN holds, so limits alone would let it pass; a usual number passes."""
    threshold = ThresholdSpec(default=0.5, description="share", minimum=0.0, maximum=1.0)
    assert threshold.wrong(value) == f"got {value}, expected a finite number"
    assert threshold.wrong(0.7) == ""
