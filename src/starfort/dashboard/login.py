"""The login form and logging out: plain HTML, which works before any script does."""

import hmac
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from markupsafe import Markup
from starlette.responses import Response

from starfort.admin.audit import Actor, record
from starfort.admin.desk import Desk
from starfort.admin.errors import AdminError, TooManyError
from starfort.admin.sessions import ABSOLUTE_MS, COOKIE
from starfort.dashboard.assets import ASSETS, asset
from starfort.dashboard.icons import icon
from starfort.dashboard.markup import join, tag

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)


def router(desk: Desk) -> APIRouter:
    """Routes of the form.

    Args:
        desk: who may log in.
    """
    routes = APIRouter(include_in_schema=False)

    @routes.get("/login")
    def show(request: Request) -> Response:
        target = safe_target(request.query_params.get("next", "/"))
        if desk.sessions.find(request.cookies.get(COOKIE)) is not None:
            return RedirectResponse(target, 303)
        return _page(target)

    @routes.post("/login")
    async def log_in(
        request: Request,
        name: Annotated[str, Form(max_length=64)] = "",
        password: Annotated[str, Form(max_length=256)] = "",
        target: Annotated[str, Form(alias="next", max_length=2000)] = "/",
    ) -> Response:
        target = safe_target(target)
        address = request.client.host if request.client else ""
        try:
            cookie = await desk.login.attempt(name, password, address)
        except TooManyError as error:
            return _page(target, error.detail, name, 429, {"Retry-After": str(error.retry_after_s)})
        except AdminError as error:
            return _page(target, error.detail, name, error.status)
        answer = RedirectResponse(target, 303)
        answer.set_cookie(
            COOKIE,
            cookie,
            max_age=ABSOLUTE_MS // 1000,
            path="/",
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
        return answer

    @routes.post("/logout")
    def log_out(request: Request, csrf: Annotated[str, Form(max_length=128)] = "") -> Response:
        principal = desk.sessions.find(request.cookies.get(COOKIE))
        if principal is not None:
            if not hmac.compare_digest(csrf.encode(), principal.csrf.encode()):
                return RedirectResponse("/", 303)
            desk.sessions.close(principal.session_key)
            address = request.client.host if request.client else ""
            with desk.database.begin() as session:
                record(session, Actor(principal.name, address), "logout", principal.name)
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return answer

    return routes


def safe_target(target: str) -> str:
    """Where to go after the login: a page of this site, else the overview."""
    plain = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if plain and not target.startswith(("/login", "/logout")) else "/"


def _page(
    target: str, error: str = "", name: str = "", status: int = 200, headers: dict[str, str] | None = None
) -> HTMLResponse:
    form = tag(
        "form",
        tag("div", icon("fort"), "Starfort", class_="brand"),
        tag("p", "Log in to see and control your APIs.", class_="muted"),
        tag("p", error, class_="error", role="alert") if error else None,
        tag("input", type="hidden", name="next", value=target),
        tag("label", "Name", for_="name"),
        tag(
            "input",
            type="text",
            id="name",
            name="name",
            value=name,
            autocomplete="username",
            maxlength="64",
            required=True,
            autofocus=not name,
            autocapitalize="none",
            spellcheck="false",
        ),
        tag("label", "Password", for_="password"),
        tag(
            "input",
            type="password",
            id="password",
            name="password",
            autocomplete="current-password",
            maxlength="256",
            required=True,
            autofocus=bool(name),
        ),
        tag("button", "Log in", type="submit"),
        method="post",
        action="/login",
    )
    head = join(
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", "Log in · Starfort"),
        tag("link", rel="icon", href=f"{ASSETS}/icon.svg"),
        tag("link", rel="stylesheet", href=asset("starfort.css")),
        tag("script", src=asset("viewer.js"), defer=True),
    )
    body = tag("body", tag("main", form, class_="login"), class_="login-body")
    document = Markup("<!doctype html>") + tag("html", tag("head", head), body, lang="en")
    more = {"content-security-policy": POLICY, "cache-control": "no-store"}
    return HTMLResponse(str(document), status, more | (headers or {}))
