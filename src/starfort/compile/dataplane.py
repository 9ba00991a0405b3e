"""Translates the parts of the configuration that Envoy needs."""

from __future__ import annotations

import hashlib
import os
import resource
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

from starfort.base.addresses import SocketAddress, is_ip, parse_address
from starfort.compile import dataplane_files as files
from starfort.compile.limits import widest
from starfort.config.apis import Api
from starfort.config.connections import ProxyProtocol
from starfort.config.identity import JwtProvider
from starfort.config.listeners import Listener
from starfort.config.loading import LoadedConfig
from starfort.config.problems import ConfigError, ConfigProblem
from starfort.config.upstreams import Upstream, UpstreamTls
from starfort.config.yaml_file import Location
from starfort.dataplane import ir
from starfort.dataplane.envoy.hot import LONGEST_SOCKET

BUNDLE: Final = "bundle.sfb"
LAST_GOOD: Final = "bundle.last.sfb"
"""A copy of the bundle that filters ran last, for a filter that finds the bundle damaged."""

CONTROL_SOCKET: Final = "run/control.sock"
ADMIN_SOCKET: Final = "run/envoy.sock"
DIRECTORY: Final = "envoy"

MAX_PEM_BYTES: Final = 4 << 20
"""Largest file of certificates, a key or authorities; the system's authorities are some 200 KB."""

MAX_JWKS_BYTES: Final = 1 << 20
"""Largest key set; a dozen keys are some 10 KB."""

MAX_UNIX_PATH_BYTES: Final = 107
"""Longest path of a Unix socket: `sun_path` of `sockaddr_un` without its NUL (Linux unix(7))."""

HEADROOM: Final = 2
"""Envoy's limits are this many times the engine's. What is over the engine's limits and below Envoy's still
reaches the engine, so a policy can decide about it."""

MIN_HEADERS_KIB: Final = 96
MAX_HEADERS_KIB: Final = 8192
"""Envoy's own bound of `max_request_headers_kb`."""

MAX_CONNECTIONS: Final = 100_000
"""Connections that Envoy accepts at once unless `connections.total` says otherwise."""

T = TypeVar("T")


def to_dataplane(loaded: LoadedConfig) -> ir.Dataplane:
    """The data plane of a configuration. This reads the certificates and key sets that it names.

    Raises:
        ConfigError: with every problem of these files, and every address that Envoy cannot use.
    """
    return _Translation(loaded).dataplane()


class _Translation:
    """One translation. It collects all problems, so that people hear of all of them at once."""

    def __init__(self, loaded: LoadedConfig) -> None:
        self._config = loaded.config
        self._source = loaded.source
        self._problems: list[ConfigProblem] = []

    def dataplane(self) -> ir.Dataplane:
        config = self._config
        data = config.data_dir.resolve()
        listeners = [self._listener(index, one) for index, one in enumerate(config.listeners)]
        upstreams = [self._upstream(index, one) for index, one in enumerate(config.upstreams)]
        providers = [self._provider(index, one) for index, one in enumerate(config.identity.jwt)]
        limits = self._limits()
        diverts = {name for policy in config.policies for name in policy.action.named("upstream")}
        # Otherwise Envoy would fail at its start, with a message that does not name the setting.
        for name in (CONTROL_SOCKET, LONGEST_SOCKET):
            if len(os.fsencode(data / name)) > MAX_UNIX_PATH_BYTES:
                what = f"{data / name} is too long for a Unix socket (at most {MAX_UNIX_PATH_BYTES} bytes)"
                self._problem(("data_dir",), what, "choose a shorter data_dir")
        if self._problems:
            raise ConfigError(self._problems)
        return ir.Dataplane(
            node=config.node,
            directory=data / DIRECTORY,
            admin_socket=data / ADMIN_SOCKET,
            workers=config.workers or 0,
            listeners=tuple(one for one in listeners if one is not None),
            upstreams=tuple(one for one in upstreams if one is not None),
            apis=tuple(_api(one) for one in config.apis),
            diverts=tuple(sorted(diverts)),
            jwt_providers=tuple(one for one in providers if one is not None),
            filter_settings=ir.FilterSettings(
                bundle=data / BUNDLE,
                last_good=data / LAST_GOOD,
                socket=data / CONTROL_SOCKET,
                fail_open=config.failure_mode == "open",
            ),
            limits=limits,
            handover_s=config.drain.handover.total_seconds(),
            stop_s=config.drain.stop.total_seconds(),
        )

    def _problem(self, location: Location, what: str, fix: str = "") -> None:
        self._problems.append(self._source.problem(location, what, fix))

    def _limits(self) -> ir.ListenerLimits:
        limits = widest(self._config)
        kib = HEADROOM * (limits.uri + limits.header) // 1024
        _, descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)
        if descriptors == resource.RLIM_INFINITY:
            descriptors = 2 * MAX_CONNECTIONS
        given = self._config.connections
        # A connection of a client may need one to an upstream.
        total = given.total or max(min(descriptors // 2 - 100, MAX_CONNECTIONS), 100)
        here: Location = ("connections",)
        return ir.ListenerLimits(
            headers=HEADROOM * max(limits.headers, 100),
            headers_kib=min(max(kib, MIN_HEADERS_KIB), MAX_HEADERS_KIB),
            connections=total,
            # A fifth is left, so that Envoy sheds load before the system kills it for lack of memory.
            heap_bytes=_memory() * 4 // 5,
            # Half, so that no single address takes every connection; a proxy in front may need many.
            per_address=max(total // 2, 1) if given.per_address is None else given.per_address,
            underscores=given.headers_with_underscores,
            head_s=self._positive((*here, "header_timeout"), given.header_timeout),
            idle_s=self._positive((*here, "idle_timeout"), given.idle_timeout),
            stream_idle_s=self._positive((*here, "stream_idle_timeout"), given.stream_idle_timeout),
        )

    def _listener(self, index: int, listener: Listener) -> ir.Listener | None:
        here: Location = ("listeners", index)
        address = parse_address(listener.address)
        # Envoy resolves no names for listeners.
        host = "127.0.0.1" if address.host == "localhost" else address.host
        if not is_ip(host):
            what = f"{address.host!r} is no IP address"
            self._problem((*here, "address"), what, "listen on an address, such as 0.0.0.0:8443 or [::]:8443")
            return None
        tls = None
        if listener.tls is not None:
            at: Location = (*here, "tls")
            given = listener.tls
            pair = self._key_pair(at, given.certificate, given.key)
            ca = self._authorities((*at, "client_ca"), given.client_ca) if given.client_ca else None
            if pair is None or (given.client_ca is not None and ca is None):
                return None
            required = given.client_certificate == "required"
            tls = ir.ServerTls(pair, ca, required, given.min_version)
        proxied = self._proxy_protocol((*here, "proxy_protocol"), listener.proxy_protocol)
        place = SocketAddress(host, address.port)
        return ir.Listener(listener.name, place, tls, listener.http2, proxied)

    def _proxy_protocol(self, here: Location, given: ProxyProtocol | None) -> ir.ProxyProtocol | None:
        """The PROXY protocol of a listener. Only named peers are believed, because its header is a claim."""
        if given is None:
            return None
        peers = given.peers or self._config.trusted_proxies
        if not peers:
            what = "nobody is named whose PROXY protocol header is believed"
            self._problem(here, what, "give proxy_protocol.peers, or trusted_proxies")
        return ir.ProxyProtocol(tuple(peers), given.optional)

    def _upstream(self, index: int, upstream: Upstream) -> ir.Upstream | None:
        here: Location = ("upstreams", index)
        members = tuple(parse_address(address) for address in upstream.addresses)
        for number, member in enumerate(members):
            if member.port == 0:
                self._problem((*here, "addresses", number), "0 is no port to connect to")
        tls = None
        if upstream.tls is not None:
            tls = self._client_tls((*here, "tls"), upstream.tls, {member.host for member in members})
            if tls is None:
                return None
        check = None
        if upstream.health_check is not None:
            given = upstream.health_check
            check = ir.HealthCheck(
                path=given.path,
                host=tls.server_name if tls is not None else members[0].host,
                interval_s=self._positive((*here, "health_check", "interval"), given.interval),
                timeout_s=self._positive((*here, "health_check", "timeout"), given.timeout),
                healthy=given.healthy,
                unhealthy=given.unhealthy,
            )
        return ir.Upstream(
            name=upstream.name,
            members=members,
            connect_timeout_s=self._positive((*here, "connect_timeout"), upstream.connect_timeout),
            timeout_s=upstream.timeout.total_seconds(),
            retry_attempts=upstream.retries.attempts,
            retry_on=tuple(upstream.retries.on),
            health_check=check,
            tls=tls,
            http2=upstream.http2,
        )

    def _positive(self, location: Location, value: timedelta) -> float:
        if value <= timedelta():
            self._problem(location, "must be more than 0s")
        return value.total_seconds()

    def _client_tls(self, here: Location, tls: UpstreamTls, hosts: set[str]) -> ir.ClientTls | None:
        if tls.server_name is None and len(hosts) > 1:
            what = "which name the certificate must have is not clear: the addresses have several hosts"
            self._problem(here, what, "give server_name")
            return None
        # Without a name, a certificate of any other server would do if a known authority has signed it.
        name = tls.server_name or next(iter(hosts))
        ca = self._authorities((*here, "ca"), tls.ca or files.system_authorities())
        if ca is None:
            return None
        if tls.certificate is None or tls.key is None:
            return ir.ClientTls(name, ca)
        pair = self._key_pair(here, tls.certificate, tls.key)
        return ir.ClientTls(name, ca, pair) if pair is not None else None

    def _provider(self, index: int, provider: JwtProvider) -> ir.JwtProvider | None:
        here: Location = ("identity", "jwt", index)
        keys: str | ir.RemoteKeys | None
        if provider.jwks_file is not None:
            keys = self._read((*here, "jwks_file"), provider.jwks_file, MAX_JWKS_BYTES, files.key_set)
        else:
            keys = self._remote_keys(here, provider)
        if keys is None:
            return None
        return ir.JwtProvider(
            name=provider.name,
            issuer=provider.issuer,
            audiences=tuple(provider.audiences),
            keys=keys,
            clock_skew_s=round(provider.clock_skew.total_seconds()),
        )

    def _remote_keys(self, here: Location, provider: JwtProvider) -> ir.RemoteKeys | None:
        url = provider.jwks_url or ""
        try:
            parts = urlsplit(url)
            host, secure = parts.hostname or "", parts.scheme == "https"
            port = parts.port or (443 if secure else 80)
        except ValueError:
            host, secure, port = "", False, 0
        if not host:
            self._problem((*here, "jwks_url"), f"{url!r} is no URL with a host")
            return None
        address = SocketAddress(host, port)
        if not secure:
            return ir.RemoteKeys(url, address)
        where = "jwks_ca" if provider.jwks_ca is not None else "jwks_url"
        ca = self._authorities((*here, where), provider.jwks_ca or files.system_authorities())
        return ir.RemoteKeys(url, address, ir.ClientTls(host, ca)) if ca is not None else None

    def _key_pair(self, here: Location, certificate: Path, key: Path) -> ir.KeyPair | None:
        chain = self._read((*here, "certificate"), certificate, MAX_PEM_BYTES, files.chain)
        private = self._read((*here, "key"), key, MAX_PEM_BYTES, files.private_key)
        if chain is None or private is None:
            return None
        if chain[0] != private[0]:
            self._problem((*here, "key"), f"{key} is not the key of {certificate}")
            return None
        # By its fingerprint a renewed certificate changes the data plane, and no key is kept here.
        return ir.KeyPair(certificate, key, hashlib.sha256(chain[1] + private[1]).hexdigest())

    def _authorities(self, location: Location, file: Path | None) -> ir.Authorities | None:
        if file is None:
            what = "the system's certificate authorities were not found"
            self._problem(location, what, "install ca-certificates, or give the file of the authorities")
            return None
        fingerprint = self._read(location, file, MAX_PEM_BYTES, files.authorities)
        return ir.Authorities(file, fingerprint) if fingerprint is not None else None

    def _read(self, location: Location, file: Path, limit: int, check: Callable[[bytes], T]) -> T | None:
        """The result of `check` for a file's content; a problem if it can't be read or `check` refuses it."""
        try:
            with file.open("rb") as opened:
                # One byte more than allowed tells a long file without its size, which a pipe does not have.
                content = opened.read(limit + 1)
            if len(content) <= limit:
                return check(content)
            self._problem(location, f"{file} is larger than {limit >> 10} KiB")
        except OSError as error:
            self._problem(location, f"{file} cannot be read: {error.strerror}")
        except ValueError as error:
            self._problem(location, f"{file} {error}")
        return None


def _api(api: Api) -> ir.Api:
    return ir.Api(
        name=api.name,
        hosts=tuple(host.lower().rstrip(".") for host in api.hosts),
        base_paths=tuple(path.rstrip("/") or "/" for path in api.base_paths),
        upstream=api.upstream,
        jwt_providers=tuple(api.authentication),
    )


def _memory() -> int:
    """Bytes that processes here may use: the control group's limit, or the machine's memory."""
    # In a container the machine's memory is not what it may use; cgroup v2 has `max` for "no limit".
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return machine
    return min(machine, int(limit)) if limit.isdigit() else machine
