"""Names and attributes of our cookies.

Over TLS their names begin with `__Host-`: a browser then takes them only with `Secure`, for `/`, and from
this host itself, so that neither another port's plain HTTP nor a neighbouring host can set one (RFC 6265bis,
section 4.1.3.2). Plain HTTP, which is for loopback and an SSH tunnel, cannot have that prefix; there
`HttpOnly` and `SameSite=Strict` hold, and another program on the same host name can overwrite the cookie.
"""

from collections.abc import Mapping

from starlette.requests import HTTPConnection
from starlette.responses import Response

from starfort.admin.sessions import ABSOLUTE_MS

SESSION = "starfort_session"
BROWSER = "starfort_browser"
BROWSER_S = 180 * 86_400
"""How long a browser stays known: half a year."""


def name_of(cookie: str, *, secure: bool) -> str:
    """A cookie's name on the wire."""
    return f"__Host-{cookie}" if secure else cookie


def read(cookies: Mapping[str, str], cookie: str, *, secure: bool) -> str | None:
    """A cookie's value; over TLS only of the name that another host cannot set."""
    return cookies.get(name_of(cookie, secure=secure))


def put(response: Response, session: str, browser: str, *, secure: bool) -> None:
    """Put both cookies on an answer: out of reach of scripts, sent to this site only."""
    for cookie, value, seconds in ((SESSION, session, ABSOLUTE_MS // 1000), (BROWSER, browser, BROWSER_S)):
        # Strict: a link on another site opens the dashboard without the session, and a form there cannot use
        # it.
        response.set_cookie(
            name_of(cookie, secure=secure), value, max_age=seconds, path="/", secure=secure, httponly=True,
            samesite="strict",
        )  # fmt: skip


def drop(response: Response, *, secure: bool) -> None:
    """Take the session away; the browser stays known."""
    response.delete_cookie(
        name_of(SESSION, secure=secure), path="/", secure=secure, httponly=True, samesite="strict"
    )


def is_secure(request: HTTPConnection) -> bool:
    """Whether the caller speaks TLS with us, or with a proxy that the configuration trusts."""
    return request.url.scheme in ("https", "wss")


def session_of(request: HTTPConnection) -> str | None:
    """Value of the session's cookie."""
    return read(request.cookies, SESSION, secure=is_secure(request))


def browser_of(request: HTTPConnection) -> str | None:
    """Value of the cookie of a known browser."""
    return read(request.cookies, BROWSER, secure=is_secure(request))


def address_of(request: HTTPConnection) -> str:
    """Address of the caller, empty on the local socket; forwarding headers count from trusted proxies."""
    # uvicorn has applied forwarding headers already, from trusted proxies only.
    return request.client.host if request.client else ""
