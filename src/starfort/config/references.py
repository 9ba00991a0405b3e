"""Checks between the parts of a configuration: names that must exist, and names that must be unique."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from starfort.config.paths import unreadable

if TYPE_CHECKING:
    from starfort.config.action_settings import Kind
    from starfort.config.listeners import ListenerTls
    from starfort.config.model import Config
    from starfort.config.problems import ConfigProblem
    from starfort.config.yaml_file import Location, YamlFile


class _Named(Protocol):
    """A part of the configuration that others refer to by its name."""

    @property
    def name(self) -> str: ...


def check(config: Config, source: YamlFile) -> Iterator[ConfigProblem]:
    """Problems between parts: unknown names, duplicates, overlaps, files that cannot be read."""
    # All problems are reported and not only the first, so that people can correct them in one round.
    for section in ("listeners", "upstreams", "apis", "lists", "responses", "policies", "sources"):
        yield from _unique(source, (section,), getattr(config, section))
    yield from _unique(source, ("identity", "jwt"), config.identity.jwt)
    yield from _apis(config, source)
    yield from _policies(config, source)
    yield from _rules(config, source)
    yield from _listeners(config, source)
    yield from unreadable(config, source)


def _unique(source: YamlFile, location: Location, items: Sequence[_Named]) -> Iterator[ConfigProblem]:
    seen: dict[str, int] = {}
    for index, item in enumerate(items):
        if item.name in seen:
            line, _ = source.position((*location, seen[item.name], "name"))
            yield source.problem(
                (*location, index, "name"), f"{item.name!r} is already the name of another ({line=})"
            )
        # The first one stays, so that every later one is reported together with it.
        seen.setdefault(item.name, index)


def _known(
    source: YamlFile, location: Location, what: str, name: str, known: Iterable[str]
) -> Iterator[ConfigProblem]:
    names = list(known)
    if name not in names:
        close = difflib.get_close_matches(name, names, 1)
        fix = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(names) or 'none'}"
        yield source.problem(location, f"there is no {what} {name!r}", fix)


def _apis(config: Config, source: YamlFile) -> Iterator[ConfigProblem]:
    upstreams = [upstream.name for upstream in config.upstreams]
    providers = [provider.name for provider in config.identity.jwt]
    mounts: dict[tuple[str, str], str] = {}
    for index, api in enumerate(config.apis):
        here: Location = ("apis", index)
        yield from _known(source, (*here, "upstream"), "upstream", api.upstream, upstreams)
        for number, name in enumerate(api.authentication):
            yield from _known(source, (*here, "authentication", number), "JWT provider", name, providers)
        if api.contract is not None and api.contract.source == "document" and api.openapi is None:
            what = f"{api.name!r} has no document that its contract could come from"
            fix = "give openapi, or write source: learned"
            yield source.problem((*here, "contract"), what, fix)
        for host in api.hosts:
            for path in api.base_paths:
                # Names of hosts have no case (RFC 9110, section 4.2.3), and `/a/` holds what `/a` does.
                mount = (host.lower(), path.rstrip("/") or "/")
                # The same mount twice within one API does no harm.
                if mount in mounts and mounts[mount] != api.name:
                    what = f"{mount[0]}{mount[1]} already belongs to the API {mounts[mount]!r}"
                    yield source.problem((*here, "hosts"), what, "give one of them another host or base path")
                mounts[mount] = api.name


def _policies(config: Config, source: YamlFile) -> Iterator[ConfigProblem]:
    known: dict[Kind, list[str]] = {
        "upstream": [upstream.name for upstream in config.upstreams],
        "response": [response.name for response in config.responses],
        "sensitive class that is looked for,": list(config.sensitive.classes),
    }
    apis = [api.name for api in config.apis]
    for index, policy in enumerate(config.policies):
        here: Location = ("policies", index)
        # A policy for an API that does not exist would never act, and nobody would notice. Endpoints are not
        # checked here: the catalogue learns endpoints from traffic that no file names.
        for number, name in enumerate(policy.apis or []):
            yield from _known(source, (*here, "apis", number), "API", name, apis)
        for place, kind, name in policy.action.names():
            yield from _known(source, (*here, "action", *place), kind, name, known[kind])


def _rules(config: Config, source: YamlFile) -> Iterator[ConfigProblem]:
    apis = [api.name for api in config.apis]
    rules = config.rules
    yield from _unique(source, ("rules", "patches"), rules.patches)
    named = {
        "scopes": [scope.api for scope in rules.scopes],
        "exclusions": [exclusion.api for exclusion in rules.exclusions],
        "patches": [patch.api for patch in rules.patches],
    }
    for section, names in named.items():
        for index, name in enumerate(names):
            if name is not None:
                yield from _known(source, ("rules", section, index, "api"), "API", name, apis)


def _listeners(config: Config, source: YamlFile) -> Iterator[ConfigProblem]:
    # The REST API listens too, so no listener may have its address.
    seen: dict[str, str] = {config.admin.address: "admin"}
    for index, listener in enumerate(config.listeners):
        if listener.address in seen:
            what = f"{listener.address} is already taken by {seen[listener.address]!r}"
            yield source.problem(("listeners", index, "address"), what)
        seen[listener.address] = listener.name
    for index, each in enumerate(config.sources):
        kind = "mirror" if each.mirror is not None else "envoy_access_log"
        listening = each.mirror or each.envoy_access_log
        if listening is not None and listening.address in seen:
            what = f"{listening.address} is already taken by {seen[listening.address]!r}"
            yield source.problem(("sources", index, kind, "address"), what)
        if listening is not None:
            seen[listening.address] = each.name
    served: list[tuple[Location, ListenerTls | None]] = [(("admin",), config.admin.tls)]
    served += [(("listeners", index), listener.tls) for index, listener in enumerate(config.listeners)]
    for place, tls in served:
        if tls is not None and tls.client_certificate == "required" and tls.client_ca is None:
            what = "client_certificate: required needs client_ca"
            yield source.problem((*place, "tls", "client_certificate"), what)
