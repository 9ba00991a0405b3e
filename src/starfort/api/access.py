"""Who makes a request, and whether they may: session cookie, bearer token or the local socket.

Every route has one parameter of type `Viewer`, `Operator`, `Admin`, `Enrolling` or `Anyone`. A request is
authenticated by the first of these that it has: `Authorization: Bearer …`, the session cookie, the local Unix
socket, whose file mode decides who may open it. Writes with a cookie need a CSRF token as well.
"""

import hmac
from typing import Annotated

import structlog
from fastapi import Depends, HTTPException, Request

from starfort.admin import cookies
from starfort.admin.audit import Actor
from starfort.admin.cookies import address_of
from starfort.admin.desk import Desk
from starfort.admin.errors import TooManyError
from starfort.admin.roles import Principal, Role

log = structlog.get_logger(__name__)

CSRF_HEADER = "x-csrf-token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def desk_of(request: Request) -> Desk:
    """The desk of the application that answers this request."""
    desk: Desk = request.app.state.desk
    return desk


def identify(request: Request, desk: Desk) -> Principal | None:
    """Who makes a request; `None` when that is not known.

    Raises:
        TooManyError: the token is wrong, and too many wrong ones came from this address.
    """
    authorization = request.headers.get("authorization")
    if authorization is not None:
        scheme, _, credential = authorization.partition(" ")
        if scheme.lower() != "bearer":
            # A credential of another kind is not ignored: the cookie beside it may be somebody else's.
            return None
        attempt = desk.limiter.token(address_of(request))
        # The token is looked up even when the limit is reached: a right one always passes, so that nobody can
        # lock a program out by guessing from its address.
        found = desk.tokens.find(credential.strip())
        if found is None and attempt is None:
            raise TooManyError("too many wrong API tokens: try again in 10 s", 10)
        if found is not None and attempt is not None:
            attempt.succeeded()
        return found
    cookie = cookies.session_of(request)
    if cookie is not None:
        return desk.sessions.find(cookie)
    # Only `runtime.admin` sets this, on its Unix socket; no header can.
    if getattr(request.state, "local", False) is True:
        return Principal(name="local", role=Role.ADMIN, via="token")
    return None


class Requires:
    """A dependency that lets in callers who have a role, and gives the route their principal.

    Args:
        role: the least role that is needed.
        enrolling: whether somebody who still has to set up a second factor may do this.
    """

    def __init__(self, role: Role, *, enrolling: bool = False) -> None:
        self.role = role
        self.enrolling = enrolling

    def __call__(self, request: Request, desk: Annotated[Desk, Depends(desk_of)]) -> Principal:
        """Authenticate, check the role, and for writes by cookie the CSRF token.

        Raises:
            HTTPException: 401 without a valid credential, 403 without the role or the CSRF token.
        """
        principal = identify(request, desk)
        if principal is None:
            # The header is required with this status (RFC 9110, 15.5.2).
            raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
        # Another site can make a browser send the cookie, but does not know the token. A bearer token is sent
        # by programs on purpose, so it needs none.
        if principal.via == "session" and request.method not in SAFE_METHODS:
            given = request.headers.get(CSRF_HEADER, "")
            # In constant time: otherwise the token could be guessed one character after the other.
            if not hmac.compare_digest(given.encode(), principal.csrf.encode()):
                raise HTTPException(403, f"send the session's CSRF token in {CSRF_HEADER}")
        # A password alone must not open anything once the role needs a second factor.
        if principal.must_enrol and not self.enrolling:
            raise HTTPException(
                403, "your role needs a second factor: set one up at /second-factor, or with this API"
            )
        if not principal.role.covers(self.role):
            log.warning(
                "access_refused",
                account=principal.name,
                role=principal.role.value,
                needed=self.role.value,
                method=request.method,
                path=request.url.path[:200],
                address=address_of(request),
            )
            raise HTTPException(
                403, f"this needs the role {self.role.value}; yours is {principal.role.value}"
            )
        return principal


class Open:
    """A dependency that lets everybody in: a route that is open says so."""

    role = None

    def __call__(self) -> None:
        """Let everybody in."""


Enrolling = Annotated[Principal, Depends(Requires(Role.VIEWER, enrolling=True))]
Viewer = Annotated[Principal, Depends(Requires(Role.VIEWER))]
Operator = Annotated[Principal, Depends(Requires(Role.OPERATOR))]
Admin = Annotated[Principal, Depends(Requires(Role.ADMIN))]
Anyone = Annotated[None, Depends(Open())]
Office = Annotated[Desk, Depends(desk_of)]


def actor(principal: Principal, request: Request) -> Actor:
    """Who makes a change, for the audit log."""
    return Actor(principal.name, address_of(request))
