"""The parts of an endpoint's requests and answers."""

from __future__ import annotations

from starfort.catalogue.schemas.record import MAX_SIDES, MAX_TYPES, REQUEST, Record
from tests.support.records import TRUST, add, members_of, request, text, usual


def test_media_types_are_bounded() -> None:
    """Of types that callers make up, few are kept; those of several callers stay."""
    record = usual(request(members_of(state=text())))
    for number in range(100):
        add(record, request(members_of(x=["n"])), caller=77, time_s=number, media_type=f"text/x{number}")
    side = record.sides[REQUEST]
    assert "application/json" in side.bodies
    assert len(side.types) <= MAX_TYPES
    assert set(side.bodies) <= set(side.types)


def test_statuses_are_bounded() -> None:
    """An endpoint has so many statuses at most."""
    record = Record()
    for status in range(200, 600):
        add(record, {"v": 1}, caller=1, time_s=0, side=str(status))
    assert len(record.sides) == MAX_SIDES


def test_a_merge_has_what_both_have() -> None:
    """Merging takes over sides, places and bodies, and changes nothing that is there already."""
    one, two = usual(request(members_of(a=text()))), usual(request(q=members_of(page=text())))
    two.merge(usual({"v": 1, "b": members_of(id=["b"]), "f": "json"}, side="200"), TRUST)
    one.merge(two, TRUST)
    again = Record.from_json(one.to_json())
    again.merge(two, TRUST)
    assert set(one.sides) == {REQUEST, "200"}
    assert set(one.sides[REQUEST].types) == {"application/json", "-"}
    assert again == one
