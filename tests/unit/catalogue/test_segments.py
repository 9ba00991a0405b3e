"""What the segments of a path become: words, versions, and parts with holes where values are."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starfort.catalogue.segments import (
    MAX_PATH,
    fill,
    frame_of,
    holes,
    is_value,
    shape_of,
    slugged,
    without_matrix,
    word_frame,
)

SHAPES = {
    # OData keys
    "/odata/Products(1)": "/odata/Products({integer})",
    "/odata/Products(3)/Category": "/odata/Products({integer})/Category",
    "/odata/Orders(CustomerId='ALFKI',Id=3)": "/odata/Orders({key})",
    "/odata/Products()": "/odata/Products()",
    # matrix parameters
    "/v1/cars;color=red;year=2019/parts": "/v1/cars/parts",
    "/v1/users/42;v=1": "/v1/users/{integer}",
    # several values in one segment
    "/t/3-4-5.png": "/t/{integer}-{integer}-{integer}.png",
    "/range/1...15": "/range/{integer}...{integer}",
    "/compare/main...dev": "/compare/{name}...{name}",
    "/days/2026-01..2026-03": "/days/{month}..{month}",
    "/img/640x480/cat": "/img/{integer}x{integer}/cat",
    "/img/640x480.png": "/img/{integer}x{integer}.png",
    # named and typed values
    "/data/jukebox:library/artist=a,1": "/data/jukebox:library/artist={key}",
    "/lake/year=2026/month=05": "/lake/year={integer}/month={integer}",
    "/u/user:17": "/u/user:{integer}",
    "/users/@ann/posts": "/users/@{name}/posts",
    "/~bob": "/~{name}",
    "/users/@me": "/users/@me",
    # files and formats
    "/orders/17.json": "/orders/{integer}.json",
    "/files/Annual Report (final).pdf": "/files/{text}.pdf",
    "/img/IMG_1234.jpg": "/img/{text}.jpg",
    "/static/main.3f2a1b9c.js": "/static/{text}.js",
    "/dist/foo-1.2.3.tar.gz": "/dist/{text}.tar.gz",
    "/static/main.js": "/static/main.js",
    "/schema-2020.json": "/schema-2020.json",
    "/openapi-3.json": "/openapi-3.json",
    "/v1/files/17:download": "/v1/files/{integer}:download",
    "/api/chat.postMessage": "/api/chat.postMessage",
    # versions
    "/admin/api/2026-01/products": "/admin/api/2026-01/products",
    "/2026-05-01/x": "/2026-05-01/x",
    "/orders/2026-05": "/orders/{month}",
    # what the filter has masked, and what clients write
    "/bot{masked}/sendMessage": "/bot{masked}/sendMessage",
    "/reset/{masked}": "/reset/{masked}",
    "/bot100000001:AAExampleExampleExampleExample00000/getMe": "/bot{masked}/getMe",
    "/x/{evil}": "/x/{text}",
    "/v4/projects/group%2Fapp/issues/3": "/v4/projects/{text}/issues/{integer}",
}


@pytest.mark.parametrize(("path", "shape"), SHAPES.items())
def test_values_are_found_inside_of_segments(path: str, shape: str) -> None:
    """Where the form of a segment says where its values are, the text around them stays."""
    assert shape_of(path) == shape


@pytest.mark.parametrize(
    "path", ["/x/;a", "/x/..;a/b", "/x/.;a", "/a//b", "a", "/a" * 21, "/" + "a" * MAX_PATH]
)
def test_paths_that_servers_read_differently_are_not_learned(path: str) -> None:
    """A path that is cut, too deep, or hides dots and empty segments behind a semicolon has no shape."""
    assert shape_of(path) is None


def test_frames_are_parts_with_empty_holes() -> None:
    """A part, its frame, and the segment of a template that has this frame belong together."""
    assert (frame_of("Products({integer})"), frame_of("{hex}.json"), frame_of("me")) == (
        "Products({})",
        "{}.json",
        "me",
    )
    assert (is_value("Products({integer})"), is_value("Products")) == (True, False)
    assert (word_frame("summary.json"), word_frame("summary")) == ("{}.json", "{}")
    assert slugged("{}.json") == "{slug}.json"
    assert fill("{}-{}.png", ["x", "y"]) == "{x}-{y}.png"
    assert holes("{}...{}") == 2
    assert without_matrix("cars;color=red") == "cars"


@given(st.text(alphabet="a1-_.:;=()@~%xX{}9 é'", max_size=40))
def test_text_of_clients_never_makes_a_hole(text: str) -> None:
    """Braces in a part are holes that Starfort made: a client's own never reach a template."""
    shape = shape_of("/a/" + text.replace("/", ""))
    for part in (shape or "/").split("/"):
        assert "{" not in frame_of(part).replace("{}", "")
        assert "}" not in frame_of(part).replace("{}", "")


@pytest.mark.parametrize(
    "unit", ["1", "a", "a1", ".", "..", "-1", "1-", "a=", "(", "()", "1.", "_a1", ":", "A1-", "=", "@a."]
)
def test_hostile_segments_cost_little(unit: str) -> None:
    """No form of a long segment makes the regular expressions go back and forth."""
    path = "/" + (unit * MAX_PATH)[: MAX_PATH - 1]
    began = time.process_time()
    for ending in ("", "!", "a", "1", "."):
        shape_of(path[: MAX_PATH - 1] + ending)
    assert time.process_time() - began < 0.25
