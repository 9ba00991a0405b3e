"""`learned`: anomalies of form posts that the learned contract finds, and benign posts that it refuses."""

from __future__ import annotations

from typing import Final

from benchmarks.learned.measure import measure
from benchmarks.report import Row, figure

MAX_FALSE: Final = 0.3
"""Benign posts that may break what was learned, in percent."""

MIN_FOUND: Final = 90
"""Anomalies that should break it, in percent."""


async def run() -> list[Row]:
    """Measure with little and with much to learn from."""
    rows = []
    for posts in (600, 2_000, 20_000):
        found = measure(posts)
        false = 100 * found.false / found.benign
        caught = 100 * found.found.total() / found.anomalies.total()
        rows.append(figure(f"benign posts refused, {posts:,} learned", false, "%", MAX_FALSE))
        rows.append(figure(f"anomalies found, {posts:,} learned", caught, "%", MIN_FOUND, at_least=True))
    rows += [
        figure(f"found of {kind}", 100 * found.found[kind] / count, "%")
        for kind, count in sorted(found.anomalies.items())
    ]
    return rows
