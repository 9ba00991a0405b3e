"""A target for copies of requests.

Whoever mirrors requests ignores the answer, but some wait for it: nginx reads no further request of a
connection before its mirrored one is over. So every request is answered 204 as soon as its last byte is
here, whatever it is and whatever becomes of it, and the work is done afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from typing import Any, Final

import uvicorn

from starfort.sources.call import NO_ADDRESS, Call, Headers, Part, address_of, peeled, value_of
from starfort.sources.live.gate import Gate
from starfort.sources.live.listening import bound

UNSEEN: Final = frozenset({Part.RESPONSE, Part.RESPONSE_HEADERS, Part.RESPONSE_BODY})

BODY_S: Final = 30.0
"""How long a body may take, which a proxy on the same machine has already."""

_SHADOW: Final = "-shadow"
"""What Envoy appends to the host of a mirrored request (RouteAction.RequestMirrorPolicy)."""

_MINE: Final = (b"connection", b"keep-alive", b"x-envoy-internal", b"x-envoy-expected-rq-timeout-ms")
"""Headers that the mirroring proxy adds for its own connection."""


class MirrorSource:
    """Listens for mirrored requests.

    Args:
        address: where.
        gate: takes the calls.
        most_body: bytes of a body that are kept.
        of_envoy: Envoy sends the copies, and not nginx.

    Attributes:
        port: TCP port, once `run` listens.
    """

    def __init__(self, address: str, gate: Gate, most_body: int, *, of_envoy: bool = True) -> None:
        self.port = 0
        self._address = address
        self._of_envoy = of_envoy
        self._gate = gate
        self._most_body = most_body

    async def run(self) -> None:
        """Serve until cancelled.

        Raises:
            OSError: the address is taken, or not allowed.
        """
        listening = bound(self._address)
        self.port = listening.getsockname()[1]
        config = uvicorn.Config(
            self.app, lifespan="off", log_config=None, access_log=False, server_header=False,
            date_header=False, proxy_headers=False, ws="none", interface="asgi3", timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
        )  # fmt: skip
        server = _Server(config)
        try:
            await server.serve(sockets=[listening])
        finally:
            listening.close()

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        """The ASGI application."""
        if scope["type"] != "http":
            return
        room = self._gate.has_room()
        body, length = await self._body(receive, self._most_body if room else 0)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        if room:
            self._gate.counts.cut += length > len(body)
            self._gate.offer(call_of(scope, body, length, of_envoy=self._of_envoy))
        else:
            self._gate.drop("rate")

    async def _body(self, receive: Any, most: int) -> tuple[bytes, int]:
        """The beginning of a body, and how long all of it was; all of it is read."""
        kept, length = bytearray(), 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BODY_S):
                while True:
                    message = await receive()
                    piece = message.get("body", b"")
                    length += len(piece)
                    kept += piece[: most - len(kept)]
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        break
        return bytes(kept), length


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the process has one place for them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install no signal handlers."""
        yield


def call_of(scope: Any, body: bytes, length: int, *, of_envoy: bool) -> Call:
    """The call of a mirrored request.

    Args:
        scope: of ASGI.
        body: the body, or its beginning.
        length: of the whole body.
        of_envoy: Envoy sent it: it appended an address of its own, and a word to the host.
    """
    headers: Headers = tuple((name, value) for name, value in scope["headers"] if name not in _MINE)
    host = value_of(headers, b"host")
    query = scope.get("query_string", b"")
    target = scope.get("raw_path") or b"/"
    if of_envoy:
        # A copy is a request of Envoy's own client, which appends the address of its machine.
        _, headers = peeled(headers)
    caller, headers = peeled(headers)
    if caller == NO_ADDRESS:
        peer = scope.get("client") or ("", 0)
        caller = address_of(value_of(headers, b"x-real-ip") or peer[0])
    return Call(
        method=scope["method"],
        target=target + (b"?" + query if query else b""),
        host=original_host(host) if of_envoy else host,
        scheme=_scheme(headers, scope),
        time_us=time.time_ns() // 1000,
        address=caller,
        id=value_of(headers, b"x-request-id"),
        headers=headers,
        body=body,
        request_bytes=length,
        unseen=UNSEEN,
    )


def original_host(host: str) -> str:
    """The host of a mirrored request without what Envoy appends to it: `a.example-shadow:8080`."""
    name, colon, port = host.partition(":")
    return name.removesuffix(_SHADOW) + colon + port


def _scheme(headers: Headers, scope: Any) -> str:
    said = value_of(headers, b"x-forwarded-proto").lower()
    return said if said in {"http", "https"} else str(scope.get("scheme", "http"))
