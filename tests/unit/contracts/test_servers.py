"""Servers and their base paths."""

from __future__ import annotations

import pytest

from starfort.contracts import Server, servers


@pytest.mark.parametrize(
    ("url", "variables", "paths"),
    [
        ("https://{host}/{env}/{base}", {"host": {"default": "a", "enum": ["a", "b"]}, "env": {"default": "prod", "enum": ["prod", "staging"]}, "base": {"default": "v2"}}, ("/prod/v2", "/staging/v2")),
        ("https://a.example/{v}", {"v": {"enum": ["v1", "v2"]}}, ("/v1", "/v2")),
        ("https://a.example/{v}", {"v": {"default": "v3", "enum": ["v1"]}}, ("/v3", "/v1")),
        ("https://a.example{path}", {"path": {"default": "/x/y", "enum": ["/x/y", "/z"]}}, ("/x/y", "/z")),
        ("{server}/v1", {"server": {"default": "https://a.example", "enum": ["https://a.example", "https://b.example/eu"]}}, ("/v1", "/eu/v1")),
        ("https://a.example/{v}", {}, ("",)),
        ("https://a.example:{port}/v1", {"port": {"default": 443, "enum": [443, 8443]}}, ("/v1",)),
        ("/{v}", {"v": {"default": 2}}, ("/2",)),
    ],
)  # fmt: skip
def test_every_listed_value_makes_a_base_path(url: str, variables: object, paths: tuple[str, ...]) -> None:
    """Defaults first; what only the host depends on makes none; a variable without a list has its default."""
    found = servers.read([{"url": url, "variables": variables}])
    assert found is not None
    assert servers.base_paths(found) == paths


def test_base_paths_are_bounded() -> None:
    """Many variables with many values give a bounded number, quickly."""
    many = {f"v{n}": {"default": "0", "enum": [str(value) for value in range(100)]} for n in range(8)}
    found = servers.read([{"url": "/" + "/".join(f"{{{name}}}" for name in many), "variables": many}])
    assert found is not None
    paths = servers.base_paths(found)
    assert len(paths) == servers.MAX_PATHS
    assert paths[0] == "/0/0/0/0/0/0/0/0"


@pytest.mark.parametrize("found", [None, [], {}, "x", 7])
def test_no_list_is_none(found: object) -> None:
    """So that the servers above count."""
    assert servers.read(found) is None


def test_what_is_no_server_is_left_out() -> None:
    """And the root is the base path of nothing."""
    assert servers.read([7, {}, {"url": 8}, {"url": "/a", "variables": 9}]) == (Server("/a"),)
    assert servers.base_paths(()) == ("",)
