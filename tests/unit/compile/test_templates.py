"""Path templates."""

import pytest

from starfort.compile.templates import TemplateSet, shape


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/users/{id}", "/users/{userId}"),
        ("/users/{id}/", "/users/{x}"),
        ("/report-{year}.csv", "/report-{y}.csv"),
        ("/a/{b}-{c}", "/a/{x}-{y}"),
        ("/", "/"),
    ],
)
def test_names_of_parameters_do_not_count(one: str, other: str) -> None:
    """Templates that match the same paths have one shape."""
    assert shape(one) == shape(other)


@pytest.mark.parametrize(
    ("one", "other"), [("/users/{id}", "/users/id"), ("/a", "/A"), ("/x-{a}", "/{a}"), ("/", "/a")]
)
def test_other_templates_have_other_shapes(one: str, other: str) -> None:
    """Text and letter case count."""
    assert shape(one) != shape(other)


@pytest.mark.parametrize(
    ("path", "method", "wanted"),
    [
        ("/users/7", "GET", 0),
        ("/users/{x}", "GET", 0),
        ("/users/me", "GET", 1),
        ("/users/me/posts", "GET", 2),
        ("/files/a.csv", "POST", 3),
        ("/files/a.csv", "GET", 3),
        ("/files/.csv", "GET", None),
        ("/users/7", "POST", None),
        ("/users", "GET", None),
        ("/users/7/8", "GET", None),
        ("/users/7", "*", None),
        ("/files/a.csv", "*", 3),
    ],
)
def test_the_narrowest_template_covers(path: str, method: str, wanted: int | None) -> None:
    """Concrete segments before parameters, going back where that leads nowhere."""
    templates = TemplateSet()
    known = [
        ("/users/{id}", "GET"),
        ("/users/me", "GET"),
        ("/users/{id}/posts", "GET"),
        ("/files/{name}.csv", "*"),
    ]
    for index, (template, of) in enumerate(known):
        templates.add(template, of, index)
    assert templates.covering(path, method) == wanted


def test_going_back_is_bounded() -> None:
    """A set that was made to be slow gives up."""
    templates = TemplateSet()
    for number in range(2**10):
        bits = f"{number:010b}"
        templates.add("".join("/{a}x" if bit == "1" else "/{a}" for bit in bits), "GET", number)
    assert templates.covering("/xx" * 10 + "/end", "GET") is None
