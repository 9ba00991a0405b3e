"""Which virtual host and route a request takes, without Envoy."""

from __future__ import annotations

import re
from itertools import product

import pytest

from starfort.dataplane.envoy.route import HIDDEN_DOTS, covers


@pytest.mark.parametrize(
    ("pattern", "host", "expected"),
    [
        ("*", "a.test", True), ("*", "*.a.test", True), ("*", "*", True), ("a.test", "a.test", True),
        ("a.test", "b.test", False), ("*.test", "a.test", True), ("*.test", "*.a.test", True),
        ("*.test", "*.test", True), ("*.a.test", "*.test", False), ("*.test", "test", False),
        ("*.test", "*", False), ("a.test", "*.test", False), ("*.test", "atest", False),
    ],
)  # fmt: skip
def test_a_pattern_covers_what_it_names(pattern: str, host: str, expected: bool) -> None:
    """A pattern covers a host when every name of the host is one of the pattern."""
    assert covers(pattern, host) is expected


def test_dot_segments_beside_encoded_slashes_are_found() -> None:
    """Each way to write one, first or last, and nothing that is only close to one."""
    found = re.compile(HIDDEN_DOTS)
    slashes, dots = ("%2f", "%2F", "%5c", "%5C"), (".", "..", "%2e", "%2E.", ".%2e")
    for slash, dot in product(slashes, dots):
        for path in (
            f"/a{slash}{dot}",
            f"/a{slash}{dot}/b",
            f"/a/{dot}{slash}b",
            f"/a{slash}{dot}{slash}b",
            f"/a{slash}{dot};x/b",
        ):
            assert found.fullmatch(path), path
    for dot, semicolon in product(dots[1:2] + dots[3:], (";", "%3b", "%3B")):
        for path in (f"/a/{dot}{semicolon}/b", f"/a/{dot}{semicolon}x=1/b", f"/{dot}{semicolon}"):
            assert found.fullmatch(path), path
    for path in (
        "/a;..;x/b",
        "/a/..b;x",
        "/a/b;x=..",
        "/a/...;x",
        "/a/.well-known;x",
        "/",
        "/a/b",
        "/a%2fb",
        "/a%2f...",
        "/a%2f.b",
        "/a..%2fb",
        "/a.%2fb",
        "/%2f",
        "/a%5cb",
        "/...",
    ):
        assert not found.fullmatch(path), path
