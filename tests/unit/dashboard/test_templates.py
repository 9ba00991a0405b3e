"""HTML is made by templates alone: they compile, need every value, and are part of the wheel."""

from __future__ import annotations

from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder
from jinja2 import TemplateAssertionError, UndefinedError
from markupsafe import Markup

from starfort.dashboard.templates import Template, environment
from tests.support.parsed import parsed

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "src/starfort/dashboard/templates"
shapes = Template("shapes.html")


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.iterdir()))
def test_every_template_compiles(name: str) -> None:
    """Each file has parts and nothing that the guard or Jinja refuses."""
    module = environment().get_template(name).module
    assert [part for part in vars(module) if not part.startswith("_")]
    assert str(module).strip() == "", "text outside of a part is never shown"


def test_templates_are_in_the_wheel() -> None:
    """A wheel without them would start and show no page."""
    packed = {each.distribution_path for each in WheelBuilder(str(ROOT)).recurse_included_files()}
    assert {f"starfort/dashboard/templates/{path.name}" for path in FOLDER.iterdir()} <= packed


@pytest.mark.parametrize("source", ["{{ x|safe }}", "{{ x|urlize }}", "{{ x|xmlattr }}", "{{ x|tojson }}"])
def test_no_filter_makes_markup(source: str) -> None:
    """A template that calls text harmless is not compiled."""
    with pytest.raises(TemplateAssertionError):
        environment().from_string(source)


def test_a_missing_value_is_an_error() -> None:
    """A part that was not given what it shows fails instead of showing a gap."""
    with pytest.raises(UndefinedError):
        shapes("badge")
    with pytest.raises(TypeError):
        shapes("badge", text="x", no_such="y")


def test_markup_of_parts_is_kept_and_text_is_escaped() -> None:
    """What a part made can be handed to another part; what somebody wrote is escaped."""
    inner = shapes("badge", text="a<")
    assert isinstance(inner, Markup)
    assert "<span" in shapes("empty", title=inner)
    assert "&lt;span" in shapes("empty", title=str(inner))


def test_templates_are_compiled_once() -> None:
    """No file is looked at again, and no template is dropped."""
    assert environment() is environment()
    assert environment().get_template("event.html") is environment().get_template("event.html")
    assert not environment().auto_reload


@pytest.mark.parametrize(
    ("total", "offset", "words"),
    [
        (3, 0, "3 entries"),
        (1, 0, "1 entry"),
        (120, 0, "1 to 50 of 120 Next →"),
        (120, 100, "← Back 101 to 120 of 120"),
    ],
)
def test_pager(total: int, offset: int, words: str) -> None:
    """A pager says where one is and leads only to pages that are there."""
    filters = {"action": "block"}
    shown = parsed(shapes("pager", path="/events", parameters=filters, total=total, limit=50, offset=offset))
    assert " ".join(shown.texts) == words
    assert all("action=block" in values["href"] for name, values in shown.elements if name == "a")


def test_counted_says_what_is_left() -> None:
    """A list of values is cut, and says by how much."""
    rows = [{"value": f"v{number}", "count": 9 - number} for number in range(5)]
    shown = parsed(shapes("counted", rows=rows, nothing="nothing", limit=3)).text
    assert "v2" in shown
    assert "v3" not in shown
    assert "and 2 more" in shown
