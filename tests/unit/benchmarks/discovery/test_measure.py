"""How discovery is measured."""

from __future__ import annotations

from benchmarks.discovery.documents import Document, Operation
from benchmarks.discovery.measure import merged, score

IDS = Document(
    "ids",
    [
        Operation("GET", "/orders/{orderId}", {"orderId": {"type": "integer"}}, "", ""),
        Operation("GET", "/orders", {}, "", ""),
    ],
)


def test_values_by_form_are_found_at_once() -> None:
    """Everything is right, nothing vanishes, and noise leaves nothing."""
    found = score(IDS, 500)
    assert (found.f1, found.precision, found.recall) == (1, 1, 1)
    assert (found.wanted, found.vanished, found.noise, found.wrong) == (2, 0, 0, [])


def test_what_is_wrong_is_named() -> None:
    """A parameter of two words looks like two fixed segments."""
    kinds = Document(
        "kinds", [Operation("GET", "/api/search/{kind}", {"kind": {"enum": ["users", "teams"]}}, "", "")]
    )
    found = score(kinds, 500)
    assert (found.right, found.found, found.wanted) == (0, 2, 1)
    assert "- kinds GET /api/search/{}" in found.wrong


def test_nothing_is_merged_where_nothing_is_a_value() -> None:
    """Each operation once."""
    found = merged(IDS)
    assert (found.paths, found.lost, found.documents) == (2, 0, 0)
