"""Makes the route table, which says which request goes to which upstream; all listeners share it.

The engine finds the API of a request by host and normalised path, and Envoy routes by the same two, so both
must find the same API. The most specific host wins, then the longest base path. Envoy searches only one
virtual host, so each has the routes of every host pattern that covers it, the most specific first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from envoy.config.route.v3 import route_pb2

from starfort.dataplane import ir
from starfort.dataplane.envoy.filters import PAYLOAD_HEADER, jwt_for_route, jwt_not_asked
from starfort.dataplane.envoy.messages import packed, seconds
from starfort.dataplane.envoy.sources import JWT_FILTER, ROUTE_CONFIG
from starfort.dataplane.json import Json

UPSTREAM_HEADER: Final = "x-starfort-upstream"
"""The header by which the filter tells the route table about a diversion."""

STREAM_IDLE_S: Final = 3600
"""How long a stream of an upstream without a time limit may be silent."""

HIDDEN_DOTS: Final = (
    r"(?i).*(?:/|\\|%2f|%5c)(?:\.|%2e){1,2}(?:%2f|%5c).*|.*(?:%2f|%5c)(?:\.|%2e){1,2}(?:[/\\;].*)?"
    r"|.*/(?:\.|%2e){2}(?:;|%3b).*"
)
"""A dot segment next to an encoded slash, `/admin/..%2fpublic`, or encoded with a parameter,
`/admin/%2e%2e;/public` (Envoy resolves `..;` itself).

Some servers take it for `/public`, some for a value under `/admin`. Policies hold for both, but an upstream
that has endpoints nobody knows could be asked for them under another one's name. No reading of such a path is
safe and no client needs it: it is answered 400. Other encoded slashes and parameters pass as they are.
"""


def routes(dataplane: ir.Dataplane) -> Json:
    """The route configuration."""
    upstreams = {upstream.name: upstream for upstream in dataplane.upstreams}
    hosts = sorted({host for api in dataplane.apis for host in api.hosts})
    value = {
        "name": ROUTE_CONFIG,
        "virtual_hosts": [_virtual_host(dataplane, host, upstreams) for host in hosts],
        # `Host: api.example.com:8443` means the same API, and the engine leaves the port out too.
        "ignore_port_in_host_matching": True,
        "request_headers_to_remove": [*_listeners_headers(dataplane), "x-envoy-external-address"],
        # The listener leaves this header as the client sent it, for the engine. The peer is added here.
        "request_headers_to_add": [
            {
                "header": {
                    "key": "x-forwarded-for",
                    "value": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
                },
                "append_action": "APPEND_IF_EXISTS_OR_ADD",
            }
        ],
        "response_headers_to_remove": ["x-envoy-upstream-service-time", "x-envoy-decorator-operation"],
    }
    return packed(route_pb2.RouteConfiguration, value)


def _listeners_headers(dataplane: ir.Dataplane) -> list[str]:
    """The headers by which listeners tell the filter about TLS.

    The filter removes them, and so does the table, in case the filter fails open. In the same way each route
    removes what the JWT filter and a diversion add. A header is only looked for where it can be, because
    every request pays for the look.
    """
    tls = [listener.tls for listener in dataplane.listeners if listener.tls is not None]
    peer = ["x-starfort-peer"] if any(one.client_ca is not None for one in tls) else []
    return [*(["x-starfort-ja4"] if tls else []), *peer]


def _virtual_host(dataplane: ir.Dataplane, host: str, upstreams: dict[str, ir.Upstream]) -> Json:
    # Envoy takes the first route that matches: refusals first, then diversions, then the APIs.
    made = [_refuse_hidden_dots()]
    made += [_diversion(upstreams[name]) for name in dataplane.diverts]
    for api, path in _mounts(dataplane, host):
        made += _api_routes(dataplane, api, path, upstreams[api.upstream])
    # For Envoy a name with a dot at its end is another name; for DNS and for the engine it is the same.
    domains = [host] if host == "*" else [host, f"{host}."]
    return {"name": host, "domains": domains, "routes": made}


def _mounts(dataplane: ir.Dataplane, host: str) -> Iterator[tuple[ir.Api, str]]:
    """The APIs that requests to a host may be for, with their base paths, the most specific first."""
    covering = [pattern for api in dataplane.apis for pattern in api.hosts if covers(pattern, host)]
    seen: set[str] = set()
    for pattern in sorted(set(covering), key=_specificity, reverse=True):
        here = [(api, path) for api in dataplane.apis if pattern in api.hosts for path in api.base_paths]
        for api, path in sorted(here, key=lambda mount: len(mount[1]), reverse=True):
            # A more specific host has this path already, and its route comes first.
            if path not in seen:
                yield api, path
        seen |= {path for _, path in here}
        # `/` matches every path, so no route behind it can be reached.
        if "/" in seen:
            return


def covers(pattern: str, host: str) -> bool:
    """Whether each host of `host`, a name or a pattern itself, is one of `pattern`."""
    if pattern in {"*", host}:
        return True
    return pattern.startswith("*.") and host != "*" and host.endswith(pattern[1:])


def _specificity(pattern: str) -> tuple[int, int]:
    if pattern == "*":
        return (0, 0)
    return (1 if pattern.startswith("*.") else 2, len(pattern))


def _api_routes(dataplane: ir.Dataplane, api: ir.Api, path: str, upstream: ir.Upstream) -> list[Json]:
    """The routes of one base path.

    Only a request with `Authorization` can have a token. For other requests Envoy makes no JWT filter: it
    would find nothing, at a tenth of the cost of proxying.
    """
    if not dataplane.jwt_providers:
        return [_route(path, upstream, None)]
    without = _route(path, upstream, jwt_not_asked())
    if not api.jwt_providers:
        return [without]
    with_token = _route(path, upstream, jwt_for_route(api.jwt_providers), header=_AUTHORIZED)
    with_token["request_headers_to_remove"] = [PAYLOAD_HEADER]
    return [with_token, without]


_AUTHORIZED: Final[Json] = {"name": "authorization", "present_match": True}


def _diversion(upstream: ir.Upstream) -> Json:
    chosen: Json = {"name": UPSTREAM_HEADER, "string_match": {"exact": upstream.name}}
    route = _route("/", upstream, None, header=chosen)
    route["request_headers_to_remove"] = [UPSTREAM_HEADER, PAYLOAD_HEADER]
    return route


def _route(path: str, upstream: ir.Upstream, jwt: Json | None, *, header: Json | None = None) -> Json:
    # By whole segments, so that `/v1` does not match `/v10`. Envoy takes no `/` there.
    match: Json = {"prefix": "/"} if path == "/" else {"path_separated_prefix": path}
    if header:
        match["headers"] = [header]
    action: Json = {"cluster": upstream.name, "timeout": seconds(upstream.timeout_s)}
    # Else the listener's shorter idle time would end a stream that may be silent for long.
    if not upstream.timeout_s:
        action["idle_timeout"] = seconds(STREAM_IDLE_S)
    if upstream.retry_attempts and upstream.retry_on:
        action["retry_policy"] = {
            "retry_on": ",".join(upstream.retry_on),
            "num_retries": upstream.retry_attempts,
        }
    route: Json = {"match": match, "route": action}
    if jwt is not None:
        route["typed_per_filter_config"] = {JWT_FILTER: jwt}
    return route


def _refuse_hidden_dots() -> Json:
    body = json.dumps({"type": "about:blank", "title": "Bad Request", "status": 400})
    return {
        "match": {"safe_regex": {"regex": HIDDEN_DOTS}},
        "direct_response": {"status": 400, "body": {"inline_string": body}},
        "response_headers_to_add": [
            {
                "header": {"key": "content-type", "value": "application/problem+json"},
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            }
        ],
    }
