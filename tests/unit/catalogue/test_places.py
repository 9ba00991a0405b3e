"""What is known of the words at one place."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starfort.catalogue.evidence import Calls
from starfort.catalogue.places import FEATURES, UNKNOWN, Place, context, describe
from starfort.catalogue.tree import build


def described(evidence: dict[str, dict[str, Calls]]) -> dict[str, dict[str, float]]:
    """The numbers of each word at the root, by name."""
    root, facts = build(evidence, {})
    words = {part: [node] for part, node in root.children.items() if "{" not in part}
    values = [node for part, node in root.children.items() if "{" in part]
    rows = describe(Place(words, values, 1, (), facts))
    return {
        word: dict(zip(FEATURES, row, strict=True)) for word, row in zip(sorted(words), rows, strict=True)
    }


def test_evidence_becomes_numbers() -> None:
    """Calls, what is seen once, what is common below, and how answers look."""
    found = described(
        {
            "/a/list": {"GET": Calls(8, 4, answers=("x",))},
            "/b/list": {"GET": Calls(1, 1, answers=("x",))},
            "/c": {"PUT": Calls(1, 1, answers=("y",))},
            "/{integer}": {"GET": Calls(10, 5)},
        }
    )
    a, c = found["a"], found["c"]
    assert a["words"] == pytest.approx(math.log(3))
    assert a["seen_once"] == pytest.approx(2 / 3)
    assert a["new_rate"] == pytest.approx(3 / 10)
    assert a["shared_names"] == pytest.approx(2 / 3)
    assert a["beside_values"] == 1
    assert a["share_of_values"] == 0.5
    assert a["answer_alike"] == 1
    assert c["answer_alike"] == 0
    assert (a["method_alike"], c["method_alike"]) == (1, 0)
    assert a["callers_a_call"] == 0.5


def test_unknown_answers_are_neither_alike_nor_different() -> None:
    """Where answers are not read, they say nothing."""
    assert described({"/a": {"GET": Calls()}, "/b": {"GET": Calls()}})["a"]["answer_alike"] == UNKNOWN


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ((), "root"),
        (("api", "v1"), "root"),
        (("users",), "collection"),
        (("users", "{userId}"), "parameter"),
        (("status",), "else"),
    ],
)
def test_what_stands_before(template: tuple[str, ...], found: str) -> None:
    """The root, a plural, a parameter, or something else."""
    assert context(template) == found


@given(
    st.dictionaries(
        st.lists(st.text("abc{}.:-", min_size=1, max_size=4), min_size=1, max_size=3).map(
            lambda parts: "/" + "/".join(parts)
        ),
        st.dictionaries(
            st.sampled_from(["GET", "PUT"]),
            st.builds(
                Calls, st.integers(0, 10**9), st.integers(0, 64), st.floats(0, 1e10), words=st.integers(0, 9)
            ),
            min_size=1,
        ),
        min_size=1,
        max_size=30,
    )
)
def test_any_evidence_is_described_by_finite_numbers(evidence: dict[str, dict[str, Calls]]) -> None:
    """As many as there are names for them."""
    root, _ = build(evidence, {})
    if any("{" not in part for part in root.children):
        for numbers in described(evidence).values():
            assert all(math.isfinite(number) for number in numbers.values())
