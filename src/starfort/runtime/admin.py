"""Serves the REST API and dashboard on `admin.address`, and on a Unix socket for the command line.

Only this user may open `DATA_DIR/run/admin.sock` (mode 0600). So requests there have
`scope["state"]["local"] = True`, which the API takes for an administrator.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal, TypedDict

import structlog
import uvicorn

from starfort.base.addresses import parse_address
from starfort.config.listeners import ListenerTls
from starfort.config.operation import Admin
from starfort.dataplane.socket import SocketUnavailableError, bind_unix
from starfort.runtime.calls import App, Calls, Receive, Scope, Send
from starfort.runtime.lock import StartError

__all__ = ["AdminServer", "App", "bind_tcp", "trusting"]

log = structlog.get_logger(__name__)

_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def trusting(app: App) -> App:
    """An app that marks each request as one from the Unix socket and passes it to another app."""

    async def local(scope: Scope, receive: Receive, send: Send) -> None:
        # No client address: a Unix socket has none, and uvicorn's placeholder would look like one.
        if scope["type"] in {"http", "websocket"}:
            scope = {**scope, "state": {**scope.get("state", {}), "local": True}, "client": None}
        await app(scope, receive, send)

    return local


def bind_tcp(address: str) -> socket.socket:
    """A bound TCP socket.

    Raises:
        StartError: the port is taken, not allowed, or the address is not of this host.
    """
    place = parse_address(address)
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    # After a restart, old connections in TIME_WAIT must not keep the port.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((place.host, place.port))
    except (OSError, OverflowError) as error:
        listening.close()
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise StartError(f"admin.address {address}: {reason}; choose another in the configuration") from error
    return listening


class _Speaking(TypedDict, total=False):
    """Uvicorn's settings of TLS."""

    ssl_certfile: str
    ssl_keyfile: str
    ssl_ca_certs: str
    ssl_cert_reqs: int


def _speaking(tls: ListenerTls | None) -> _Speaking:
    """Uvicorn's settings for a configuration of TLS; none without TLS."""
    if tls is None:
        return {}
    files: _Speaking = {"ssl_certfile": str(tls.certificate), "ssl_keyfile": str(tls.key)}
    if tls.client_ca is None:
        return files
    asked = ssl.CERT_REQUIRED if tls.client_certificate == "required" else ssl.CERT_OPTIONAL
    return {**files, "ssl_ca_certs": str(tls.client_ca), "ssl_cert_reqs": asked}


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the process has one place for them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install no signal handlers."""
        yield


class AdminServer:
    """Two uvicorn servers with one app.

    Args:
        address: `HOST:PORT`, or `None` for the Unix socket only.
        unix: path of the Unix socket.
        tls: the settings of TLS at the address; `None`: plain HTTP.
        trusted_proxies: addresses and networks whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    """

    def __init__(
        self,
        address: str | None,
        unix: Path,
        tls: ListenerTls | None = None,
        trusted_proxies: Sequence[str] = (),
    ) -> None:
        self._trusted_proxies = list(trusted_proxies)
        self._calls: Calls | None = None
        self._address = address
        self._unix = unix
        self._tls = tls
        self._servers: list[_Server] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.port = 0

    @classmethod
    def of(cls, settings: Admin, unix: Path) -> AdminServer:
        """The server that a configuration asks for.

        Args:
            settings: the configuration's `admin`.
            unix: path of the Unix socket.
        """
        return cls(settings.address, unix, settings.tls, settings.trusted_proxies)

    async def start(self, app: App) -> None:
        """Listen on both. The app's start-up runs once, in the TCP server if there is one.

        Args:
            app: the REST API and dashboard.

        Raises:
            StartError: an address is taken or not allowed, or the certificate can't be used.
        """
        self._calls = calls = Calls(app)
        tcp = None if self._address is None else bind_tcp(self._address)
        try:
            unix = bind_unix(self._unix)
        except SocketUnavailableError as error:
            if tcp is not None:
                tcp.close()
            raise StartError(str(error)) from error
        if tcp is not None:
            self.port = tcp.getsockname()[1]
            await self._serve(calls, tcp, lifespan="on", tls=self._tls, trusted_proxies=self._trusted_proxies)
        await self._serve(trusting(calls), unix, lifespan="on" if tcp is None else "off")

    async def _serve(
        self,
        app: App,
        listening: socket.socket,
        lifespan: Literal["on", "off"],
        tls: ListenerTls | None = None,
        trusted_proxies: Sequence[str] = (),
    ) -> None:
        config = uvicorn.Config(
            app,
            lifespan=lifespan,
            # uvicorn would set up Python's logging anew, against `logs.configure`.
            log_config=None,
            access_log=False,
            server_header=False,
            # By default uvicorn believes proxies on loopback, where every program could be one.
            proxy_headers=bool(trusted_proxies),
            forwarded_allow_ips=list(trusted_proxies),
            timeout_graceful_shutdown=3,
            # This bounds memory; beyond it uvicorn itself answers 503.
            limit_concurrency=512,
            **_speaking(tls),
        )
        try:
            config.load()
        except OSError as error:  # ssl.SSLError is one
            raise StartError(f"admin.tls {tls and tls.certificate}: {error}") from error
        # uvicorn has no setting for the lowest version, but its context exists before it listens.
        if tls is not None and config.ssl is not None:
            config.ssl.minimum_version = _VERSIONS[tls.min_version]
        server = _Server(config)
        self._servers.append(server)
        task = asyncio.create_task(server.serve(sockets=[listening]))
        self._tasks.append(task)
        # uvicorn has no event for its start, which takes a few milliseconds.
        while not server.started:
            if task.done():
                reason = task.exception() or "it ended at once"
                raise StartError(f"admin server did not start: {reason}")
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Answer the requests under way, end those that take too long, then close."""
        # Both servers are told first, so that neither accepts calls while those under way end.
        for server in self._servers:
            server.should_exit = True
        if self._calls is not None:
            await self._calls.end()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(OSError):
            self._unix.unlink()
