"""Makes listeners: TLS, HTTP codec, limits, and the headers that are removed before any filter sees them."""

from __future__ import annotations

import ipaddress
from http import HTTPStatus
from pathlib import Path
from typing import Final

from envoy.config.listener.v3 import listener_pb2
from envoy.extensions.filters.listener.proxy_protocol.v3 import proxy_protocol_pb2
from envoy.extensions.filters.listener.tls_inspector.v3 import tls_inspector_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2
from envoy.extensions.http.early_header_mutation.header_mutation.v3 import header_mutation_pb2
from envoy.extensions.transport_sockets.tls.v3 import tls_pb2

from starfort.base.addresses import SocketAddress
from starfort.dataplane import ir
from starfort.dataplane.envoy.filters import connection_filter, http_filters
from starfort.dataplane.envoy.messages import extension, packed, seconds
from starfort.dataplane.envoy.secrets import authorities_name, key_pair_name
from starfort.dataplane.envoy.sources import ROUTE_CONFIG, ROUTES, file_source, secret_reference
from starfort.dataplane.json import Json

# Sources: Envoy's "Configuring Envoy as an edge proxy" for the HTTP/2 figures; the others are chosen against
# clients that send slowly on purpose.
CONCURRENT_STREAMS: Final = 100
STREAM_WINDOW_BYTES: Final = 64 * 1024
CONNECTION_WINDOW_BYTES: Final = 1024 * 1024
HANDSHAKE_S: Final = 15
BACKLOG: Final = 4096

LOCAL_REPLY_STATUSES: Final = (400, 404, 408, 413, 426, 431, 500, 502, 503, 504)
"""Statuses that Envoy itself answers with. Their bodies become problem details (RFC 9457), like the
filter's."""


UNDERSCORES: Final = {"drop": "DROP_HEADER", "reject": "REJECT_REQUEST", "allow": "ALLOW"}


def listeners(dataplane: ir.Dataplane) -> list[Json]:
    """One resource for each listener."""
    return [_listener(dataplane, listener) for listener in dataplane.listeners]


def _listener(dataplane: ir.Dataplane, listener: ir.Listener) -> Json:
    counted = [connection_filter(dataplane.filter_settings)] if dataplane.limits.per_address else []
    chain: Json = {
        "filters": [*counted, _http(dataplane, listener)],
        "transport_socket_connect_timeout": seconds(HANDSHAKE_S),
    }
    value: Json = {
        "name": listener.name,
        "address": _address(listener.address),
        "filter_chains": [chain],
        "tcp_backlog_size": BACKLOG,
        "traffic_direction": "INBOUND",
    }
    first: list[Json] = []
    # PROXY comes before TLS: its header is the first thing on the connection, unencrypted.
    if listener.proxy_protocol is not None:
        first.append(_proxy_protocol(listener.proxy_protocol))
        # A connection that no chain matches is closed, before a byte of it is read.
        chain["filter_chain_match"] = {
            "direct_source_prefix_ranges": [_prefix(network) for network in listener.proxy_protocol.peers]
        }
    if listener.tls is not None:
        chain["transport_socket"] = _tls(dataplane.directory, listener, listener.tls)
        inspector = extension(
            "tls_inspector", tls_inspector_pb2.TlsInspector, {"enable_ja4_fingerprinting": True}
        )
        first.append(inspector)
    if first:
        value["listener_filters"] = first
        value["listener_filters_timeout"] = seconds(HANDSHAKE_S)
    return packed(listener_pb2.Listener, value)


def _address(address: SocketAddress) -> Json:
    value: Json = {"address": address.host, "port_value": address.port}
    if address.host == "::":
        # Without this, `[::]` accepts no IPv4, although people expect every address of the machine.
        value["ipv4_compat"] = True
    return {"socket_address": value}


def _proxy_protocol(proxied: ir.ProxyProtocol) -> Json:
    value = {"allow_requests_without_proxy_protocol": proxied.optional}
    return extension("proxy_protocol", proxy_protocol_pb2.ProxyProtocol, value)


def _prefix(network: str) -> Json:
    parsed = ipaddress.ip_network(network)
    return {"address_prefix": str(parsed.network_address), "prefix_len": parsed.prefixlen}


def _tls(directory: Path, listener: ir.Listener, tls: ir.ServerTls) -> Json:
    owner = f"listener-{listener.name}"
    common: Json = {
        "tls_params": {"tls_minimum_protocol_version": f"TLSv{tls.min_version.replace('.', '_')}"},
        "alpn_protocols": ["h2", "http/1.1"] if listener.http2 else ["http/1.1"],
        "tls_certificate_sds_secret_configs": [secret_reference(directory, key_pair_name(owner))],
    }
    if tls.client_ca is not None:
        common["validation_context_sds_secret_config"] = secret_reference(directory, authorities_name(owner))
    context = {"common_tls_context": common, "require_client_certificate": tls.client_required}
    return extension("tls", tls_pb2.DownstreamTlsContext, context)


_HTTP2: Final[Json] = {
    "max_concurrent_streams": CONCURRENT_STREAMS,
    "initial_stream_window_size": STREAM_WINDOW_BYTES,
    "initial_connection_window_size": CONNECTION_WINDOW_BYTES,
}


def _http(dataplane: ir.Dataplane, listener: ir.Listener) -> Json:
    limits = dataplane.limits
    value: Json = {
        "stat_prefix": listener.name,
        # AUTO takes the version from ALPN. Without TLS it looks at the first bytes (RFC 9113, section 3.3).
        "codec_type": "AUTO" if listener.http2 else "HTTP1",
        "rds": {
            "route_config_name": ROUTE_CONFIG,
            "config_source": file_source(dataplane.directory / ROUTES),
        },
        "http_filters": http_filters(dataplane),
        "early_header_mutation_extensions": [_early_headers(listener)],
        # The engine reads X-Forwarded-For as the client sent it, and trusted_proxies tells it which entries
        # to believe. Afterwards the route table adds the peer for the upstream.
        "use_remote_address": True,
        "skip_xff_append": True,
        # No client counts as internal: Envoy would take over the request id that an internal client sends,
        # and that is the id of the event. An empty list would mean all private addresses.
        "internal_address_config": {"cidr_ranges": [{"address_prefix": "255.255.255.255", "prefix_len": 32}]},
        # The engine reads the path after Envoy has normalised it, and the upstream gets Envoy's form. The
        # engine does the same as these two. Encoded slashes are kept, because ids like `group%2Fproject` are
        # common.
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "common_http_protocol_options": {
            "idle_timeout": seconds(limits.idle_s),
            "max_headers_count": limits.headers,
            "headers_with_underscores_action": UNDERSCORES[limits.underscores],
        },
        "http2_protocol_options": _HTTP2,
        "max_request_headers_kb": limits.headers_kib,
        "request_headers_timeout": seconds(limits.head_s),
        "stream_idle_timeout": seconds(limits.stream_idle_s),
        # Clients see the upstream's own `server`; otherwise Envoy would write its name there.
        "server_header_transformation": "PASS_THROUGH",
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "local_reply_config": {"mappers": [_problem(status) for status in LOCAL_REPLY_STATUSES]},
    }
    return extension("http", http_connection_manager_pb2.HttpConnectionManager, value)


def _early_headers(listener: ir.Listener) -> Json:
    """Remove internal headers that clients sent, then set them (docs/adr/0005).

    `x-envoy-*` of a client would steer Envoy's router: timeouts, retries, another host.
    """
    mutations: list[Json] = [
        {"remove_on_match": {"key_matcher": {"prefix": prefix, "ignore_case": True}}}
        for prefix in ("x-starfort-", "x-envoy-")
    ]
    if listener.tls is not None:
        mutations.append(_set("x-starfort-ja4", "%TLS_JA4_FINGERPRINT%"))
        if listener.tls.client_ca is not None:
            # Each name that exists overwrites the one before, so a URI SAN wins over a DNS SAN, and both win
            # over the subject.
            mutations += [
                _set("x-starfort-peer", f"%{part}%")
                for part in ("DOWNSTREAM_PEER_SUBJECT", "DOWNSTREAM_PEER_DNS_SAN", "DOWNSTREAM_PEER_URI_SAN")
            ]
    return extension("headers", header_mutation_pb2.HeaderMutation, {"mutations": mutations})


def _set(name: str, value: str) -> Json:
    return {
        "append": {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    }


def _problem(status: int) -> Json:
    """Problem details for Envoy's own answers; they have a response flag, the filter's do not."""
    code = {"op": "EQ", "value": {"default_value": status, "runtime_key": "starfort.unused"}}
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "request_id": "%REQ(X-REQUEST-ID)%",
    }
    return {
        "filter": {
            "and_filter": {
                "filters": [
                    {"response_flag_filter": {}},
                    {"status_code_filter": {"comparison": code}},
                ]
            }
        },
        "body_format_override": {"json_format": body, "content_type": "application/problem+json"},
    }
