"""Describes a data plane in plain values, whichever proxy is used.

`starfort.compile.dataplane` makes a `Dataplane` from a configuration and checks its values;
`starfort.dataplane.envoy` makes Envoy's resources from it. Times are in seconds; 0 means no limit where a
field says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from starfort.base.addresses import SocketAddress

HANDOVER_S: Final = 600.0
STOP_S: Final = 10.0
"""Defaults of `Dataplane.handover_s` and `stop_s`."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate with its key, by file, so that no key is copied.

    Attributes:
        certificate: PEM chain.
        key: PEM private key.
        fingerprint: SHA-256 over the content of both files, hexadecimal, so that a renewed pair differs.
    """

    certificate: Path
    key: Path
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Authorities:
    """Certificate authorities, by file.

    Attributes:
        file: PEM.
        fingerprint: SHA-256 of the content, hexadecimal.
    """

    file: Path
    fingerprint: str


@dataclass(frozen=True, slots=True)
class ServerTls:
    """TLS towards clients.

    Attributes:
        key_pair: what the listener shows.
        client_ca: what client certificates are verified against; `None`: they are not asked for.
        client_required: whether a client without a certificate is refused.
        min_version: `1.2` or `1.3`.
    """

    key_pair: KeyPair
    client_ca: Authorities | None = None
    client_required: bool = False
    min_version: str = "1.2"


@dataclass(frozen=True, slots=True)
class ProxyProtocol:
    """The PROXY protocol on a listener.

    Attributes:
        peers: networks from which connections are accepted.
        optional: whether a connection may come without the header of the protocol.
    """

    peers: tuple[str, ...]
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Listener:
    """An address and port where clients connect.

    Attributes:
        name: unique.
        address: IP address and port.
        tls: `None`: plain HTTP.
        http2: whether HTTP/2 is spoken: by ALPN, and without TLS by prior knowledge.
        proxy_protocol: `None`: not spoken.
    """

    name: str
    address: SocketAddress
    tls: ServerTls | None = None
    http2: bool = True
    proxy_protocol: ProxyProtocol | None = None


@dataclass(frozen=True, slots=True)
class ClientTls:
    """TLS towards an upstream.

    Attributes:
        server_name: name or IP address that the certificate must have; a name is also sent as SNI.
        ca: the authorities that the certificate is verified against.
        key_pair: Starfort's own certificate; `None`: none is shown.
    """

    server_name: str
    ca: Authorities
    key_pair: KeyPair | None = None


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """How Envoy finds out which members are alive.

    Attributes:
        path: path of the request, which is a GET.
        host: `Host` of the request.
        interval_s: time between requests.
        timeout_s: how long an answer may take.
        healthy: answers in a row that bring a member back.
        unhealthy: failures in a row that take it out.
    """

    path: str
    host: str
    interval_s: float
    timeout_s: float
    healthy: int
    unhealthy: int


@dataclass(frozen=True, slots=True)
class Upstream:
    """The servers that answer for an API.

    Attributes:
        name: unique; what the filter calls it.
        members: at least one.
        connect_timeout_s: for one connection.
        timeout_s: for a whole answer; 0: no limit.
        retry_attempts: tries after the first.
        retry_on: Envoy's conditions.
        health_check: `None`: members are trusted to be alive.
        tls: `None`: plain.
        http2: whether HTTP/2 is spoken to it.
    """

    name: str
    members: tuple[SocketAddress, ...]
    connect_timeout_s: float = 5.0
    timeout_s: float = 15.0
    retry_attempts: int = 0
    retry_on: tuple[str, ...] = ()
    health_check: HealthCheck | None = None
    tls: ClientTls | None = None
    http2: bool = False


@dataclass(frozen=True, slots=True)
class Api:
    """Where calls of an API come in and where they go.

    Attributes:
        name: unique.
        hosts: lower case, no port; `*` any, `*.example.com` any below.
        base_paths: prefixes by whole segments, no slash at the end except for `/` itself.
        upstream: name of an upstream.
        jwt_providers: names of the providers whose tokens count here.
    """

    name: str
    hosts: tuple[str, ...]
    base_paths: tuple[str, ...]
    upstream: str
    jwt_providers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RemoteKeys:
    """A key set to fetch.

    Attributes:
        url: its whole URL.
        address: host and port of it.
        tls: `None` for http.
    """

    url: str
    address: SocketAddress
    tls: ClientTls | None = None


@dataclass(frozen=True, slots=True)
class JwtProvider:
    """An issuer of JWTs.

    Attributes:
        name: unique.
        issuer: its `iss`.
        audiences: accepted `aud`; empty: any.
        keys: the key set (RFC 7517) itself, or where it is fetched.
        clock_skew_s: how far clocks may differ.
    """

    name: str
    issuer: str
    audiences: tuple[str, ...]
    # A key set may hold symmetric keys (RFC 7518, section 6.4), so it is in no representation.
    keys: str | RemoteKeys = field(repr=False)
    clock_skew_s: int = 60


@dataclass(frozen=True, slots=True)
class FilterSettings:
    """What Starfort's filter is told at its start.

    Attributes:
        bundle: absolute path of the bundle.
        socket: absolute path of the control socket.
        fail_open: whether requests pass while there is no bundle.
        require_bundle: whether the filter refuses to begin without a bundle, as in a rehearsal.
        last_good: absolute path of the bundle to begin with when `bundle` can't be read; `None`: none.
    """

    bundle: Path
    socket: Path
    fail_open: bool
    last_good: Path | None = None
    require_bundle: bool = False


@dataclass(frozen=True, slots=True)
class ListenerLimits:
    """What a client may send before the proxy itself refuses it: above what the engine reports as a finding.

    Attributes:
        headers: header fields of a request.
        headers_kib: KiB of a request's head.
        connections: connections at once, all listeners together.
        heap_bytes: memory at which the proxy begins to shed load.
        per_address: connections at once of one client address; 0: any number.
        underscores: what becomes of headers with `_` in their names: `drop`, `reject` or `allow`.
        head_s: how long the head of a request may take.
        idle_s: how long a connection without a request stays open.
        stream_idle_s: how long nothing may happen while a request or its answer is under way.
    """

    headers: int
    headers_kib: int
    connections: int
    heap_bytes: int
    per_address: int = 0
    underscores: Literal["drop", "reject", "allow"] = "drop"
    head_s: float = 15.0
    idle_s: float = 300.0
    stream_idle_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Dataplane:
    """A whole data plane.

    Attributes:
        node: name of this node.
        directory: where the proxy's files are written.
        admin_socket: Unix socket of its administration interface.
        workers: worker threads; 0: one a core.
        listeners: at least one.
        upstreams: by unique name.
        apis: where several match, the most specific host wins, then the longest base path.
        diverts: names of the upstreams that a policy may divert to.
        jwt_providers: by unique name.
        filter_settings: settings of Starfort's filter.
        limits: what clients may send.
        handover_s: how long the connections of a replaced listener or process may live on.
        stop_s: how long requests under way may take when the proxy is stopped.
    """

    node: str
    directory: Path
    admin_socket: Path
    workers: int
    listeners: tuple[Listener, ...]
    upstreams: tuple[Upstream, ...]
    apis: tuple[Api, ...]
    diverts: tuple[str, ...]
    jwt_providers: tuple[JwtProvider, ...]
    filter_settings: FilterSettings
    limits: ListenerLimits
    handover_s: float = HANDOVER_S
    stop_s: float = STOP_S
