"""The login form, its second step, and logging out."""

import hmac
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from starfort.admin import cookies
from starfort.admin.audit import Actor, record
from starfort.admin.desk import Desk
from starfort.admin.errors import AdminError, TooManyError
from starfort.admin.login import CodeNeededError, Entry
from starfort.dashboard import plain

Target = Annotated[str, Form(alias="next", max_length=2000)]


def router(desk: Desk) -> APIRouter:
    """Routes of the forms.

    Args:
        desk: who may log in.
    """
    routes = APIRouter(include_in_schema=False)

    @routes.get("/login")
    def show(request: Request) -> Response:
        target = safe_target(request.query_params.get("next", "/"))
        if desk.sessions.find(cookies.session_of(request)) is not None:
            return RedirectResponse(target, 303)
        return _password_page(target)

    @routes.post("/login")
    async def log_in(
        request: Request,
        name: Annotated[str, Form(max_length=64)] = "",
        password: Annotated[str, Form(max_length=256)] = "",
        target: Target = "/",
    ) -> Response:
        target = safe_target(target)
        try:
            entry = await desk.login.attempt(
                name, password, cookies.address_of(request), browser=cookies.browser_of(request)
            )
        except CodeNeededError as needed:
            return _code_page(target, needed.ticket)
        except AdminError as error:
            return _password_page(target, error.detail, name, error.status, _headers(error))
        return _enter(request, entry, target)

    @routes.post("/login/code")
    def finish(
        request: Request,
        ticket: Annotated[str, Form(max_length=512)] = "",
        code: Annotated[str, Form(max_length=32)] = "",
        target: Target = "/",
    ) -> Response:
        target = safe_target(target)
        try:
            entry = desk.login.finish(
                ticket, code, cookies.address_of(request), browser=cookies.browser_of(request)
            )
        except AdminError as error:
            if desk.sessions.ticket_owner(ticket) is None:
                return _password_page(target, error.detail, "", error.status, _headers(error))
            return _code_page(target, ticket, error.detail, error.status, _headers(error))
        return _enter(request, entry, target)

    @routes.post("/logout")
    def log_out(request: Request, csrf: Annotated[str, Form(max_length=128)] = "") -> Response:
        principal = desk.sessions.find(cookies.session_of(request))
        if principal is not None:
            if not hmac.compare_digest(csrf.encode(), principal.csrf.encode()):
                return RedirectResponse("/", 303)
            desk.sessions.close(principal.session_key)
            with desk.database.begin() as session:
                record(session, Actor(principal.name, cookies.address_of(request)), "logout", principal.name)
        answer = RedirectResponse("/login", 303)
        cookies.drop(answer, secure=cookies.is_secure(request))
        return answer

    return routes


def safe_target(target: str) -> str:
    """Where to go after the login: a page of this site, else the overview."""
    ours = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if ours and not target.startswith(("/login", "/logout")) else "/"


def _enter(request: Request, entry: Entry, target: str) -> Response:
    answer = RedirectResponse(target, 303)
    cookies.put(answer, entry.session, entry.browser, secure=cookies.is_secure(request))
    return answer


def _headers(error: AdminError) -> dict[str, str] | None:
    return {"Retry-After": str(error.retry_after_s)} if isinstance(error, TooManyError) else None


def _password_page(
    target: str, error: str = "", name: str = "", status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    form = plain.form(
        "/login",
        "Log in",
        plain.field("name", "Name", "text", "username", value=name, maxlength="64", autofocus=not name),
        plain.field("password", "Password", "password", "current-password", autofocus=bool(name)),
        hidden={"next": target},
    )
    lead = "Log in to see and control your APIs."
    return plain.page("Log in", lead, form, error=error, status=status, headers=headers)


def _code_page(
    target: str, ticket: str, error: str = "", status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    form = plain.form("/login/code", "Log in", plain.code_field(), hidden={"next": target, "ticket": ticket})
    lead = "Your account has a second factor."
    return plain.page("Log in", lead, form, error=error, status=status, headers=headers)
