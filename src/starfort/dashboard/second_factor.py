"""The page on which people turn their second factor on and off."""

import base64
import hmac
import io
from typing import Annotated

import segno
from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse
from markupsafe import Markup
from starlette.responses import Response

from starfort.admin import cookies
from starfort.admin.audit import Actor
from starfort.admin.desk import Desk
from starfort.admin.errors import AdminError
from starfort.admin.roles import Principal
from starfort.admin.second_factor import Enrolment
from starfort.dashboard import plain
from starfort.dashboard.markup import tag

PATH = "/second-factor"
_IMAGES = {"content-security-policy": plain.POLICY.replace("img-src 'self'", "img-src 'self' data:")}
Csrf = Annotated[str, Form(max_length=128)]
Password = Annotated[str, Form(max_length=256)]
Code = Annotated[str, Form(max_length=32)]


def router(desk: Desk) -> APIRouter:
    """Routes of the page.

    Args:
        desk: whose factors they are.
    """
    routes = APIRouter(include_in_schema=False)

    @routes.get(PATH)
    def show(request: Request) -> Response:
        principal = desk.sessions.find(cookies.session_of(request))
        return _state(desk, principal) if principal is not None else _log_in()

    @routes.post(PATH)
    async def begin(request: Request, csrf: Csrf = "", password: Password = "") -> Response:
        principal = _who(desk, request, csrf)
        if principal is None:
            return _log_in()
        try:
            await desk.login.confirm(principal.name, password, cookies.address_of(request))
            return _enrol(principal, desk.second_factor.begin(principal.name))
        except AdminError as error:
            return _state(desk, principal, error.detail, error.status)

    @routes.post(f"{PATH}/on")
    def confirm(request: Request, csrf: Csrf = "", code: Code = "") -> Response:
        principal = _who(desk, request, csrf)
        if principal is None:
            return _log_in()
        begun = desk.second_factor.pending(principal.name)
        if begun is None:
            return RedirectResponse(PATH, 303)
        actor = Actor(principal.name, cookies.address_of(request))
        try:
            attempt = desk.limiter.code(actor.address, principal.name)
            codes = desk.second_factor.confirm(principal.name, code, actor)
        except AdminError as error:
            return _enrol(principal, begun, error.detail, error.status)
        attempt.succeeded()
        return _recovery(codes)

    @routes.post(f"{PATH}/off")
    async def end(request: Request, csrf: Csrf = "", password: Password = "", code: Code = "") -> Response:
        principal = _who(desk, request, csrf)
        if principal is None:
            return _log_in()
        try:
            await desk.login.confirm(principal.name, password, cookies.address_of(request))
            desk.login.confirm_code(principal.name, code, cookies.address_of(request))
        except AdminError as error:
            return _state(desk, principal, error.detail, error.status)
        desk.second_factor.off(principal.name, Actor(principal.name, cookies.address_of(request)))
        return RedirectResponse(PATH, 303)

    return routes


def _who(desk: Desk, request: Request, csrf: str) -> Principal | None:
    """Who sends a form, if it is one of this page's."""
    principal = desk.sessions.find(cookies.session_of(request))
    if principal is None or not hmac.compare_digest(csrf.encode(), principal.csrf.encode()):
        return None
    return principal


def _log_in() -> Response:
    return RedirectResponse(f"/login?next={PATH}", 303)


def _state(desk: Desk, principal: Principal, error: str = "", status: int = 200) -> Response:
    password = plain.field("password", "Your password", "password", "current-password", autofocus=True)
    hidden = {"csrf": principal.csrf}
    if desk.second_factor.enrolled(principal.name):
        left = desk.second_factor.recovery_left(principal.name)
        return plain.page(
            "Second factor",
            f"Your second factor is on; {left} recovery codes are left.",
            plain.form(f"{PATH}/off", "Turn it off", password, plain.code_field(focus=False), hidden=hidden),
            _back(),
            error=error,
            status=status,
        )
    needed = "Your role needs a second factor. " if principal.must_enrol else ""
    return plain.page(
        "Second factor",
        f"{needed}With one, logging in needs a code of an authenticator app besides your password.",
        plain.form(PATH, "Set one up", password, hidden=hidden),
        None if principal.must_enrol else _back(),
        error=error,
        status=status,
    )


def _enrol(principal: Principal, made: Enrolment, error: str = "", status: int = 200) -> Response:
    return plain.page(
        "Second factor",
        "Scan this with your authenticator app, or type the secret into it.",
        _qr(made.uri),
        tag(
            "p",
            tag("code", " ".join(made.secret[i : i + 4] for i in range(0, len(made.secret), 4))),
            class_="mono",
        ),
        plain.form(
            f"{PATH}/on",
            "Turn it on",
            plain.code_field("Code that the app shows"),
            hidden={"csrf": principal.csrf},
        ),
        error=error,
        status=status,
        headers=_IMAGES,
    )


def _recovery(codes: list[str]) -> Response:
    return plain.page(
        "Second factor",
        "Your second factor is on. Keep these recovery codes where your telephone is not: each lets you log"
        " in once without it. They are not shown again.",
        tag("ul", [tag("li", tag("code", code)) for code in codes], class_="mono"),
        _back(),
    )


def _back() -> Markup:
    return tag("p", tag("a", "Back to your account", href="/account"))


def _qr(uri: str) -> Markup:
    out = io.BytesIO()
    segno.make(uri, error="m").save(out, kind="png", scale=5, border=2)
    image = base64.b64encode(out.getvalue()).decode()
    # The only image that is not a file: `tag` lets no address outside this site pass.
    return Markup(
        '<img alt="QR code of the secret" width="220" height="220" src="data:image/png;base64,{}">'
    ).format(image)
