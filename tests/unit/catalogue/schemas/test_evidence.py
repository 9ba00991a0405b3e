"""Facts of values: what is new, what grows, and what limits leave out."""

from __future__ import annotations

from typing import Any

from starfort.catalogue.schemas.evidence import MAX_HASHES, MAX_MEMBERS, MAX_UNTRUSTED, Evidence
from starfort.catalogue.schemas.shape import ANY
from starfort.catalogue.schemas.support import TRUSTED, Support
from tests.support.records import TRUST, members_of, text


def _show(found: Evidence, value: list[Any], *, caller: int = 1, time_s: int = 0) -> bool:
    return found.add(value, Support((caller,), time_s, time_s), TRUST)


def _trust(found: Evidence, value: list[Any]) -> None:
    for caller in (1, 2, 3):
        _show(found, value, caller=caller, time_s=caller * 400)


def test_only_what_is_new_grows() -> None:
    """The same value of the same caller adds nothing; of another caller it adds support."""
    found = Evidence()
    assert _show(found, text())
    assert not _show(found, text())
    assert _show(found, text(), caller=2)
    assert found.seen == 3


def test_trusted_facts_keep_no_callers() -> None:
    """Of what is trusted nothing more is kept, and nothing more grows."""
    found = Evidence()
    _trust(found, text())
    assert set(found.kinds.values()) == {TRUSTED}
    assert not _show(found, text(), caller=9, time_s=5000)


def test_a_new_member_was_missing_before() -> None:
    """A member that comes later was lacking in all objects before it, with their support."""
    found = Evidence()
    _trust(found, members_of(a=["n"]))
    _show(found, members_of(a=["n"], b=["n"]))
    assert found.lacking == {"b": TRUSTED}


def test_untrusted_members_are_bounded() -> None:
    """Of members that few callers sent, the last ones remain; trusted ones always do."""
    found = Evidence()
    _trust(found, members_of(a=["n"]))
    for number in range(1000):
        _show(found, members_of(**{f"x{number}": ["n"]}), caller=9, time_s=number)
    assert "a" in found.members
    assert len(found.members) <= MAX_UNTRUSTED + 1
    assert found.more["members"] == Support((9,), 0, 939)


def test_hundreds_of_trusted_members_are_a_map() -> None:
    """An object with more names than objects have is a map, whose values are alike."""
    found = Evidence()
    for number in range(MAX_MEMBERS + 10):
        _trust(found, members_of(**{f"x{number}": [["i", 1, number % 5]]}))
    assert ANY in found.members
    assert len(found.members) <= 10
    assert set(found.members[ANY].sizes) == {0, 1, 2, 3, 4}


def test_values_without_end_are_not_kept() -> None:
    """A field with more values than enumerations have keeps a bounded number of hashes."""
    found = Evidence()
    for number in range(500):
        _show(found, text(4, "a", "", f"{number:016x}"), caller=number)
    assert len(found.hashes) == MAX_HASHES
    assert found.more["hashes"] is not None


def test_pruning_leaves_what_is_trusted() -> None:
    """After pruning, no member is left that few callers sent, however deep."""
    found = Evidence()
    _trust(found, members_of(a=members_of(b=["n"])))
    _show(found, members_of(a=members_of(b=["n"], c=["n"]), d=["n"]))
    found.prune(TRUST)
    assert set(found.members) == {"a"}
    assert set(found.members["a"].members) == {"b"}
