"""Puts the APIs of a bundle into an order in which the first match is the most specific one."""

from __future__ import annotations

import graphlib
from itertools import combinations

from starfort import bundle
from starfort.config import ConfigProblem, LoadedConfig
from starfort.config.apis import Api


def in_order(loaded: LoadedConfig, problems: list[ConfigProblem]) -> list[int]:
    """Indexes of the configuration's APIs, those with the most specific hosts and base paths first.

    The engine takes the first API that matches, so the narrower of two that overlap stands first: an exact
    host before `*.example.com` before `*`, then the longer base path. Others keep their order.
    """
    apis = loaded.config.apis
    after: dict[int, set[int]] = {index: set() for index in range(len(apis))}
    for one, other in combinations(range(len(apis)), 2):
        if _is_before(apis[one], apis[other]):
            after[other].add(one)
        if _is_before(apis[other], apis[one]):
            after[one].add(other)
    # "Narrower than" does not order all APIs, because most of them do not overlap. With it, a sort by
    # comparison may put two that overlap into the wrong order, and a topological sort does not.
    sorter = graphlib.TopologicalSorter(after)
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        names = sorted({apis[index].name for index in error.args[1]})
        what = f"{' and '.join(names)} overlap so that none is the narrower one everywhere"
        fix = "split one of them, so that each has hosts and base paths of one kind"
        problems.append(loaded.source.problem(("apis", error.args[1][0]), what, fix))
        return list(after)
    order: list[int] = []
    while sorter.is_active():
        # Sorted, so that one configuration has one bundle and one version on every node.
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return order


def to_bundle(
    api: Api, limits: int | None = None, *, documented: bool = False, grpc: bool = False
) -> bundle.Api:
    """One API as the engine reads it.

    Args:
        api: the API.
        limits: index of its own limits, if it has any.
        documented: whether there is a document of it; one that is fetched may not have come yet.
        grpc: whether its upstream speaks HTTP/2.
    """
    return bundle.Api(
        name=api.name,
        hosts=tuple(host.lower() for host in api.hosts),
        base_paths=tuple(base_paths(api)),
        upstream=api.upstream,
        labels=tuple(dict.fromkeys(api.labels)),
        jwt_providers=tuple(api.authentication),
        documented=documented,
        limits=limits,
        grpc=grpc,
    )


def base_paths(api: Api) -> list[str]:
    """Base paths without a slash at the end."""
    return [path.rstrip("/") or "/" for path in api.base_paths]


def is_under(path: str, base: str) -> bool:
    """Whether a path belongs to a base path, by whole segments."""
    return base in {"/", path} or path.startswith(f"{base}/")


def _is_before(one: Api, other: Api) -> bool:
    """Whether some calls match both APIs, and `one` is the more specific one for them."""
    return any(
        _is_closer((host, path), (other_host, other_path))
        for host in one.hosts
        for path in base_paths(one)
        for other_host in other.hosts
        for other_path in base_paths(other)
    )


def _is_closer(one: tuple[str, str], other: tuple[str, str]) -> bool:
    host, path = one[0].lower(), one[1]
    other_host, other_path = other[0].lower(), other[1]
    if host == other_host:
        return path != other_path and is_under(path, other_path)
    # The host decides before the path, as in the engine: `a.example.com/` comes before `*.example.com/v1`.
    overlap = is_under(path, other_path) or is_under(other_path, path)
    return overlap and _is_below(host, other_host)


def _is_below(host: str, pattern: str) -> bool:
    """Whether every host that `host` stands for matches a wider pattern."""
    return pattern == "*" or (pattern.startswith("*") and host.endswith(pattern[1:]) and host != pattern)
