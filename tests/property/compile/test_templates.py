"""Templates are compared in Python as the engine matches them."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from starfort import _engine
from starfort.bundle.model import Endpoint
from starfort.compile.templates import TemplateSet, fits, shape
from tests.unit.engine.test_engine import explain, made

TEXTS = st.text("ab.-", max_size=2)
TEMPLATES = st.lists(TEXTS, min_size=1, max_size=4).map("{p}".join)


@given(template=TEMPLATES, segment=st.text("ab.-", min_size=1, max_size=8))
def test_a_segment_fits_where_the_engine_finds_it(template: str, segment: str) -> None:
    """Python and the engine agree on what a segment with text around its parameters matches."""
    assume(template)
    path = _engine.normalise_path(f"/x/{segment}")
    file = made(endpoints=(Endpoint("1", 0, "GET", f"/x/{template}"),))
    told = explain(file, url=f"https://shop.example.com{path}")
    found = told["endpoint"] is not None and not told["readings"]
    segments = path.split("/")
    fitting = len(segments) == 3 and fits(shape(template), segments[2])
    assert found == fitting or told["readings"], (template, segment)


@given(
    wide=TEMPLATES,
    narrow=TEMPLATES,
    values=st.lists(st.text("ab", min_size=1, max_size=2), min_size=3, max_size=3),
)
def test_what_covers_a_template_matches_whatever_it_matches(
    wide: str, narrow: str, values: list[str]
) -> None:
    """A template that is said to cover another one fits each of its paths."""
    templates = TemplateSet()
    templates.add(f"/{wide}", "GET", 0)
    if templates.covering(f"/{narrow}", "GET") is None:
        return
    concrete = shape(narrow)
    for value in values:
        concrete = concrete.replace("{}", value, 1)
    assert fits(shape(wide), concrete), (wide, narrow, concrete)
