"""Values stand only where escaping makes them harmless, and links stay within the site."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, TemplateSyntaxError

from starfort.dashboard.guard import Guard, own_address, whole_number
from tests.support.parsed import parsed

TEXTS = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), min_size=1)


@pytest.fixture(scope="module")
def environment() -> Environment:
    """Templates with the guard alone."""
    made = Environment(autoescape=True, extensions=[Guard])
    made.globals = {"own_address": own_address, "whole_number": whole_number}
    return made


@given(TEXTS)
def test_any_text_stays_text(text: str) -> None:
    """A browser's parser finds the same text and no further element, in content and in attributes."""
    made = Environment(autoescape=True, extensions=[Guard])
    found = parsed(made.from_string('<td title="{{ text }}">{{ text }}</td>').render(text=text))
    assert found.text == text
    assert found.elements == [("td", {"title": text})]


@pytest.mark.parametrize(
    "source",
    [
        "<a title={{ x }}>",
        "<a {{ x }}>",
        "<{{ x }}>",
        "<a title='{{ x }}'>",
        '<a onclick="{{ x }}">',
        '<a ONCLICK="f({{ x }})">',
        "<script>{{ x }}</script>",
        '<script src="/a.js">{{ x }}</script>',
        "<style>p { color: {{ x }} }</style>",
        '<a href="javascript:{{ x }}">',
        '<a href="/{{ x }}">',
        '<a href="//{{ x }}">',
        '<a href="{{ x }}{{ x }}">',
        '<a href="{% if x %}{{ x }}{% else %}{{ y }}{% endif %}">',
        '<img src="data:text/html;base64,{{ x }}">',
        '<a href="data:image/png;base64,{{ x }}">',
        "{% autoescape false %}{{ x }}{% endautoescape %}",
    ],
)
def test_where_no_value_may_stand(environment: Environment, source: str) -> None:
    """A template with a value where escaping does not help is not compiled at all."""
    with pytest.raises(TemplateSyntaxError):
        environment.from_string(source)


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
@pytest.mark.parametrize("source", ['<a href="{{ x }}">', '<img src="{{ x }}">', '<form action="{{ x }}">'])
def test_links_stay_here(environment: Environment, source: str, target: str) -> None:
    """A link to another site or scheme is refused when the page is made."""
    with pytest.raises(ValueError, match="within this site"):
        environment.from_string(source).render(x=target)


@pytest.mark.parametrize("target", ["/", "/events?path=a//b", "?range=1h", "#main"])
def test_links_within_the_site(environment: Environment, target: str) -> None:
    """Paths, queries and fragments are fine."""
    assert environment.from_string('<a href="{{ x }}">').render(x=target) == f'<a href="{target}">'


def test_a_choice_of_links(environment: Environment) -> None:
    """Whichever of two links is chosen, it is checked."""
    template = environment.from_string('<a href="{{ x if x else y }}">')
    assert template.render(x="/a", y="/c") == '<a href="/a">'
    with pytest.raises(ValueError, match="within this site"):
        template.render(x="", y="javascript:1")


def test_a_segment_of_a_page(environment: Environment) -> None:
    """A value behind a page's own path cannot leave it."""
    made = environment.from_string('<a href="/alerts/{{ x }}">').render(x="//e.example")
    assert made == '<a href="/alerts///e.example">'


def test_styles_take_whole_numbers(environment: Environment) -> None:
    """A text in a style could load something or cover the page, so only numbers are written there."""
    template = environment.from_string('<i style="width:{{ x }}%"></i>')
    assert template.render(x=7) == '<i style="width:7%"></i>'
    with pytest.raises(TypeError):
        template.render(x="7;background:url(//e.example)")


def test_line_breaks_between_elements_go(environment: Environment) -> None:
    """Line breaks lay the source out and make no blanks; blanks within a line stay."""
    source = "<p>\n  <b>a</b>\n  {{ x }} {{ x }}\n  c\n  d\n</p>"
    assert environment.from_string(source).render(x="<") == "<p><b>a</b>&lt; &lt;c d</p>"
