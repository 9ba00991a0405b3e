"""What is learned from a path finds that path again in the engine."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from starfort import _engine
from starfort.bundle.model import Endpoint
from starfort.catalogue.evidence import Calls
from starfort.catalogue.segments import shape_of
from starfort.catalogue.templates import learn
from tests.support.paths import PATHS
from tests.unit.engine.test_engine import explain, made


@given(written=st.lists(PATHS, min_size=1, max_size=6))
def test_the_engine_finds_the_template_that_was_learned(written: list[str]) -> None:
    """A call of a learned path belongs to a learned endpoint, of the very template unless another one fits too."""
    paths = {path: _engine.normalise_path(path) for path in written}
    shapes = {path: shape for path, normal in paths.items() if (shape := shape_of(normal)) is not None}
    learned = learn({shape: {"GET": Calls()} for shape in shapes.values()})
    templates = sorted({one.template for one in learned.values()})
    file = made(endpoints=tuple(Endpoint(str(n), 0, "GET", template) for n, template in enumerate(templates)))
    for path, shape in shapes.items():
        told = explain(file, url=f"https://shop.example.com{paths[path]}")
        assert told["endpoint"] is not None, (path, paths[path], shape, learned[shape].template)
