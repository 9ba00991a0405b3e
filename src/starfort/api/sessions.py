"""Sessions: logging in and out, and who one is."""

from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, SecretStr

from starfort.admin.audit import Actor, record
from starfort.admin.errors import InvalidError
from starfort.admin.roles import Principal, Role
from starfort.admin.sessions import ABSOLUTE_MS, COOKIE
from starfort.api.access import Anyone, Office, Viewer, actor, address_of

router = APIRouter(tags=["sessions"])


class Credentials(BaseModel):
    """Name and password."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    password: Annotated[SecretStr, Field(min_length=1, max_length=256)]


class Whoami(BaseModel):
    """Who one is."""

    name: str
    role: Role
    via: Literal["session", "token"]
    csrf: Annotated[str, Field(description="Send it as `X-CSRF-Token` with writes; empty for tokens.")]
    theme: Literal["auto", "light", "dark"]


class NewPassword(BaseModel):
    """The old and the new password."""

    current: Annotated[SecretStr, Field(min_length=1, max_length=256)]
    new: Annotated[SecretStr, Field(min_length=1, max_length=256, description="At least 12 characters.")]


def set_cookie(response: Response, value: str, *, secure: bool) -> None:
    """Put the session cookie on an answer: out of reach of scripts, sent to this site only."""
    response.set_cookie(
        COOKIE, value, max_age=ABSOLUTE_MS // 1000, path="/", secure=secure, httponly=True, samesite="strict"
    )


def drop_cookie(response: Response, *, secure: bool) -> None:
    """Take the session cookie away."""
    response.delete_cookie(COOKIE, path="/", secure=secure, httponly=True, samesite="strict")


@router.post(
    "/sessions",
    status_code=201,
    summary="Log in",
    description="Sets the session cookie. Failed attempts are limited per address and account.",
    openapi_extra={"x-errors": [401, 429]},
)
async def log_in(_: Anyone, desk: Office, request: Request, response: Response, body: Credentials) -> Whoami:
    """Log in with name and password."""
    cookie = await desk.login.attempt(body.name, body.password.get_secret_value(), address_of(request))
    set_cookie(response, cookie, secure=request.url.scheme == "https")
    principal = desk.sessions.find(cookie)
    if principal is None:
        raise InvalidError("the account was removed while logging in")
    return _whoami(principal)


@router.get("/sessions/current", summary="Who one is", description="Name, role and the session's CSRF token.")
def who_am_i(principal: Viewer) -> Whoami:
    """Who asks."""
    return _whoami(principal)


@router.delete(
    "/sessions/current", status_code=204, summary="Log out", description="Ends the session at once."
)
def log_out(principal: Viewer, desk: Office, request: Request) -> Response:
    """End the session; a token has none to end."""
    response = Response(status_code=204)
    if principal.session_key:
        desk.sessions.close(principal.session_key)
        with desk.database.begin() as session:
            record(session, Actor(principal.name, address_of(request)), "logout", principal.name)
    drop_cookie(response, secure=request.url.scheme == "https")
    return response


@router.put(
    "/sessions/current/password",
    status_code=204,
    summary="Change one's own password",
    description="Ends the account's other sessions. For sessions only: a token cannot take an account over.",
    openapi_extra={"x-errors": [429]},
)
async def change_password(principal: Viewer, desk: Office, request: Request, body: NewPassword) -> Response:
    """Change one's own password."""
    if not principal.session_key:
        raise InvalidError("log in with a password to change it")
    await desk.login.confirm(principal.name, body.current.get_secret_value(), address_of(request))
    desk.accounts.set_password(
        principal.name, body.new.get_secret_value(), actor(principal, request), principal.session_key
    )
    return Response(status_code=204)


def _whoami(principal: Principal) -> Whoami:
    theme: Literal["auto", "light", "dark"] = "auto"
    if principal.theme in ("light", "dark"):
        theme = "light" if principal.theme == "light" else "dark"
    return Whoami(
        name=principal.name, role=principal.role, via=principal.via, csrf=principal.csrf, theme=theme
    )
