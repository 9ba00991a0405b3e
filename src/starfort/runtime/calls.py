"""Tracks the requests under way, so that a server can wait for them when it stops, and end slow ones."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

Message: TypeAlias = MutableMapping[str, Any]
"""A message or scope of ASGI: what it holds depends on its `type`."""
Scope: TypeAlias = Message
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

GRACE_S: Final = 0.8
"""How long a request may go on after its server was told to stop."""

ABANDON_S: Final = 0.5
"""How long a request that is ended may take to clean up."""

_REFUSAL: Final = b"Starfort is stopping\n"


class Calls:
    """ASGI middleware that knows which requests are under way and can end them.

    When its time is up, uvicorn cancels the requests that are left and logs each as an error with a
    traceback. But a browser that waits by long polling is no error. So requests are ended here: one without
    an answer gets a 503, and a WebSocket is closed.

    Args:
        app: the app that answers.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._open: set[asyncio.Task[None]] = set()
        self._ending = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, WebSocket or the lifespan."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        # Once an answer has begun, no 503 can be sent, so this is noted.
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        work = asyncio.ensure_future(self._app(scope, receive, noted))
        self._open.add(work)
        work.add_done_callback(self._open.discard)
        try:
            # `wait` and not `await work`: a cancelled request must not cancel the server's own task with it.
            await asyncio.wait({work})
        except asyncio.CancelledError:
            work.cancel()
            raise
        if not work.cancelled():
            work.result()
        elif not self._ending:
            raise asyncio.CancelledError
        elif scope["type"] == "http" and not begun:
            await _refuse(send)

    async def end(self, grace_s: float = GRACE_S) -> None:
        """Wait for the requests under way, then end those that are left.

        Args:
            grace_s: seconds that they have.
        """
        self._ending = True
        if self._open:
            await asyncio.wait(set(self._open), timeout=grace_s)
        # A copy, because each request removes itself from the set when it ends.
        left = set(self._open)
        for work in left:
            work.cancel()
        if left:
            await asyncio.wait(left, timeout=ABANDON_S)


async def _refuse(send: Send) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    with contextlib.suppress(OSError):
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": _REFUSAL})
