"""HTML is made in one place, and what attackers write stays text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from starfort.dashboard.markup import join, tag
from tests.support.parsed import parsed

TEXTS = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), min_size=1)


@given(TEXTS)
def test_any_text_stays_text(text: str) -> None:
    """A browser's parser finds the same text and no further element, in content and in attributes."""
    found = parsed(tag("td", text, title=text))
    assert found.text == text
    assert found.elements == [("td", {"title": text})]


def test_markup_is_kept_and_lists_are_flat() -> None:
    """What `tag` made is not escaped again; lists and None may stand in between."""
    assert str(tag("p", "a<", [tag("b", "c"), None, ["d", 5]])) == "<p>a&lt;<b>c</b>d5</p>"
    assert isinstance(join("<"), Markup)


@pytest.mark.parametrize("name", ["onclick", "onerror_", "on_load", "x y", 'a"b'])
def test_no_handlers(name: str) -> None:
    """No attribute that is a script, nor one that is no name."""
    with pytest.raises(ValueError, match="no attribute"):
        tag("a", **{name: "x"})


@pytest.mark.parametrize(
    "target",
    [
        "javascript:alert(1)",
        "//elsewhere.example/",
        "/\\elsewhere.example",
        "https://a.example/",
        "data:,x",
        "",
    ],
)
@pytest.mark.parametrize("attribute", ["href", "src", "action"])
def test_links_stay_here(attribute: str, target: str) -> None:
    """A link to another site or scheme is refused."""
    with pytest.raises(ValueError, match="within this site"):
        tag("a", **{attribute: target})


@pytest.mark.parametrize("target", ["/", "/events?path=a//b", "?range=1h", "#main"])
def test_links_within_the_site(target: str) -> None:
    """Paths, queries and fragments are fine."""
    assert f'href="{target}"' in tag("a", href=target)


def test_switched_off_attributes_are_left_out() -> None:
    """None and False leave an attribute out, True gives it without a value."""
    assert str(tag("input", required=True, autofocus=False, value=None)) == '<input required="">'
