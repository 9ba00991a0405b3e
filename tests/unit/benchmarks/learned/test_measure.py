"""The measurement tells learned contracts that work from those that do not."""

from __future__ import annotations

from benchmarks.learned.measure import measure


def test_most_anomalies_are_found_at_few_false_ones() -> None:
    """Of a small run, nine tenths are found, and hardly any benign post is refused."""
    found = measure(posts=2_000, benign=1_200, anomalies=900)
    assert found.false <= 12, found.reasons
    assert found.found.total() >= 0.9 * found.anomalies.total(), found.found
