"""Figures as people read them."""

from types import SimpleNamespace

import pytest

from starfort.dashboard import shapes
from tests.support.parsed import parsed


@pytest.mark.parametrize(
    ("now", "before", "says"),
    [
        (120, 100, "▲ 20 % from 100"),
        (50, 100, "▼ 50 % from 100"),
        (100, 100, "as in the time before"),
        (10_001, 10_000, "as in the time before"),
        (7, 0, "none in the time before"),
        (1536, 5, "5 in the time before"),
        (0, 4, "▼ 100 % from 4"),
    ],
)
def test_change(now: int, before: int, says: str) -> None:
    """A change is a percentage only where there was something to compare with."""
    assert parsed(shapes.change(now, before)).text == says


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (912, "912"), (9_999, "9,999"), (34_512, "34.5 k"), (1_200_000, "1.2 M"), (3.1e9, "3.1 G")],
)
def test_short(value: float, text: str) -> None:
    """Figures of tiles are short."""
    assert shapes.short(value) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0 %"), (0.0001, "< 0.1 %"), (0.005, "0.5 %"), (1, "100.0 %")]
)
def test_percent(share: float, text: str) -> None:
    """A share that is not nothing never reads as nothing."""
    assert shapes.percent(share) == text


@pytest.mark.parametrize(
    ("total", "offset", "words"),
    [
        (3, 0, "3 entries"),
        (1, 0, "1 entry"),
        (120, 0, "1 to 50 of 120 On"),
        (120, 100, "← Back 101 to 120 of 120"),
    ],
)
def test_pager(total: int, offset: int, words: str) -> None:
    """A pager says where one is and leads only to pages that are there."""
    shown = parsed(shapes.pager("/events", {"action": "block"}, total, 50, offset))
    text = " ".join(shown.texts)
    assert text.startswith(words)
    assert all("action=block" in values["href"] for name, values in shown.elements if name == "a")


def test_counted_says_what_is_left() -> None:
    """A list of values is cut, and says by how much."""
    rows = [SimpleNamespace(value=f"v{number}", count=9 - number) for number in range(5)]
    shown = parsed(shapes.counted(rows, "nothing", limit=3)).text
    assert "v2" in shown
    assert "v3" not in shown
    assert "and 2 more" in shown


@pytest.mark.parametrize("values", [[], [0, 0], [5], [1, 9, 4]])
def test_sparkline_of_anything(values: list[int]) -> None:
    """A line is drawn of no, one and many values, within its box."""
    shown = parsed(shapes.sparkline(values, "over time"))
    points = [tuple(map(float, point.split(","))) for point in shown.elements[1][1]["points"].split()]
    assert len(points) == len(values)
    assert all(0 <= x <= 120 and 0 <= y <= 24 for x, y in points)
