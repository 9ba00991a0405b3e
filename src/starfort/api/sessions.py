"""Sessions: logging in and out, who is logged in, and one's own password and second factor."""

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path, Request, Response
from pydantic import BaseModel, Field, SecretStr

from starfort.admin import cookies
from starfort.admin.audit import Actor, record
from starfort.admin.desk import Desk
from starfort.admin.errors import RefusedError
from starfort.admin.passwords import MAX_BYTES, MIN_LENGTH
from starfort.admin.roles import Principal, Role
from starfort.admin.sessions import OpenSession
from starfort.api.access import (
    Anyone,
    Enrolling,
    Office,
    Viewer,
    actor,
)

router = APIRouter(tags=["sessions"])

# SecretStr prints as asterisks, in logs and in the traceback of a mistake.
Password = Annotated[SecretStr, Field(min_length=1, max_length=256)]
Code = Annotated[
    SecretStr, Field(min_length=6, max_length=32, description="A code from the app, or a recovery code.")
]
NewSecret = Annotated[
    SecretStr,
    Field(
        min_length=MIN_LENGTH,
        max_length=MAX_BYTES,
        description=f"At least {MIN_LENGTH} characters, and not a common one.",
    ),
]


class Credentials(BaseModel):
    """Name and password, and a code when the account has a second factor."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    password: Password
    code: Annotated[
        SecretStr | None, Field(max_length=32, description="For accounts with a second factor.")
    ] = None


class Whoami(BaseModel):
    """Who is logged in."""

    name: str
    role: Role
    via: Literal["session", "token"]
    csrf: Annotated[str, Field(description="Send it as `X-CSRF-Token` with writes; empty for tokens.")]
    theme: Literal["auto", "light", "dark"]
    second_factor: Annotated[bool, Field(description="Whether the account has one; false for tokens.")]
    must_enrol: Annotated[
        bool,
        Field(
            description="Whether the role needs a second factor first; until then nothing else is allowed."
        ),
    ]


class NewPassword(BaseModel):
    """The old and the new password."""

    current: Password
    new: NewSecret


class Secret(BaseModel):
    """What an authenticator app needs to make codes."""

    secret: Annotated[str, Field(description="Base32.")]
    uri: Annotated[str, Field(description="The same as `otpauth://…`, for a QR code.")]


class OwnPassword(BaseModel):
    """One's own password, to confirm an important change."""

    password: Password


class FirstCode(BaseModel):
    """A code that proves that the app has the secret."""

    code: Code


class LastCode(BaseModel):
    """Password and code, to turn the second factor off."""

    password: Password
    code: Code


class RecoveryCodes(BaseModel):
    """Codes that replace a lost app. Each works once, and they are shown this once."""

    codes: list[str]


@router.post(
    "/sessions",
    status_code=201,
    summary="Log in",
    description=(
        "Sets the session's cookie. An account with a second factor needs `code`: without it the answer is "
        "401 of type `second_factor_needed`. Failed attempts are limited per address and account."
    ),
    openapi_extra={"x-errors": [401, 429]},
)
async def log_in(_: Anyone, desk: Office, request: Request, response: Response, body: Credentials) -> Whoami:
    """Log in with name and password."""
    # A browser that logged in before has a cookie that says so: guessing from elsewhere does not lock it out.
    entry = await desk.login.attempt(
        body.name,
        body.password.get_secret_value(),
        cookies.address_of(request),
        browser=cookies.browser_of(request),
        code=body.code.get_secret_value() if body.code else "",
    )
    cookies.put(response, entry.session, entry.browser, secure=cookies.is_secure(request))
    principal = desk.sessions.find(entry.session)
    # An administrator may remove the account while the password is hashed, which takes 50 ms.
    if principal is None:
        raise RefusedError("the account was removed while logging in")
    return _whoami(principal)


@router.get(
    "/sessions",
    summary="One's own sessions",
    description="Last used first, with where each began; at most 20.",
)
def list_sessions(principal: Viewer, desk: Office) -> list[OpenSession]:
    """The sessions of the caller."""
    return desk.sessions.list(principal.name)


@router.get("/sessions/current", summary="Who one is", description="Name, role and the session's CSRF token.")
def who_am_i(principal: Enrolling) -> Whoami:
    """The caller's account."""
    return _whoami(principal)


@router.delete(
    "/sessions/current", status_code=204, summary="Log out", description="Ends the session at once."
)
def log_out(principal: Enrolling, desk: Office, request: Request) -> Response:
    """End the session; a token has none to end."""
    response = Response(status_code=204)
    if principal.session_key:
        desk.sessions.close(principal.session_key)
        with desk.database.begin() as session:
            record(session, Actor(principal.name, cookies.address_of(request)), "logout", principal.name)
    cookies.drop(response, secure=cookies.is_secure(request))
    return response


@router.put(
    "/sessions/current/password",
    status_code=204,
    summary="Change one's own password",
    description="Ends the account's other sessions. For sessions only: a token cannot take an account over.",
    openapi_extra={"x-errors": [429]},
)
async def change_password(
    principal: Enrolling, desk: Office, request: Request, body: NewPassword
) -> Response:
    """Change one's own password."""
    await _confirm(principal, desk, request, body.current)
    desk.accounts.set_password(
        principal.name, body.new.get_secret_value(), actor(principal, request), principal.session_key
    )
    return Response(status_code=204)


@router.post(
    "/sessions/current/second-factor",
    status_code=201,
    summary="Begin with a second factor",
    description="A new secret for an authenticator app. It counts once a code of it was sent with PUT.",
    openapi_extra={"x-errors": [429]},
)
async def begin_second_factor(
    principal: Enrolling, desk: Office, request: Request, body: OwnPassword
) -> Secret:
    """Make a secret."""
    await _confirm(principal, desk, request, body.password)
    made = desk.second_factor.begin(principal.name)
    return Secret(secret=made.secret, uri=made.uri)


@router.put(
    "/sessions/current/second-factor",
    summary="Turn one's second factor on",
    description="With a first code. The answer has the recovery codes, this once.",
    openapi_extra={"x-errors": [404, 429]},
)
def confirm_second_factor(
    principal: Enrolling, desk: Office, request: Request, body: FirstCode
) -> RecoveryCodes:
    """Turn it on."""
    _only_sessions(principal)
    return turn_factor_on(desk, request, principal.name, body.code, actor(principal, request))


@router.post(
    "/sessions/current/second-factor/off",
    status_code=204,
    summary="Turn one's second factor off",
    description="With password and a code.",
    openapi_extra={"x-errors": [429]},
)
async def end_second_factor(principal: Enrolling, desk: Office, request: Request, body: LastCode) -> Response:
    """Turn it off."""
    await _confirm(principal, desk, request, body.password)
    desk.login.confirm_code(principal.name, body.code.get_secret_value(), cookies.address_of(request))
    desk.second_factor.off(principal.name, actor(principal, request))
    return Response(status_code=204)


@router.delete(
    "/sessions/{session_id}",
    status_code=204,
    summary="End one of one's own sessions",
    description="At once, such as that of a computer that one left.",
)
def end_session(
    principal: Viewer,
    desk: Office,
    request: Request,
    session_id: Annotated[str, Path(pattern="^[0-9a-f]{16}$", description="Its id.")],
) -> Response:
    """End a session."""
    _only_sessions(principal)
    desk.sessions.end(principal.name, session_id)
    with desk.database.begin() as session:
        record(session, actor(principal, request), "session.end", f"{principal.name}/{session_id}")
    return Response(status_code=204)


def turn_factor_on(
    desk: Desk, request: Request, name: str, code: SecretStr, changed_by: Actor
) -> RecoveryCodes:
    """Turn an account's second factor on with a first code.

    Raises:
        AdminError: the code is wrong, nobody began with a factor, or too many codes were tried.
    """
    # Counted before the code is looked at: a code has a million values, and guessing must not be free.
    attempt = desk.limiter.code(cookies.address_of(request), name)
    codes = desk.second_factor.confirm(name, code.get_secret_value(), changed_by)
    attempt.succeeded()
    return RecoveryCodes(codes=codes)


def _only_sessions(principal: Principal) -> None:
    """Refuse a token: whoever stole one must not be able to change the password or the second factor.

    Raises:
        HTTPException: 403.
    """
    if not principal.session_key:
        raise HTTPException(403, "log in with a password for this: a token cannot take an account over")


async def _confirm(principal: Principal, desk: Office, request: Request, password: SecretStr) -> None:
    _only_sessions(principal)
    await desk.login.confirm(principal.name, password.get_secret_value(), cookies.address_of(request))


def _whoami(principal: Principal) -> Whoami:
    # The database holds any text; the answer promises three.
    theme: Literal["auto", "light", "dark"] = "auto"
    if principal.theme in ("light", "dark"):
        theme = "light" if principal.theme == "light" else "dark"
    return Whoami(
        name=principal.name,
        role=principal.role,
        via=principal.via,
        csrf=principal.csrf,
        theme=theme,
        second_factor=principal.second_factor,
        must_enrol=principal.must_enrol,
    )
