"""Users: accounts, their roles and their second factors."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from starfort.admin.accounts import NAME, Account
from starfort.admin.roles import Role
from starfort.api.access import Admin, Office, actor
from starfort.api.sessions import FirstCode, NewSecret, RecoveryCodes, Secret, turn_factor_on

router = APIRouter(tags=["users"])
Name = Annotated[str, Path(min_length=1, max_length=64, description="The account's name.")]


class NewUser(BaseModel):
    """An account to make."""

    name: Annotated[str, Field(max_length=64, pattern=f"^{NAME.pattern}$")]
    password: NewSecret
    role: Role = Role.VIEWER


class Change(BaseModel):
    """What to change; a field that is left out stays as it is."""

    role: Role | None = None
    password: Annotated[NewSecret | None, Field(description="Ends the account's sessions.")] = None


@router.get("/users", summary="Accounts", description="By name.")
def list_users(_: Admin, desk: Office) -> list[Account]:
    """Every account."""
    return desk.accounts.list()


@router.post(
    "/users", status_code=201, summary="Make an account", description="With a role and a first password."
)
def add_user(principal: Admin, desk: Office, request: Request, body: NewUser) -> Account:
    """Make an account."""
    return desk.accounts.add(
        body.name, body.password.get_secret_value(), body.role, actor(principal, request)
    )


@router.patch("/users/{name}", summary="Change an account", description="Its role, its password, or both.")
def change_user(principal: Admin, desk: Office, request: Request, name: Name, body: Change) -> Account:
    """Change role or password."""
    who = actor(principal, request)
    if body.password is not None:
        # A new password ends all sessions, except the one in which somebody changes their own.
        keep = principal.session_key if principal.name == name else ""
        desk.accounts.set_password(name, body.password.get_secret_value(), who, keep)
    if body.role is not None:
        return desk.accounts.set_role(name, body.role, who)
    return desk.accounts.get(name)


@router.post(
    "/users/{name}/second-factor",
    status_code=201,
    summary="Begin with an account's second factor",
    description="A new secret for its authenticator app. It counts once a code of it was sent with PUT.",
)
def begin_second_factor(_: Admin, desk: Office, name: Name) -> Secret:
    """Make a secret."""
    made = desk.second_factor.begin(name)
    return Secret(secret=made.secret, uri=made.uri)


@router.put(
    "/users/{name}/second-factor",
    summary="Turn an account's second factor on",
    description="With a first code. The answer has the recovery codes, this once.",
    openapi_extra={"x-errors": [429]},
)
def confirm_second_factor(
    principal: Admin, desk: Office, request: Request, name: Name, body: FirstCode
) -> RecoveryCodes:
    """Turn it on."""
    return turn_factor_on(desk, request, name, body.code, actor(principal, request))


@router.delete(
    "/users/{name}/second-factor",
    status_code=204,
    summary="Turn an account's second factor off",
    description="For somebody who lost the device and the recovery codes. It is in the audit log.",
)
def end_second_factor(principal: Admin, desk: Office, request: Request, name: Name) -> Response:
    """Turn it off."""
    desk.second_factor.off(name, actor(principal, request))
    return Response(status_code=204)


@router.delete(
    "/users/{name}",
    status_code=204,
    summary="Remove an account",
    description="With its sessions and tokens. The last administrator stays.",
    openapi_extra={"x-errors": [409]},
)
def remove_user(principal: Admin, desk: Office, request: Request, name: Name) -> Response:
    """Remove an account."""
    desk.accounts.remove(name, actor(principal, request))
    return Response(status_code=204)
