"""Evidence is joined like sets, whatever it is and in whatever order it came."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from starfort.catalogue.schemas.evidence import Evidence
from starfort.catalogue.schemas.record import REQUEST, Record
from starfort.catalogue.schemas.support import Support, Trust, join

TRUST = Trust(callers=2, apart_s=50)

_SUPPORTS = st.tuples(st.integers(1, 5), st.integers(0, 100)).map(
    lambda one: Support((one[0],), one[1], one[1])
)

_LEAVES = st.one_of(
    st.sampled_from(["n", "b", "f"]),
    st.tuples(st.just("i"), st.integers(-3, 5), st.integers(-3, 5), st.just(["00000000000000aa"])).map(list),
    st.tuples(st.just("d"), st.integers(-3, 5), st.integers(-3, 5)).map(list),
    st.tuples(
        st.sampled_from("sp"), st.sampled_from(["", "uuid", "integer"]), st.integers(0, 9), st.integers(0, 9), st.text("aA0-", max_size=3),
    ).map(list),
)  # fmt: skip


def _containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    members = st.dictionaries(st.sampled_from("xyz*"), inner, max_size=3)
    objects = members.flatmap(
        lambda found: st.lists(st.sampled_from(sorted(found) or ["x"]), max_size=2, unique=True).map(
            lambda optional: [["o", found, [name for name in optional if name in found]]]
        )
    )
    lists = inner.map(lambda items: [["a", 0, 3, items]])
    return st.one_of(objects, lists)


SHAPES = st.recursive(st.lists(_LEAVES, min_size=1, max_size=2), _containers, max_leaves=8)

EVIDENCE = st.lists(st.tuples(SHAPES, _SUPPORTS), max_size=6)


def _of(shown: list[tuple[Any, Support]]) -> Evidence:
    found = Evidence()
    for shape, support in shown:
        found.add(shape, support, TRUST)
    return found


def _merged(*parts: Evidence) -> Evidence:
    found = copy.deepcopy(parts[0])
    for part in parts[1:]:
        found.merge(part, TRUST)
    return found


@settings(max_examples=200, deadline=None)
@given(one=EVIDENCE, two=EVIDENCE, three=EVIDENCE)
def test_merging_is_a_join(one: Any, two: Any, three: Any) -> None:
    """Merging is commutative, associative and idempotent."""
    a, b, c = _of(one), _of(two), _of(three)
    assert _merged(a, b) == _merged(b, a)
    assert _merged(_merged(a, b), c) == _merged(a, _merged(b, c))
    assert _merged(a, a) == a
    assert _merged(_merged(a, b), b) == _merged(a, b)


@settings(max_examples=200, deadline=None)
@given(shown=EVIDENCE, data=st.data())
def test_the_order_of_shapes_does_not_matter(shown: Any, data: st.DataObject) -> None:
    """Shapes taken over in any order, at once or in parts, give the same evidence."""
    other = data.draw(st.permutations(shown))
    cut = data.draw(st.integers(0, len(other)))
    whole, parts = _of(shown), _merged(_of(other[:cut]), _of(other[cut:]))
    assert _of(other) == whole
    # How many messages were seen is a number of each source, and a merge takes the greater one.
    assert _without_counts(parts) == _without_counts(whole)


def _without_counts(found: Evidence) -> Evidence:
    for one in found.walk():
        one.seen = 0
    return found


@given(one=_SUPPORTS, two=_SUPPORTS, three=_SUPPORTS)
def test_supports_are_joined_like_sets(one: Support, two: Support, three: Support) -> None:
    """Whether a fact is trusted does not depend on the order in which it was shown."""
    left = join(join(one, two, TRUST), three, TRUST)
    assert left == join(one, join(two, three, TRUST), TRUST) == join(join(three, one, TRUST), two, TRUST)
    assert join(one, one, TRUST) == one or join(one, one, TRUST) is None


@given(shown=EVIDENCE)
def test_evidence_survives_the_database(shown: Any) -> None:
    """What is written to the database is read again as it was."""
    record = Record()
    for body, support in shown:
        record.add(REQUEST, {"v": 1, "b": body}, "application/json", support, TRUST)
    again = Record.from_json(record.to_json())
    assert again.to_json() == record.to_json()
    assert again == record
