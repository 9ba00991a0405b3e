"""`python -m benchmarks.markdown [NAME …]`: figures of the last runs as the table of README.md."""

from __future__ import annotations

import json
import sys
from typing import Final

from benchmarks.__main__ import BENCHES
from benchmarks.report import RESULTS, Row, number

HEAD: Final = "| what | value | beside | ratio | target | |\n|---|---|---|---|---|---|"
"""Columns of README.md."""

_INVERTED: Final = 0.2
"""Ratios below read better as one over something."""


def main() -> None:
    """Print the table; benchmarks that were never run are left out."""
    print(HEAD)
    for name in sys.argv[1:] or BENCHES:
        path = RESULTS / f"{name}.json"
        for found in json.loads(path.read_text()) if path.exists() else []:
            print(line(name, Row(**found)))


def line(bench: str, row: Row) -> str:
    """A row of the table.

    Args:
        bench: the benchmark's name.
        row: what it found.
    """
    unit = "" if row.value is None else f" {row.unit}"
    cells = (
        f"{bench}: {row.name}",
        f"{number(row.value)}{unit}" if row.value is not None else "skipped",
        f"{number(row.baseline)}{unit}" if row.baseline is not None else "",
        _ratio(row.ratio),
        _ratio(row.target) if row.ratio is not None else number(row.target),
        {True: "met", False: "missed", None: ""}[row.ok],
    )
    return f"| {' | '.join(cells)} |"


def _ratio(ratio: float | None) -> str:
    if ratio is None:
        return ""
    return f"1/{number(1 / ratio)}" if 0 < ratio < _INVERTED else number(ratio)


if __name__ == "__main__":
    main()
