"""Nobody gets a page, a script of NiceGUI or its WebSocket without a session."""

import secrets
from typing import Final
from urllib.parse import quote

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from starfort.admin import cookies
from starfort.admin.desk import Desk
from starfort.dashboard import second_factor

OPEN: Final = (
    "/login",
    "/login/code",
    "/logout",
    "/assets/",
    "/api/",
    "/metrics",
    "/healthz",
    "/favicon.ico",
)
"""Paths that authenticate on their own or have nothing to hide."""


class Gate:
    """ASGI middleware: refuses callers without a session, and tells pages whose session it is.

    Args:
        app: the application.
        desk: has the sessions.
    """

    def __init__(self, app: ASGIApp, desk: Desk) -> None:
        self._app = app
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or WebSocket."""
        # NiceGUI's scripts and its socket are not open: they show which version runs, and what pages say.
        if scope["type"] not in ("http", "websocket") or _is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        principal = self._desk.sessions.find(cookies.session_of(HTTPConnection(scope)))
        if principal is None:
            await _refused(scope)(scope, receive, send)
        elif principal.must_enrol and not _enrols(scope["path"]):
            answer = RedirectResponse(second_factor.PATH, 303) if scope["type"] == "http" else _close
            await answer(scope, receive, send)
        else:
            state = scope.setdefault("state", {})
            # 128 random bits for each page, so that nobody can guess the next one.
            state["principal"], state["nonce"] = principal, secrets.token_urlsafe(16)
            await self._app(scope, receive, send)


def _refused(scope: Scope) -> ASGIApp:
    """What callers without a session get: a page leads to the login, everything else is refused."""
    if scope["type"] == "websocket":
        return _close
    # A redirected script or poll would only get the HTML of the login.
    if scope["method"] == "GET" and not scope["path"].startswith("/_nicegui"):
        query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
        target = quote(f"{scope['path']}{query}", safe="/")
        return RedirectResponse(f"/login?next={target}", 303)
    return PlainTextResponse("log in first\n", 401)


async def _close(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Refuse a WebSocket: 1008 is a policy violation (RFC 6455, 7.4.1)."""
    await send({"type": "websocket.close", "code": 1008})


def _enrols(path: str) -> bool:
    """Whether a path belongs to setting up a second factor, which somebody must do first."""
    return path == second_factor.PATH or path.startswith(f"{second_factor.PATH}/")


def _is_open(path: str) -> bool:
    return any(path == prefix or (prefix.endswith("/") and path.startswith(prefix)) for prefix in OPEN)
