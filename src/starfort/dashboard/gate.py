"""Nobody passes without a session: pages, NiceGUI's scripts and its WebSocket alike."""

import secrets
from urllib.parse import quote

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from starfort.admin import cookies
from starfort.admin.desk import Desk
from starfort.dashboard import second_factor

OPEN = ("/login", "/login/code", "/logout", "/assets/", "/api/", "/metrics", "/healthz", "/favicon.ico")
"""Paths that authenticate on their own or have nothing to hide."""


class Gate:
    """ASGI middleware: refuses whoever has no session, and tells pages who has.

    Args:
        app: the application.
        desk: knows the sessions.
    """

    def __init__(self, app: ASGIApp, desk: Desk) -> None:
        self._app = app
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or WebSocket."""
        if scope["type"] not in ("http", "websocket") or _is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        principal = self._desk.sessions.find(cookies.session_of(HTTPConnection(scope)))
        enrolling = scope["path"] == second_factor.PATH or scope["path"].startswith(f"{second_factor.PATH}/")
        if principal is not None and principal.must_enrol and not enrolling:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            else:
                await RedirectResponse(second_factor.PATH, 303)(scope, receive, send)
        elif principal is not None:
            state = scope.setdefault("state", {})
            state["principal"], state["nonce"] = principal, secrets.token_urlsafe(16)
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["method"] == "GET" and not scope["path"].startswith("/_nicegui"):
            query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
            target = quote(f"{scope['path']}{query}", safe="/")
            await RedirectResponse(f"/login?next={target}", 303)(scope, receive, send)
        else:
            await PlainTextResponse("log in first\n", 401)(scope, receive, send)


def _is_open(path: str) -> bool:
    return any(path == prefix or (prefix.endswith("/") and path.startswith(prefix)) for prefix in OPEN)
