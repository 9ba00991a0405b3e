"""Nobody passes without a session: pages, NiceGUI's scripts and its WebSocket alike."""

from urllib.parse import quote

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from starfort.admin.desk import Desk
from starfort.admin.sessions import COOKIE

OPEN = ("/login", "/logout", "/assets/", "/api/", "/metrics", "/healthz", "/favicon.ico")
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
        principal = self._desk.sessions.find(HTTPConnection(scope).cookies.get(COOKIE))
        if principal is not None:
            scope.setdefault("state", {})["principal"] = principal
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
