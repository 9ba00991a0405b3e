"""Makes the HTTP filters in the order in which a request meets them: JWT, Starfort's own, router.

The network filter that stands before them is made here too.
"""

from __future__ import annotations

import json
from typing import Final

from envoy.config.route.v3 import route_components_pb2
from envoy.extensions.filters.http.dynamic_modules.v3 import dynamic_modules_pb2
from envoy.extensions.filters.http.jwt_authn.v3 import config_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from google.protobuf import wrappers_pb2
from xds.type.v3 import typed_struct_pb2

from starfort.dataplane import ir
from starfort.dataplane.envoy.cluster import JWKS_TIMEOUT_S, jwks_cluster
from starfort.dataplane.envoy.messages import TYPE_PREFIX, build, extension, packed, seconds, type_url
from starfort.dataplane.envoy.sources import JWT, JWT_FILTER, file_source
from starfort.dataplane.json import Json

MODULE: Final = "starfort"
"""Name of the module, for which Envoy looks for `libstarfort.so` in its search path."""

NETWORK_FILTER: Final = (
    f"{TYPE_PREFIX}envoy.extensions.filters.network.dynamic_modules.v3.DynamicModuleNetworkFilter"
)

PAYLOAD_HEADER: Final = "x-starfort-jwt"
"""The header that carries the verified payload of a JWT to the filter."""

JWKS_REFRESH_S: Final = 300
"""How old a fetched key set may get: a key that its issuer withdrew counts no longer than this."""

REMEMBERED_TOKENS: Final = 2_000
"""Verified tokens of a provider that each worker remembers, some 4 KB each. A signature check (RS256, 2,048
bits) costs as much CPU as proxying the request."""


def http_filters(dataplane: ir.Dataplane) -> list[Json]:
    """The chain. The JWT filter reads a file of its own, so that a change leaves the listener alone."""
    # JWT stands before Starfort's filter, which reads the payload of the token that was verified.
    chain = [_starfort(dataplane.filter_settings), extension("router", router_pb2.Router, _ROUTER)]
    if dataplane.jwt_providers:
        chain.insert(0, _jwt_from(dataplane))
    return chain


# Without this, the router adds headers `x-envoy-*`, which tell upstreams and clients what stands here.
_ROUTER: Final[Json] = {"suppress_envoy_headers": True}


def _jwt_from(dataplane: ir.Dataplane) -> Json:
    discovery = {
        "config_source": file_source(dataplane.directory / JWT),
        "type_urls": [type_url(config_pb2.JwtAuthentication)],
    }
    return {"name": JWT_FILTER, "config_discovery": discovery}


def _starfort(settings: ir.FilterSettings) -> Json:
    return extension(MODULE, dynamic_modules_pb2.DynamicModuleFilter, _module(settings))


def connection_filter(settings: ir.FilterSettings) -> Json:
    """The network filter that counts the connections of each client address.

    `xds-protos` does not have the message yet, so it goes as a `TypedStruct`, which Envoy converts.
    """
    value = {"type_url": NETWORK_FILTER, "value": _module(settings)}
    return extension(MODULE, typed_struct_pb2.TypedStruct, value)


def _module(settings: ir.FilterSettings) -> Json:
    said: Json = {
        "bundle": str(settings.bundle), "socket": str(settings.socket), "fail_open": settings.fail_open
    }  # fmt: skip
    if settings.last_good is not None:
        said["last_good"] = str(settings.last_good)
    # Left out unless needed: the text is part of the listener, and a changed text replaces the listener.
    if settings.require_bundle:
        said["require_bundle"] = True
    text = json.dumps(said)
    return {
        "dynamic_module_config": {"name": MODULE},
        "filter_name": MODULE,
        "filter_config": {"@type": type_url(wrappers_pb2.StringValue), "value": text},
    }


def jwt_authentication(dataplane: ir.Dataplane) -> Json:
    """The JWT filter. It verifies tokens and reports the result; only policies refuse a request.

    Each set of providers that an API accepts is a named requirement, which routes refer to. A token counts
    on an API only when one of the API's own providers made it, for an audience that is accepted.
    """
    requirements = {
        requirement_name(api.jwt_providers): _requirement(api.jwt_providers)
        for api in dataplane.apis
        if api.jwt_providers
    }
    providers = {provider.name: _provider(provider) for provider in dataplane.jwt_providers}
    value = {"providers": providers, "requirement_map": requirements}
    config = packed(config_pb2.JwtAuthentication, value)
    return {
        "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
        "name": JWT_FILTER,
        "typed_config": config,
    }


def jwt_for_route(providers: tuple[str, ...]) -> Json:
    """The part of a route that tells the JWT filter which providers count."""
    return packed(config_pb2.PerRouteConfig, {"requirement_name": requirement_name(providers)})


def jwt_not_asked() -> Json:
    """The part of a route that needs no JWT filter; Envoy then makes none for the request."""
    return packed(route_components_pb2.FilterConfig, {"disabled": True})


def requirement_name(providers: tuple[str, ...]) -> str:
    """Name of the requirement "one of these or none"."""
    # Sorted, so that APIs that list the same providers in another order share one requirement.
    return "+".join(sorted(providers))


def _requirement(providers: tuple[str, ...]) -> Json:
    any_of: list[Json] = [{"provider_name": name} for name in sorted(providers)]
    return build(
        config_pb2.JwtRequirement,
        {"requires_any": {"requirements": [*any_of, {"allow_missing_or_failed": {}}]}},
    )


def _provider(provider: ir.JwtProvider) -> Json:
    """A provider. Tokens are read from `Authorization` only: those in URLs get into logs (RFC 6750, 5.3)."""
    value: Json = {
        "issuer": provider.issuer,
        "audiences": list(provider.audiences),
        # The upstream gets the token too; without this Envoy removes it from the request.
        "forward": True,
        # The scheme is case-insensitive (RFC 9110, 11.1), Envoy's prefix is not.
        "from_headers": [
            {"name": "authorization", "value_prefix": "Bearer "},
            {"name": "authorization", "value_prefix": "bearer "},
        ],
        "forward_payload_header": PAYLOAD_HEADER,
        "clock_skew_seconds": provider.clock_skew_s,
    }
    if isinstance(provider.keys, str):
        value["local_jwks"] = {"inline_string": provider.keys}
        # For a remembered token, Envoy checks only times and audience again. With fetched keys it would still
        # accept tokens of a withdrawn key. Here new keys make a new filter, which remembers nothing.
        value["jwt_cache_config"] = {"jwt_cache_size": REMEMBERED_TOKENS}
    else:
        value["remote_jwks"] = {
            "http_uri": {
                "uri": provider.keys.url,
                "cluster": jwks_cluster(provider.name),
                "timeout": seconds(JWKS_TIMEOUT_S),
            },
            "cache_duration": seconds(JWKS_REFRESH_S),
            # Fetched before the first request needs it. A listener does not wait for an issuer that is down.
            "async_fetch": {"fast_listener": True},
            "retry_policy": {"num_retries": 2},
        }
    return value
