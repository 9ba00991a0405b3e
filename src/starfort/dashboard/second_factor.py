"""The page on which people turn their second factor on and off."""

import base64
import hmac
import io
from typing import Annotated, Final

import segno
from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from starfort.admin import cookies
from starfort.admin.audit import Actor
from starfort.admin.desk import Desk
from starfort.admin.errors import AdminError
from starfort.admin.roles import Principal
from starfort.admin.second_factor import Enrolment
from starfort.dashboard import plain
from starfort.dashboard.templates import Template

PATH: Final = "/second-factor"
TITLE: Final = "Second factor"
_IMAGES: Final = {"content-security-policy": plain.POLICY.replace("img-src 'self'", "img-src 'self' data:")}
Csrf = Annotated[str, Form(max_length=128)]
Password = Annotated[str, Form(max_length=256)]
Code = Annotated[str, Form(max_length=32)]

part = Template("second_factor.html")


def router(desk: Desk) -> APIRouter:
    """Routes of the page.

    Args:
        desk: whose factors they are.
    """
    routes = APIRouter(include_in_schema=False)
    forms = _Forms(desk)
    routes.add_api_route(PATH, forms.show, methods=["GET"])
    routes.add_api_route(PATH, forms.begin, methods=["POST"])
    routes.add_api_route(f"{PATH}/on", forms.confirm, methods=["POST"])
    routes.add_api_route(f"{PATH}/off", forms.end, methods=["POST"])
    return routes


class _Forms:
    """The forms of one installation."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def show(self, request: Request) -> Response:
        """Whether the factor is on, and the form that changes it."""
        principal = self._desk.sessions.find(cookies.session_of(request))
        return self._state(principal) if principal is not None else _log_in()

    async def begin(self, request: Request, csrf: Csrf = "", password: Password = "") -> Response:
        """Make a secret and show it; it counts once a code of it comes back."""
        principal = self._sender(request, csrf)
        if principal is None:
            return _log_in()
        try:
            await self._desk.login.confirm(principal.name, password, cookies.address_of(request))
            return _enrol(principal, self._desk.second_factor.begin(principal.name))
        except AdminError as error:
            return self._state(principal, error)

    def confirm(self, request: Request, csrf: Csrf = "", code: Code = "") -> Response:
        """Turn the factor on with a first code."""
        principal = self._sender(request, csrf)
        if principal is None:
            return _log_in()
        # The secret waits on the server: a form that sent it back could be made to enrol a foreign one.
        begun = self._desk.second_factor.pending(principal.name)
        if begun is None:
            return RedirectResponse(PATH, 303)
        actor = Actor(principal.name, cookies.address_of(request))
        try:
            attempt = self._desk.limiter.code(actor.address, principal.name)
            codes = self._desk.second_factor.confirm(principal.name, code, actor)
        except AdminError as error:
            return _enrol(principal, begun, error)
        attempt.succeeded()
        lead = (
            "Your second factor is on. Keep these recovery codes in another place than your phone: each lets"
            " you log in once without it. They are not shown again."
        )
        return plain.page(TITLE, lead, part("recovery", codes=codes))

    async def end(
        self, request: Request, csrf: Csrf = "", password: Password = "", code: Code = ""
    ) -> Response:
        """Turn the factor off with password and code."""
        principal = self._sender(request, csrf)
        if principal is None:
            return _log_in()
        address = cookies.address_of(request)
        try:
            await self._desk.login.confirm(principal.name, password, address)
            self._desk.login.confirm_code(principal.name, code, address)
        except AdminError as error:
            return self._state(principal, error)
        self._desk.second_factor.off(principal.name, Actor(principal.name, address))
        return RedirectResponse(PATH, 303)

    def _sender(self, request: Request, csrf: str) -> Principal | None:
        """Who sends a form; nobody when another site made it."""
        principal = self._desk.sessions.find(cookies.session_of(request))
        # In constant time, so that nobody can guess the token one character after the other.
        if principal is None or not hmac.compare_digest(csrf.encode(), principal.csrf.encode()):
            return None
        return principal

    def _state(self, principal: Principal, error: AdminError | None = None) -> Response:
        hidden = {"csrf": principal.csrf}
        if self._desk.second_factor.enrolled(principal.name):
            left = self._desk.second_factor.recovery_left(principal.name)
            lead = f"Your second factor is on; {left} recovery codes are left."
            return plain.page(TITLE, lead, part("turn_off", hidden=hidden), error)
        needed = "Your role needs a second factor. " if principal.must_enrol else ""
        lead = f"{needed}With it, logging in needs a code from an authenticator app besides your password."
        return plain.page(TITLE, lead, part("begin", hidden=hidden, must_enrol=principal.must_enrol), error)


def _log_in() -> Response:
    return RedirectResponse(f"/login?next={PATH}", 303)


def _enrol(principal: Principal, made: Enrolment, error: AdminError | None = None) -> Response:
    # In groups of four, as people read long numbers aloud.
    groups = (made.secret[start : start + 4] for start in range(0, len(made.secret), 4))
    content = part("enrol", image=_qr(made.uri), secret=" ".join(groups), hidden={"csrf": principal.csrf})
    lead = "Scan this with your authenticator app, or type the secret into it."
    return plain.page(TITLE, lead, content, error, _IMAGES)


def _qr(uri: str) -> str:
    """A QR code as a PNG in base64: the page has no address for it, because the secret must not be stored."""
    out = io.BytesIO()
    # "m" repairs 15 % of the code, for screens that shine and cameras that shake (ISO/IEC 18004).
    segno.make(uri, error="m").save(out, kind="png", scale=5, border=2)
    return base64.b64encode(out.getvalue()).decode()
