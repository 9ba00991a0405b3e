"""The report of a benchmark: rows, a table for people, and a JSON file for machines."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
RESULTS: Final = ROOT / "build" / "bench"


class SkippedError(Exception):
    """A benchmark can't run here; the text says what is missing and how to get it."""


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        name: what was measured.
        value: the figure; `None` when the benchmark was skipped.
        unit: of the value.
        baseline: what the value is compared with, in the same unit.
        ratio: the median, over the rounds, of value over baseline in that round.
        target: what the ratio (where there is one) or else the value should not exceed; or not fall short of,
            for rates.
        ok: whether it does as it should; `None` without a target.
    """

    name: str
    value: float | None
    unit: str
    baseline: float | None = None
    ratio: float | None = None
    target: float | None = None
    ok: bool | None = None


def figure(name: str, value: float, unit: str, target: float | None = None, *, at_least: bool = False) -> Row:
    """A row with a figure that is compared with nothing."""
    ok = None if target is None else value >= target if at_least else value <= target
    return Row(name, round(value, 3), unit, target=target, ok=ok)


def compared(
    name: str, values: Sequence[float], baselines: Sequence[float], unit: str, target: float | None = None
) -> Row:
    """A row of figures that were taken in pairs, one pair a round, so that a slow spell hits both."""
    ratio = statistics.median(ours / theirs for ours, theirs in zip(values, baselines, strict=True))
    return Row(
        name,
        round(statistics.median(values), 3),
        unit,
        baseline=round(statistics.median(baselines), 3),
        ratio=round(ratio, 4),
        target=target,
        ok=None if target is None else ratio <= target,
    )


def skipped(name: str) -> Row:
    """The row of a benchmark that did not run."""
    return Row(name, None, "skipped")


def write(name: str, rows: Sequence[Row]) -> Path:
    """Write `build/bench/NAME.json`."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    return path


def table(bench: str, rows: Sequence[Row]) -> str:
    """The rows as a table for people."""
    head = ("", "value", "unit", "baseline", "ratio", "target", "ok")
    lines = [(bench, *head[1:])]
    lines += [
        (row.name, number(row.value), row.unit, number(row.baseline), number(row.ratio),
         number(row.target), {True: "yes", False: "NO", None: ""}[row.ok])
        for row in rows
    ]  # fmt: skip
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in {0, 2} else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def number(value: float | None) -> str:
    """A figure for people: four digits, or all before the point; "" for none."""
    return "" if value is None else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"  # noqa: PLR2004
