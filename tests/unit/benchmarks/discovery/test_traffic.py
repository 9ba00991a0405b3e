"""Traffic made from documents."""

from __future__ import annotations

import re
from collections import Counter

from benchmarks.discovery.documents import Document, Operation
from benchmarks.discovery.traffic import DURATION_S, Traffic

DOCUMENT = Document(
    "shop",
    [
        Operation("GET", "/orders/{orderId}", {"orderId": {"type": "integer"}}, "", ""),
        Operation("GET", "/orders/by/{kind}", {"kind": {"enum": ["new", "old"]}}, "", ""),
        Operation("POST", "/orders", {}, "", ""),
    ],
)


def test_the_same_seed_gives_the_same_traffic() -> None:
    """And another seed gives other traffic."""
    assert list(Traffic(DOCUMENT, 3).calls(200)) == list(Traffic(DOCUMENT, 3).calls(200))
    assert list(Traffic(DOCUMENT, 3).calls(200)) != list(Traffic(DOCUMENT, 4).calls(200))


def test_values_are_typed_and_noise_is_refused() -> None:
    """Calls of operations match their templates, the others are a few and not answered with success."""
    calls = list(Traffic(DOCUMENT).calls(5_000))
    of_template = {
        "/orders/{orderId}": r"/orders/\d+",
        "/orders/by/{kind}": "/orders/by/(new|old)",
        "/orders": "/orders",
    }
    for call in calls:
        assert call.operation is None or re.fullmatch(of_template[call.operation.template], call.path)
        assert call.operation is not None or call.status >= 300
    others = sum(call.operation is None for call in calls) / len(calls)
    assert 0.05 < others < 0.09
    counts = Counter(call.operation.template for call in calls if call.operation)
    assert max(counts.values()) > 2 * min(counts.values())
    assert calls[-1].time_s < DURATION_S


def test_each_operation_once() -> None:
    """In any order, none twice."""
    found = [call.operation for call in Traffic(DOCUMENT).once()]
    assert sorted(one.template for one in found if one) == sorted(one.template for one in DOCUMENT.operations)
