"""API tokens: one's own; for administrators those of everybody."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Request, Response
from pydantic import BaseModel, Field

from starfort.admin.roles import Role
from starfort.admin.tokens import NAME, Token
from starfort.api.access import Office, Viewer, actor

router = APIRouter(tags=["tokens"])


class NewToken(BaseModel):
    """A token to make."""

    name: Annotated[str, Field(max_length=64, pattern=f"^{NAME.pattern}$", description="What it is for.")]
    role: Role = Role.VIEWER
    days: Annotated[int | None, Field(ge=1, le=3650, description="Days until it ends; null for never.")] = 90
    owner: Annotated[str | None, Field(max_length=64, description="Somebody else's, for administrators.")] = (
        None
    )


class CreatedToken(BaseModel):
    """A token that was just made."""

    token: Token
    text: Annotated[str, Field(description="The token itself. It is shown this once and not kept.")]


@router.get("/tokens", summary="API tokens", description="One's own; administrators see everybody's.")
def list_tokens(principal: Viewer, desk: Office) -> list[Token]:
    """Tokens without their text."""
    return desk.tokens.list(None if principal.role is Role.ADMIN else principal.name)


@router.post(
    "/tokens",
    status_code=201,
    summary="Make an API token",
    description="Its text is in the answer only.",
    openapi_extra={"x-errors": [404]},
)
def add_token(principal: Viewer, desk: Office, request: Request, body: NewToken) -> CreatedToken:
    """Make a token that may do at most what the caller may do."""
    owner = body.owner or principal.name
    if owner != principal.name and principal.role is not Role.ADMIN:
        raise HTTPException(403, "only an administrator makes tokens for others")
    # Otherwise a stolen token could make itself a better one.
    if not principal.role.covers(body.role):
        raise HTTPException(403, f"your role is {principal.role.value}: a token cannot be {body.role.value}")
    expires = datetime.now(UTC) + timedelta(days=body.days) if body.days is not None else None
    token, text = desk.tokens.create(owner, body.name, body.role, expires, actor(principal, request))
    return CreatedToken(token=token, text=text)


@router.delete("/tokens/{token_id}", status_code=204, summary="Revoke an API token", description="At once.")
def revoke_token(
    principal: Viewer,
    desk: Office,
    request: Request,
    token_id: Annotated[int, Path(ge=1, le=2**31 - 1, description="The token's number.")],
) -> Response:
    """Revoke one's own token, or as an administrator anybody's."""
    # With an owner, a token of somebody else is "not found": its number does not even show that it exists.
    owner = None if principal.role is Role.ADMIN else principal.name
    desk.tokens.revoke(token_id, actor(principal, request), owner)
    return Response(status_code=204)
