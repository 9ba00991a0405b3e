"""Figures as people read them."""

import pytest

from starfort.dashboard import figures


@pytest.mark.parametrize(
    ("now", "before", "says"),
    [
        (120, 100, ("▲ 20 %", "from 100")),
        (50, 100, ("▼ 50 %", "from 100")),
        (100, 100, ("", "as in the time before")),
        (10_001, 10_000, ("", "as in the time before")),
        (7, 0, ("", "none in the time before")),
        (1536, 5, ("", "5 in the time before")),
        (0, 4, ("▼ 100 %", "from 4")),
    ],
)
def test_change(now: int, before: int, says: tuple[str, str]) -> None:
    """A change is a percentage only where there was something to compare with."""
    assert figures.change(now, before) == says


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (912, "912"), (9_999, "9,999"), (34_512, "34.5 k"), (1_200_000, "1.2 M"), (3.1e9, "3.1 G")],
)
def test_short(value: float, text: str) -> None:
    """Figures of tiles are short."""
    assert figures.short(value) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0 %"), (0.0001, "< 0.1 %"), (0.005, "0.5 %"), (1, "100.0 %")]
)
def test_percent(share: float, text: str) -> None:
    """A share that is not nothing never reads as nothing."""
    assert figures.percent(share) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(59, "0 h 0 min"), (7_260, "2 h 1 min"), (90_000, "1 day 1 h"), (180_000, "2 days 2 h")],
)
def test_duration(seconds: float, text: str) -> None:
    """A length of time has two units, and days from one day on."""
    assert figures.duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), ("", ""), ([], ""), (1200, "1,200"), (True, "True"), (0.25, "0.25"), (["a", 5], "a, 5")],
)
def test_text_of_evidence(value: object, text: str) -> None:
    """Evidence has values of any kind: numbers have commas, lists too, and what is empty says nothing."""
    assert figures.text(value) == text


def test_columns_of_rows_that_differ() -> None:
    """Rows need not have the same names; each name is a column once, in the order of its first row."""
    assert figures.columns([{"b": 1}, {"a": 1, "b": 2}, {"c": 3}]) == ["b", "a", "c"]


@pytest.mark.parametrize("values", [[], [0, 0], [5], [1, 9, 4]])
def test_sparkline_of_anything(values: list[int]) -> None:
    """A line is drawn of no, one and many values, within its box."""
    points = [tuple(map(float, point.split(","))) for point in figures.sparkline(values).split()]
    assert len(points) == len(values)
    assert all(0 <= x <= 120 and 0 <= y <= 24 for x, y in points)
