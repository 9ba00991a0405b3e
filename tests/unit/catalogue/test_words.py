"""What the form of a word says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starfort.catalogue.words import FEATURES, dictionary, form, tokens


def of(word: str, feature: str) -> float:
    """One number of a word's form."""
    return form(word)[FEATURES.index(feature)]


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("getUserById", ["get", "user", "by", "id"]),
        ("line-items", ["line", "items"]),
        ("chat.postMessage", ["chat", "post", "message"]),
        ("HTTPServer2", ["http", "server", "2"]),
        ("größe", ["gr", "e"]),
    ],
)
def test_words_are_taken_apart(word: str, found: list[str]) -> None:
    """At capitals, digits and signs."""
    assert tokens(word) == found


def test_words_of_apis_are_known() -> None:
    """Words that many providers use weigh more than rare ones, and names are not among them."""
    known = dictionary()
    assert known["users"] > known["webhooks"] > 0
    assert "caroline" not in known
    assert of("users", "rarest_token") > of("zzyzx", "rarest_token") == 0


def test_words_that_are_written_together_are_recognised() -> None:
    """`searchusers` is made of known words; random letters are not."""
    assert of("searchusers", "covered") == 1
    assert of("xqzvkjw", "covered") == 0


@given(st.text(max_size=300))
def test_any_word_has_a_form(word: str) -> None:
    """As many finite numbers as there are names for them."""
    found = form(word)
    assert len(found) == len(FEATURES)
    assert all(abs(number) < 1e6 for number in found)
