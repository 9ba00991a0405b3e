"""The text of shapes is read, and what is none is refused."""

import pytest

from starfort.catalogue.schemas.shape import MAX_BYTES, greatest_number, least_number, longest, read


def test_shapes_of_the_known_version_are_read() -> None:
    """A shape is a JSON object of version 1."""
    assert read('{"v":1,"b":["n"]}') == {"v": 1, "b": ["n"]}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "1", '{"v":2}', "[" * 100_000, '{"v":1,"x":"' + "a" * MAX_BYTES + '"}']
)
def test_what_is_no_shape_is_refused(text: str) -> None:
    """Broken, nested, unknown and long texts are none."""
    with pytest.raises(ValueError, match=r"Expecting|shape"):
        read(text)


def test_lengths_are_exact_when_short() -> None:
    """Lengths to 15 are exact; longer ones stand for a span of an eighth at most."""
    assert [longest(length) for length in (0, 15, 16, 36, 960)] == [0, 15, 17, 39, 1023]


@pytest.mark.parametrize(
    ("size", "least", "greatest"), [(0, 0, 1), (1, 1, 2), (3, 4, 8), (-1, -1, 0), (-2, -2, -1), (-3, -4, -2)]
)
def test_magnitudes_are_spans(size: int, least: int, greatest: int) -> None:
    """A magnitude stands for the numbers between two powers of two."""
    assert (least_number(size), greatest_number(size)) == (least, greatest)
