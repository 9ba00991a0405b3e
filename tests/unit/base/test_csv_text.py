"""Tables for spreadsheets."""

import csv
import io
from datetime import UTC, datetime

import pytest

from starfort.base.csv_text import csv_text


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1", "=cmd|' /C calc'!A0", "-@x"],  # noqa: RUF001
)
def test_no_text_is_a_formula(text: str) -> None:
    """Whatever a spreadsheet takes for the beginning of one stands behind an apostrophe."""
    (_, (cell,)) = csv.reader(io.StringIO(csv_text(["a"], [[text]])))
    assert cell == f"'{text}"


def test_values_are_readable() -> None:
    """Numbers stay numbers, negative ones too; lists, times, truths and nothing are text; quotes survive."""
    row = [-1, 2.5, ["a", "b"], datetime(2026, 1, 2, tzinfo=UTC), True, None, 'x "y", z', "a=b", "/a/-"]
    (_, cells) = csv.reader(io.StringIO(csv_text(["h"] * len(row), [row])))
    assert cells == ["-1", "2.5", "a b", "2026-01-02T00:00:00+00:00", "true", "", 'x "y", z', "a=b", "/a/-"]
