"""The order in which files change: at no step does something in force refer to what is not there."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from starfort.base.addresses import SocketAddress
from starfort.dataplane import ir
from starfort.dataplane.envoy.publish import _steps
from starfort.dataplane.envoy.resources import render

Files = dict[str, dict[str, Any]]

HERE = SocketAddress("127.0.0.1", 1)


def dataplane(upstreams: str, providers: str = "", key: str = "") -> ir.Dataplane:
    """APIs for upstreams of one letter each, every one with every provider; `key`: TLS with this fingerprint."""
    pair = ir.KeyPair(Path("/c"), Path("/k"), key)
    return ir.Dataplane(
        node="test",
        directory=Path("/d"),
        admin_socket=Path("/a"),
        workers=0,
        listeners=(ir.Listener("public", HERE, ir.ServerTls(pair) if key else None),),
        upstreams=tuple(ir.Upstream(name, (HERE,)) for name in upstreams),
        apis=tuple(ir.Api(name, ("*",), (f"/{name}",), name, tuple(providers)) for name in upstreams),
        diverts=tuple(upstreams[:1]),
        jwt_providers=tuple(ir.JwtProvider(name, name, (), "{}") for name in providers),
        filter_settings=ir.FilterSettings(Path("/b"), Path("/s"), True),
        limits=ir.ListenerLimits(200, 96, 1000, 1 << 30),
    )


def strings(node: Any, key: str) -> set[str]:
    """Every text under a key, anywhere."""
    if isinstance(node, dict):
        own = {node[key]} if isinstance(node.get(key), str) else set()
        return own.union(*(strings(value, key) for value in node.values()))
    return set().union(*(strings(value, key) for value in node)) if isinstance(node, list) else set()


def dangling(files: Files) -> set[str]:
    """What something in these files names and nothing in them is."""
    routes, listeners = files["routes.json"], files["listeners.json"]
    clusters = {one["name"] for one in files["clusters.json"]["resources"]}
    found = strings(routes, "cluster") - clusters
    uses_jwt = "jwt.json" in str(listeners)
    if uses_jwt:
        jwt = files["jwt.json"]["resources"][0]["typed_config"] if "jwt.json" in files else {}
        found |= strings(routes, "requirement_name") - set(jwt.get("requirement_map", {}))
        found |= set() if jwt else {"jwt.json"}
    names = {name.removeprefix("secrets/").removesuffix(".json") for name in files if "secrets/" in name}
    return found | {name for name in strings(listeners, "name") if name.endswith("-key-pair")} - names


STATES = {
    "one": dataplane("a"),
    "other": dataplane("b"),
    "both": dataplane("ab", "x"),
    "jwt": dataplane("b", "xy"),
    "tls": dataplane("bc", "y", key="1"),
    "tls again": dataplane("bc", "y", key="2"),
}


@pytest.mark.parametrize(("before", "after"), list(itertools.permutations(STATES, 2)))
def test_nothing_in_force_refers_to_what_is_gone(before: str, after: str) -> None:
    """From any state to any other, and in the end everything is as it should be."""
    old, new = render(STATES[before]).files, render(STATES[after]).files
    files = dict(old)
    for step in _steps(old, new):
        files |= step
        assert dangling(files) == set()
    assert {name: files[name] for name in new} == new


def test_a_change_of_content_behind_a_secret_changes_only_the_secret() -> None:
    """A rotated certificate concerns no listener, route or cluster."""
    old, new = render(STATES["tls"]).files, render(STATES["tls again"]).files
    assert [name for name in new if new[name] != old[name]] == ["secrets/listener-public-key-pair.json"]
