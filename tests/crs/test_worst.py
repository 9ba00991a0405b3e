"""No input makes rules slow: what a byte costs does not grow with the input."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.crs.shapes import WRAPPERS, Atom, Shape, weight
from tests.crs.worst import (
    KNOWN,
    LARGE,
    SMALL,
    Inspects,
    Pipeline,
    Search,
    Whole,
    growth,
    large_bodies,
    ordinary_bodies,
    rules,
)
from tests.support.corpora import needs_corpus

pytestmark = needs_corpus("crs")

LINEAR = 2.5
"""Growth from `SMALL` to `LARGE`, four times as large: 1 when linear, 4 when quadratic; between, what machines add."""

SHAPES_TRIED = 400

LOADED_MS = 400
"""What no request may take where tests run beside other work: a figure of the idle machine is 50 ms."""


@pytest.fixture(scope="module")
def engine() -> Inspects:
    """CRS as it comes."""
    return rules()


@pytest.fixture(scope="module")
def pipeline() -> Inspects:
    """The engine without rules."""
    return Pipeline()


@pytest.mark.parametrize("shape", KNOWN, ids=str)
def test_what_was_dear_once_is_linear(shape: Shape, engine: Inspects) -> None:
    """The dearest inputs that searches found."""
    assert growth(engine, shape, enough=LINEAR) <= LINEAR


def test_a_search_finds_nothing_steep(engine: Inspects) -> None:
    """The dearest of each kind of place, of some hundred shapes; `python -m tests.crs.worst` tries more."""
    search = Search(engine)
    search.run(count=SHAPES_TRIED, seconds=30)
    dearest = search.dearest(len(WRAPPERS))
    assert len(dearest) > len(WRAPPERS) / 2
    steep = [
        (grown, str(shape)) for shape in dearest if (grown := growth(engine, shape, enough=LINEAR)) > LINEAR
    ]
    assert not steep


@pytest.mark.parametrize("shape", KNOWN, ids=str)
def test_the_rest_of_the_engine_is_linear(shape: Shape, pipeline: Inspects) -> None:
    """Parsers, detectors of sensitive data and masking, by the same inputs."""
    assert growth(pipeline, shape, enough=LINEAR) <= LINEAR


def test_the_largest_bodies_are_bounded() -> None:
    """Whatever is in them, plain or compressed: the budget of work ends it."""
    whole = Whole()
    chance = random.Random(1)  # noqa: S311 - repeatable, no secret
    slow = [
        (milliseconds, name)
        for name, kind, body, compressed in large_bodies(chance)
        if (milliseconds := whole.milliseconds(kind, body, compressed=compressed, runs=1)) > LOADED_MS
    ]
    assert not slow


def test_ordinary_large_bodies_are_within_the_limits() -> None:
    """Pictures in Base64, pages, imports, maps, texts and forms of about a megabyte and more."""
    whole = Whole()
    chance = random.Random(1)  # noqa: S311 - repeatable, no secret
    over = {
        name: limits
        for name, kind, body in ordinary_bodies(chance)
        if (limits := [code for code in whole.anomalies(kind, body) if code.endswith("_over_limit")])
    }
    assert not over


def test_dear_large_bodies_are_over_the_limit() -> None:
    """Of what each pattern has to be asked about everywhere, 8 MiB compressed are not looked at to their end."""
    whole = Whole()
    chance = random.Random(1)  # noqa: S311 - repeatable, no secret
    noise = [chance.randbytes(4).hex().encode() for _ in range(64)]
    for unit in (b"' or ${", b"../<a =", b"; ls http://1.1.1.1/"):
        text = b"".join(unit + chance.choice(noise) for _ in range(600_000))[:8_000_000]
        assert "work_over_limit" in whole.anomalies("text/plain", text, compressed=True), unit


def test_a_steep_engine_would_be_found() -> None:
    """Else the two tests above would mean nothing."""

    class Quadratic:
        def inspect(self, request: dict[str, Any], response: dict[str, Any] | None = None) -> int:
            del response
            return sum(request["body"].count(b"ab", start) for start in range(0, len(request["body"]), 16))

    assert growth(Quadratic(), Shape("text", (Atom(b"ab"),)), enough=LINEAR, tries=3) > LINEAR


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_shapes_are_as_large_as_asked(wrapper: str) -> None:
    """Small and large inputs differ fourfold, else growth would not be told."""
    small, large = (
        weight(*Shape(wrapper, (Atom(b"0123456789"),), piece).render(size))
        for size, piece in ((SMALL, 64), (LARGE, 64))
    )
    assert SMALL * 0.5 < small < SMALL * 8
    assert 3 < large / small < 5
