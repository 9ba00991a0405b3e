"""Warns of parts that nothing uses."""

from __future__ import annotations

from collections.abc import Iterator

from starfort.bundle import expression as e
from starfort.compile.walk import nodes
from starfort.compile.warnings.context import Context
from starfort.config import ConfigProblem
from starfort.config.yaml_file import Location


def unused_parts(context: Context) -> Iterator[ConfigProblem]:
    """Upstreams, providers and address lists that no API and no policy uses."""
    config = context.config
    upstreams = {api.upstream for api in config.apis}
    upstreams |= {name for policy in config.policies for name in policy.action.named("upstream")}
    for index, upstream in enumerate(config.upstreams):
        if upstream.name not in upstreams:
            what = f"no API and no policy sends anything to the upstream {upstream.name!r}"
            yield context.warning(("upstreams", index, "name"), what, "name it in an API, or remove it")
    providers = {name for api in config.apis for name in api.authentication}
    for index, provider in enumerate(config.identity.jwt):
        if provider.name not in providers:
            what = f"no API accepts tokens of the provider {provider.name!r}"
            fix = f"add it to an API: `authentication: [{provider.name}]`"
            yield context.warning(("identity", "jwt", index, "name"), what, fix)
    used = {config.lists[index].name for index in _lists(context)}
    for index, one in enumerate(config.lists):
        if one.name not in used:
            what = f"no policy asks whether somebody is on the list {one.name!r}"
            fix = f'ask for it in a policy: in_list(client.address, "{one.name}")'
            yield context.warning(("lists", index, "name"), what, fix)
    yield from _identity(context)


def _lists(context: Context) -> set[int]:
    """Indexes of the address lists that policies use."""
    expressions = [expr for one in context.policies for expr in (one.when, *one.action.expressions)]
    asked = [
        node
        for node in nodes(expressions)
        if isinstance(node, e.CallExpr) and node.function is e.Function.IN_LIST
    ]
    # The first argument is the address. The name of the list behind it became an index in `lowering`.
    return {item.value for node in asked for item in node.arguments[1:] if isinstance(item, e.IntExpr)}


def _identity(context: Context) -> Iterator[ConfigProblem]:
    config = context.config
    here: Location = ("identity", "api_keys")
    keys = config.identity.api_keys
    if keys is not None:
        if not keys.keys and keys.keys_file is None:
            what = "no API key is known, so none is ever verified"
            yield context.warning(
                here, what, "give keys or keys_file; `starfort apikey create` makes one", key=True
            )
        if config.connections.headers_with_underscores != "allow":
            for index, source in enumerate(keys.sources):
                if source.header is not None and "_" in source.header:
                    what = f"the header {source.header!r} never comes: names with underscores are dropped"
                    fix = "set connections.headers_with_underscores: allow, or rename the header"
                    yield context.warning((*here, "sources", index, "header"), what, fix)
    if config.identity.mtls and not any(one.tls and one.tls.client_ca for one in config.listeners):
        what = "no listener asks for client certificates, so none is ever verified"
        yield context.warning(("identity", "mtls"), what, "give a listener tls.client_ca", key=True)
