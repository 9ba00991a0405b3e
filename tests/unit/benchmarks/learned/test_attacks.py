"""Anomalies are anomalies, and benign posts are none."""

from __future__ import annotations

import pytest
from benchmarks.learned.attacks import KINDS, spoil
from benchmarks.learned.forms import PAGES, Person
from benchmarks.learned.measure import drawing


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_anomaly_changes_the_post(kind: str) -> None:
    """A spoiled post differs from the benign one that it was made of, on each page."""
    person = Person(drawing(1), 1.0)
    for page in PAGES * 20:
        post = page.fill(person)
        assert spoil(kind, page, post, person.random) != post


def test_words_are_kept_back_while_learning() -> None:
    """Later posts have values that no post had while learning."""

    def values(share: float) -> set[str]:
        person = Person(drawing(1), share)
        return {PAGES[0].fill(person)["city"] for _ in range(3000)}

    assert values(0.7) < values(1.0)
