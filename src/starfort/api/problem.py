"""The one shape of errors: `application/problem+json`, RFC 9457.

`type` is a stable URN with the machine-readable code. `detail` says what was wrong and what would be right.
Validation errors do not repeat the values that a caller sent, so a password in the wrong field stays out of
logs.
"""

import traceback
from collections.abc import Mapping
from typing import Annotated

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from starfort.admin.errors import AdminError, TooManyError, TooMuchError
from starfort.store import QueryLimitError, StoreBusyError

MEDIA_TYPE = "application/problem+json"
MAX_INVALID = 20
"""Values that one answer names: a body can have thousands of wrong ones."""

MAX_TRACE = 8_000
"""Characters of a traceback that are logged; the end is what tells."""

log = structlog.get_logger(__name__)

TITLES = {
    400: ("bad_request", "The request cannot be understood"),
    401: ("not_authenticated", "Log in or send an API token"),
    403: ("not_allowed", "Your role may not do this"),
    404: ("not_found", "There is no such thing"),
    405: ("method_not_allowed", "This method does not exist here"),
    409: ("conflict", "That contradicts what is there"),
    413: ("too_large", "The request is too large"),
    415: ("unsupported_media_type", "Send JSON"),
    421: ("unknown_host", "This server does not answer to that name"),
    422: ("invalid_value", "A value cannot be accepted"),
    429: ("too_many_attempts", "Too many attempts"),
    500: ("internal_error", "Starfort failed"),
    503: ("unavailable", "Not available now"),
}


class InvalidPart(BaseModel):
    """One value that cannot be accepted."""

    where: Annotated[str, Field(description="Such as `query.limit` or `body.name`.")]
    reason: Annotated[str, Field(description="What would be right.")]


class Problem(BaseModel):
    """An error, as RFC 9457 describes it."""

    type: Annotated[
        str, Field(description="`urn:starfort:problem:CODE`; the code never changes its meaning.")
    ]
    title: Annotated[str, Field(description="The kind of problem, for people.")]
    status: Annotated[int, Field(description="The HTTP status.")]
    detail: Annotated[str, Field(description="What was wrong, and what would be right.")]
    invalid: Annotated[list[InvalidPart], Field(description="Which values, when it is about values.")] = []


def problem(
    status: int,
    detail: str = "",
    *,
    code: str = "",
    headers: Mapping[str, str] | None = None,
    invalid: list[InvalidPart] | None = None,
) -> JSONResponse:
    """An error response.

    Args:
        status: HTTP status.
        detail: what was wrong and what would be right; the status's title when empty.
        code: stable snake_case code; the status's own when empty.
        headers: further headers, such as `Retry-After`.
        invalid: which values were wrong.
    """
    default_code, title = TITLES.get(status, ("error", "The request failed"))
    # A copy, because the caller's headers must not change.
    more = dict(headers or {})
    if status == 401:  # noqa: PLR2004 (Unauthorized: RFC 9110, 15.5.2, asks for the scheme)
        more.setdefault("WWW-Authenticate", "Bearer")
    body = Problem(
        type=f"urn:starfort:problem:{code or default_code}",
        title=title,
        status=status,
        detail=detail or title,
        invalid=invalid or [],
    )
    return JSONResponse(body.model_dump(), status, more, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make every error of an application a problem."""
    app.add_exception_handler(AdminError, _admin)
    app.add_exception_handler(QueryLimitError, _limit)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(Exception, _unexpected)


# Starlette types every handler for `Exception`, and calls it only for the class that it was added for.
async def _admin(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, AdminError):
        raise error
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, TooManyError) else None
    return problem(error.status, error.detail, code=error.code, headers=headers)


async def _limit(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, QueryLimitError):
        raise error
    return await _admin(request, TooMuchError(busy=isinstance(error, StoreBusyError)))


async def _http(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    plain = error.detail if isinstance(error.detail, str) else ""
    # Starlette's own words say less than our titles do.
    detail = "" if plain in ("Not Found", "Method Not Allowed") else plain
    headers = dict(error.headers or {})
    # A 405 must name the methods that there are (RFC 9110, 15.5.6).
    if error.status_code == 405:  # noqa: PLR2004
        headers["Allow"] = ", ".join(sorted(_methods(request)))
    return problem(error.status_code, detail, headers=headers)


def _methods(request: Request) -> set[str]:
    """The methods of every route of this path; Starlette tells only those of the first route."""
    found: set[str] = set()
    for route in request.app.routes:
        if isinstance(route, Route) and route.methods and route.matches(request.scope)[0] is not Match.NONE:
            found |= route.methods
    return found


async def _validation(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    parts = list(error.errors())[:MAX_INVALID]
    invalid = [
        InvalidPart(where=".".join(str(step) for step in part["loc"])[:200], reason=str(part["msg"])[:300])
        for part in parts
    ]
    detail = "; ".join(f"{part.where}: {part.reason}" for part in invalid[:3])
    return problem(422, detail, invalid=invalid)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    # Not by a renderer of tracebacks that shows the variables of each frame: they can hold passwords.
    trace = "".join(traceback.format_exception(error))[-MAX_TRACE:]
    log.error("api_failed", method=request.method, path=request.url.path, trace=trace)
    return problem(500, "Starfort failed to answer; its log says why")
