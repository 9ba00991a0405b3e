"""Makes the clusters of upstreams, and of the servers that key sets are fetched from."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from envoy.config.cluster.v3 import cluster_pb2
from envoy.extensions.transport_sockets.tls.v3 import tls_pb2
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2

from starfort.base.addresses import SocketAddress, is_ip
from starfort.dataplane import ir
from starfort.dataplane.envoy.messages import extension, packed, seconds
from starfort.dataplane.envoy.secrets import authorities_name, key_pair_name
from starfort.dataplane.envoy.sources import secret_reference
from starfort.dataplane.json import Json

MAX_AT_ONCE: Final = 100_000
"""Connections, requests and waiting requests of a cluster. Envoy's own limit of 1024 would refuse calls that
the upstream can take; what clients may open is limited at the listeners."""

MAX_RETRIES_AT_ONCE: Final = 100
"""Retries under way in one cluster. Without a bound, a failing upstream would get a multiple of its load."""

IDLE_S: Final = 60
"""A connection to an upstream that is unused for this long is closed. Most servers wait 60 s or longer; a
shorter keep-alive there shows as a reset, which the retry condition `reset-before-request` covers."""

JWKS_TIMEOUT_S: Final = 5
"""How long connecting to the server of a key set may take, and then fetching the key set."""


def jwks_cluster(provider: str) -> str:
    """Cluster of a provider's key set. Names of upstreams have no colon."""
    return f"jwks:{provider}"


def clusters(dataplane: ir.Dataplane) -> list[Json]:
    """One cluster for each upstream and for each key set that is fetched."""
    made = [_upstream(dataplane.directory, upstream) for upstream in dataplane.upstreams]
    made += [
        _jwks(dataplane.directory, provider.name, provider.keys)
        for provider in dataplane.jwt_providers
        if isinstance(provider.keys, ir.RemoteKeys)
    ]
    return made


def _upstream(directory: Path, upstream: ir.Upstream) -> Json:
    cluster = _cluster(upstream.name, upstream.members, upstream.connect_timeout_s, http2=upstream.http2)
    thresholds = {
        "max_connections": MAX_AT_ONCE,
        "max_pending_requests": MAX_AT_ONCE,
        "max_requests": MAX_AT_ONCE,
        "max_retries": MAX_RETRIES_AT_ONCE,
    }
    cluster["circuit_breakers"] = {"thresholds": [thresholds]}
    if upstream.tls is not None:
        cluster["transport_socket"] = _tls(
            directory, f"upstream-{upstream.name}", upstream.tls, http2=upstream.http2
        )
    if upstream.health_check is not None:
        cluster["health_checks"] = [_health_check(upstream.health_check, http2=upstream.http2)]
    return packed(cluster_pb2.Cluster, cluster)


def _jwks(directory: Path, provider: str, keys: ir.RemoteKeys) -> Json:
    cluster = _cluster(jwks_cluster(provider), (keys.address,), JWKS_TIMEOUT_S, http2=False)
    if keys.tls is not None:
        cluster["transport_socket"] = _tls(directory, f"jwks-{provider}", keys.tls, http2=False)
    return packed(cluster_pb2.Cluster, cluster)


def _cluster(name: str, members: tuple[SocketAddress, ...], connect_timeout_s: float, *, http2: bool) -> Json:
    endpoints = [{"endpoint": {"address": _address(member)}} for member in members]
    # The configuration says which version is spoken: without TLS there is no ALPN to find it out.
    protocol: Json = {"http2_protocol_options": {}} if http2 else {"http_protocol_options": {}}
    options = {
        "common_http_protocol_options": {"idle_timeout": seconds(IDLE_S)},
        "explicit_http_config": protocol,
    }
    protocols = packed(http_protocol_options_pb2.HttpProtocolOptions, options)
    # What a name resolves to may change, so Envoy asks again and again; addresses need no resolver.
    kind = "STATIC" if all(is_ip(member.host) for member in members) else "STRICT_DNS"
    return {
        "name": name,
        "type": kind,
        "connect_timeout": seconds(connect_timeout_s),
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": protocols
        },
    }


def _address(address: SocketAddress) -> Json:
    return {"socket_address": {"address": address.host, "port_value": address.port}}


def _tls(directory: Path, owner: str, tls: ir.ClientTls, *, http2: bool) -> Json:
    """TLS that verifies chain and name; a name is sent as SNI, an address can't be (RFC 6066, 3)."""
    by_address = is_ip(tls.server_name)
    names = [{"san_type": "IP_ADDRESS" if by_address else "DNS", "matcher": {"exact": tls.server_name}}]
    common: Json = {
        # RFC 8996 deprecates every version before 1.2.
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
        "alpn_protocols": ["h2"] if http2 else ["http/1.1"],
        # The names are here and the authorities in a secret, which can be renewed without a new cluster.
        "combined_validation_context": {
            "default_validation_context": {"match_typed_subject_alt_names": names},
            "validation_context_sds_secret_config": secret_reference(directory, authorities_name(owner)),
        },
    }
    if tls.key_pair is not None:
        common["tls_certificate_sds_secret_configs"] = [secret_reference(directory, key_pair_name(owner))]
    context: Json = {"common_tls_context": common}
    if not by_address:
        context["sni"] = tls.server_name
    return extension("tls", tls_pb2.UpstreamTlsContext, context)


def _health_check(check: ir.HealthCheck, *, http2: bool) -> Json:
    return {
        "timeout": seconds(check.timeout_s),
        "interval": seconds(check.interval_s),
        "healthy_threshold": check.healthy,
        "unhealthy_threshold": check.unhealthy,
        "http_health_check": {
            "path": check.path,
            "host": check.host,
            "codec_client_type": "HTTP2" if http2 else "HTTP1",
        },
    }
