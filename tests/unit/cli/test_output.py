"""Tables, times and sizes as people read them."""

from __future__ import annotations

import pytest

from starfort.cli import output


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "-"), ("", "-"), (True, "yes"), (1234567, "1,234,567"), (0.25, "0.2"), (["a", "b"], "a, b"), ([], "-"),
     ("two\nlines", "two lines"), ("\x1b[31mred", "\\x1b[31mred")],
)  # fmt: skip
def test_cell(value: object, shown: str) -> None:
    """Each kind of value has one form, and control characters steer no terminal."""
    assert output.cell(value) == shown


def test_times_and_sizes() -> None:
    """Times are UTC, spans have two units, sizes are binary."""
    assert output.moment("2026-01-31T13:00:05+01:00") == "2026-01-31 12:00:05"
    assert output.moment(0) == output.moment(None) == "-"
    assert output.moment(1_700_000_000.5) == "2023-11-14 22:13:20"
    assert [output.span(seconds) for seconds in (0.44, 65, 90_000)] == ["0.4s", "1m 5s", "1d 1h"]
    assert [output.size(count) for count in (0, 1536, 5 << 20, 3 << 30)] == [
        "0 B",
        "1.5 KiB",
        "5.0 MiB",
        "3.0 GiB",
    ]


def test_table_keeps_lines_when_piped(capsys: pytest.CaptureFixture[str]) -> None:
    """A row is one line whatever its length; an empty table says so on stderr and leaves stdout empty."""
    output.table(["name", "count"], [["x" * 500, 5], ["[bold]y", 12]], empty="Nothing.")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[1].endswith("  5")
    assert lines[2].startswith("[bold]y")
    output.table(["name"], [], empty="Nothing.")
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "Nothing.\n")
