"""Who asks, and may they: session cookie, bearer token or the local socket; CSRF protection of cookie writes.

Every route has one parameter of type `Viewer`, `Operator`, `Admin` or `Anyone`. A request is authenticated
by, in this order: `Authorization: Bearer …`, the session cookie, the local Unix socket (whose file mode
decided).
"""

import hmac
from typing import Annotated

from fastapi import Depends, HTTPException, Request

from starfort.admin.audit import Actor
from starfort.admin.desk import Desk
from starfort.admin.roles import Principal, Role
from starfort.admin.sessions import COOKIE

CSRF_HEADER = "x-csrf-token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def desk_of(request: Request) -> Desk:
    """The desk of the application that answers this request."""
    desk: Desk = request.app.state.desk
    return desk


def address_of(request: Request) -> str:
    """Address of the caller; empty on the local socket. Forwarding headers are not believed."""
    return request.client.host if request.client else ""


def identify(request: Request, desk: Desk) -> Principal | None:
    """Who asks; `None` for nobody that is known."""
    authorization = request.headers.get("authorization")
    if authorization is not None:
        scheme, _, credential = authorization.partition(" ")
        return desk.tokens.find(credential.strip()) if scheme.lower() == "bearer" else None
    cookie = request.cookies.get(COOKIE)
    if cookie is not None:
        return desk.sessions.find(cookie)
    if getattr(request.state, "local", False) is True:
        return Principal(name="local", role=Role.ADMIN, via="token")
    return None


class Requires:
    """A dependency that lets in whoever has a role, and says who it is.

    Args:
        role: the least that is needed.
    """

    def __init__(self, role: Role) -> None:
        self.role = role

    def __call__(self, request: Request, desk: Annotated[Desk, Depends(desk_of)]) -> Principal:
        """Authenticate, check the role, and for writes by cookie the CSRF token.

        Raises:
            HTTPException: 401 without a valid credential, 403 without the role or the CSRF token.
        """
        principal = identify(request, desk)
        if principal is None:
            raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
        if principal.via == "session" and request.method not in SAFE_METHODS:
            given = request.headers.get(CSRF_HEADER, "")
            if not hmac.compare_digest(given.encode(), principal.csrf.encode()):
                raise HTTPException(403, f"send the session's CSRF token in {CSRF_HEADER}")
        if not principal.role.covers(self.role):
            raise HTTPException(
                403, f"this needs the role {self.role.value}; yours is {principal.role.value}"
            )
        return principal


class Open:
    """A dependency that lets everybody in, so that a route says so."""

    role = None

    def __call__(self) -> None:
        """Let everybody in."""


Viewer = Annotated[Principal, Depends(Requires(Role.VIEWER))]
Operator = Annotated[Principal, Depends(Requires(Role.OPERATOR))]
Admin = Annotated[Principal, Depends(Requires(Role.ADMIN))]
Anyone = Annotated[None, Depends(Open())]
Office = Annotated[Desk, Depends(desk_of)]


def actor(principal: Principal, request: Request) -> Actor:
    """Who makes a change, for the audit log."""
    return Actor(principal.name, address_of(request))
