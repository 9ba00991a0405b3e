"""Security headers on every answer, and checks of where writes and WebSockets come from."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from starfort.api.hosts import Hosts
from starfort.api.problem import problem

API_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

PAGE_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-eval'{nonce}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    "object-src 'none'; frame-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
"""NiceGUI starts its pages from inline scripts. Each page gives a nonce to the scripts of NiceGUI's template
and to no others (`dashboard/nonce.py`), so a script that somebody got onto a page does not run. `unsafe-eval`
stays: Vue compiles templates in the browser, and NiceGUI runs with `eval` what the server sends; both come
over a WebSocket that needs the session. Inline styles stay too, because Quasar and the charts set them. Still
nothing may be loaded from or sent to another origin."""

MAX_BODY_BYTES = 64 * 1024
"""No request of the API or the forms needs more, except those that carry the text of a detector or a
check."""
MAX_QUESTION_BODY_BYTES = 1024 * 1024
"""A file of `MAX_QUESTION_BYTES` characters as JSON, in which each character may take several bytes."""
_SMALL = ("/api/", "/login", "/logout", "/second-factor")
_QUESTIONS = ("/api/v1/detectors/", "/api/v1/checks/")

_COMMON = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # With no-referrer browsers would send "Origin: null" with our own forms too, and `same_origin` could not
    # tell them from other sites.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class SecurityHeaders:
    """ASGI middleware: adds the headers, and refuses writes and WebSockets that another site started.

    A browser names the origin of every write and of every WebSocket. A request without
    one comes from no browser.

    Args:
        app: the application.
        hosts: the names of this server; a request to any other name is refused.
    """

    def __init__(self, app: ASGIApp, hosts: Hosts) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or WebSocket."""
        if scope["type"] not in ("http", "websocket"):  # the start and end of the application
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if not self._is_ours(scope, headers):
            await _refuse(scope, receive, send, MISDIRECTED)
            return
        most = MAX_QUESTION_BODY_BYTES if scope["path"].startswith(_QUESTIONS) else MAX_BODY_BYTES
        if scope["type"] == "http" and scope["path"].startswith(_SMALL) and _length(headers) > most:
            await _refuse(scope, receive, send, (413, f"send at most {most} bytes", "too_large"))
            return
        write = scope["type"] == "websocket" or scope["method"] not in _SAFE
        if write and not same_origin(headers):
            await _refuse(scope, receive, send, CROSS_ORIGIN)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_headers(MutableHeaders(scope=message), scope)
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _is_ours(self, scope: Scope, headers: Headers) -> bool:
        # No browser speaks through the Unix socket, and its clients send any Host.
        if scope.get("state", {}).get("local") is True:
            return True
        named = headers.getlist("host")
        # Two Host lines may be read differently by a proxy in front of this server (RFC 9112, 3.2).
        return len(named) == 1 and self._hosts.answers_to(named[0])


MISDIRECTED = (
    421,
    "this server does not answer to the name in Host: use its address, or add the name to admin.hosts",
    "unknown_host",
)
CROSS_ORIGIN = (403, "the request comes from another site", "cross_origin")


async def _refuse(scope: Scope, receive: Receive, send: Send, why: tuple[int, str, str]) -> None:
    if scope["type"] == "websocket":
        # 1008 is a policy violation (RFC 6455, 7.4.1). Before the handshake it becomes a 403.
        await send({"type": "websocket.close", "code": 1008})
        return
    status, detail, code = why

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            add_headers(MutableHeaders(scope=message), scope)
        await send(message)

    await problem(status, detail, code=code)(scope, receive, send_with_headers)


def add_headers(headers: MutableHeaders, scope: Scope) -> None:
    """Put the security headers on an answer. A policy that a page set itself stays."""
    for name, value in _COMMON.items():
        headers[name] = value
    path: str = scope["path"]
    api = path.startswith("/api/") or path in ("/metrics", "/healthz")
    if "content-security-policy" not in headers:
        nonce = scope.get("state", {}).get("nonce", "")
        page = PAGE_POLICY.replace("{nonce}", f" 'nonce-{nonce}'" if nonce else "")
        headers["content-security-policy"] = API_POLICY if api else page
    # Answers and pages show what only this viewer may see. Style sheets and scripts say how long they last.
    if api or "cache-control" not in headers:
        headers["cache-control"] = "no-store"
    # Over HTTP browsers ignore it (RFC 6797, 8.1).
    if scope["scheme"] == "https":
        headers["strict-transport-security"] = "max-age=31536000"


def same_origin(headers: Headers) -> bool:
    """Whether the origin that a request names is the host that it goes to; true when it names none."""
    # Browsers that send it also send it for requests without an Origin (Fetch Metadata).
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    if origin is None:
        return True
    host = headers.get("host", "")
    return bool(host) and urlsplit(origin).netloc.lower() == host.lower()


def _length(headers: Headers) -> int:
    text = headers.get("content-length", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0  # noqa: PLR2004  (2^63)
