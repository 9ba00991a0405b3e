"""Durations, sizes and rates as people write them."""

from datetime import timedelta

import pytest
from pydantic import TypeAdapter

from starfort.base.units import parse_duration, parse_rate, parse_size
from starfort.config import fields
from starfort.questions.spec import QuestionSpec


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("10s", 10), ("10 s", 10), ("1.5s", 1.5), (" 5m ", 300), ("2h", 7200), ("7d", 604_800)],
)
def test_durations_are_the_same_in_configuration_and_detectors(text: str, seconds: float) -> None:
    """Every duration that configuration accepts means the same in a detector."""
    expected = timedelta(seconds=seconds)
    assert parse_duration(text) == expected
    assert TypeAdapter(fields.Duration).validate_python(text) == expected
    assert (
        QuestionSpec.model_validate({"name": "n", "title": "t", "window": text, "every": "1s"}).window
        == expected
    )


@pytest.mark.parametrize("text", ["", "10", "s", "-1s", "1e3s", "10 sec", "1h30m", "٣s"])
def test_what_is_no_duration(text: str) -> None:
    """A duration is a number and a unit; nothing is guessed."""
    with pytest.raises(ValueError, match="write a number and a unit"):
        parse_duration(text)


def test_sizes_are_bytes() -> None:
    """Sizes are bytes, with binary and decimal units."""
    assert [parse_size(text) for text in ("10", "1kB", "1KiB", "2 MiB")] == [10, 1000, 1024, 2 * 1024**2]
    with pytest.raises(ValueError, match="write bytes or a number and a unit"):
        parse_size("1K")


def test_rates_are_requests_and_a_period() -> None:
    """A period without a number is one of it."""
    assert [parse_rate(text) for text in ("10/s", "5/10s")] == [
        (10, timedelta(seconds=1)),
        (5, timedelta(seconds=10)),
    ]
    with pytest.raises(ValueError, match="write requests/period"):
        parse_rate("0/s")
