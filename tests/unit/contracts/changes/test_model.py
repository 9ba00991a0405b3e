"""Levels of changes."""

import pytest

from starfort.contracts.changes.model import Effect, Level, Side, level_of


@pytest.mark.parametrize(
    ("effect", "in_request", "in_response"),
    [
        ("narrows", "error", "info"),
        ("widens", "info", "error"),
        ("incomparable", "error", "error"),
        ("unknown", "warning", "warning"),
        ("none", "info", "info"),
    ],
)
def test_levels_follow_from_effects(effect: Effect, in_request: Level, in_response: Level) -> None:
    """What narrows requests or widens answers breaks a caller that kept to the old contract."""
    sides: tuple[Side, Side] = ("request", "response")
    assert [level_of(effect, side) for side in sides] == [in_request, in_response]
