"""The login form, its second step, and logging out."""

import hmac
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from starfort.admin import cookies
from starfort.admin.audit import Actor, record
from starfort.admin.desk import Desk
from starfort.admin.errors import AdminError
from starfort.admin.login import CodeNeededError, Entry
from starfort.dashboard import plain
from starfort.dashboard.templates import Template

Target = Annotated[str, Form(alias="next", max_length=2000)]

part = Template("login.html")


def router(desk: Desk) -> APIRouter:
    """Routes of the forms.

    Args:
        desk: who may log in.
    """
    routes = APIRouter(include_in_schema=False)
    forms = _Forms(desk)
    routes.add_api_route("/login", forms.show, methods=["GET"])
    routes.add_api_route("/login", forms.log_in, methods=["POST"])
    routes.add_api_route("/login/code", forms.finish, methods=["POST"])
    routes.add_api_route("/logout", forms.log_out, methods=["POST"])
    return routes


class _Forms:
    """The forms of one installation."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def show(self, request: Request) -> Response:
        """The first form; somebody who is logged in goes on at once."""
        target = safe_target(request.query_params.get("next", "/"))
        # Somebody who follows a link to the login in a second tab has a session already.
        if self._desk.sessions.find(cookies.session_of(request)) is not None:
            return RedirectResponse(target, 303)
        return _password_page(target)

    async def log_in(
        self,
        request: Request,
        name: Annotated[str, Form(max_length=64)] = "",
        password: Annotated[str, Form(max_length=256)] = "",
        target: Target = "/",
    ) -> Response:
        """Take name and password: the session, or the second form."""
        # Again, although `show` did it: the field of the form came back from the browser.
        target = safe_target(target)
        try:
            entry = await self._desk.login.attempt(
                name, password, cookies.address_of(request), browser=cookies.browser_of(request)
            )
        except CodeNeededError as needed:
            return _code_page(target, needed.ticket)
        except AdminError as error:
            return _password_page(target, error, name)
        return _enter(request, entry, target)

    def finish(
        self,
        request: Request,
        ticket: Annotated[str, Form(max_length=512)] = "",
        code: Annotated[str, Form(max_length=32)] = "",
        target: Target = "/",
    ) -> Response:
        """Take the code of the second factor."""
        target = safe_target(target)
        try:
            entry = self._desk.login.finish(
                ticket, code, cookies.address_of(request), browser=cookies.browser_of(request)
            )
        except AdminError as error:
            # A ticket that has expired leads nowhere any more: the login begins again with the password.
            if self._desk.sessions.ticket_owner(ticket) is None:
                return _password_page(target, error)
            return _code_page(target, ticket, error)
        return _enter(request, entry, target)

    def log_out(self, request: Request, csrf: Annotated[str, Form(max_length=128)] = "") -> Response:
        """End the session, unless another site sent the form."""
        desk = self._desk
        principal = desk.sessions.find(cookies.session_of(request))
        if principal is not None:
            # Another site could otherwise log people out.
            if not hmac.compare_digest(csrf.encode(), principal.csrf.encode()):
                return RedirectResponse("/", 303)
            desk.sessions.close(principal.session_key)
            with desk.database.begin() as session:
                record(session, Actor(principal.name, cookies.address_of(request)), "logout", principal.name)
        answer = RedirectResponse("/login", 303)
        cookies.drop(answer, secure=cookies.is_secure(request))
        return answer


def safe_target(target: str) -> str:
    r"""Where to go after the login: a page of this site, else the overview.

    Args:
        target: what the address or the form says. Browsers read `//host` and `/\host` as another site.
    """
    # A line break could begin another header of the redirect.
    ours = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if ours and not target.startswith(("/login", "/logout")) else "/"


def _enter(request: Request, entry: Entry, target: str) -> Response:
    # 303 makes the browser GET the page, so that reloading it does not send the password again.
    answer = RedirectResponse(target, 303)
    cookies.put(answer, entry.session, entry.browser, secure=cookies.is_secure(request))
    return answer


def _password_page(target: str, error: AdminError | None = None, name: str = "") -> Response:
    lead = "Log in to see and control your APIs."
    return plain.page("Log in", lead, part("password", name=name, hidden={"next": target}), error)


def _code_page(target: str, ticket: str, error: AdminError | None = None) -> Response:
    lead = "Your account has a second factor."
    return plain.page("Log in", lead, part("code", hidden={"next": target, "ticket": ticket}), error)
