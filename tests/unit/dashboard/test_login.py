"""The login, its second step, the page of the second factor, and the gate before everything else."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pyotp
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from starfort.admin import passwords
from starfort.admin.audit import CLI
from starfort.admin.desk import Desk
from starfort.admin.roles import Role
from starfort.api.headers import SecurityHeaders
from starfort.api.hosts import Hosts
from starfort.dashboard import login, second_factor
from starfort.dashboard.gate import Gate
from starfort.store import Store
from tests.support.estate import Estate

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _cheap_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash with the least work."""
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def desk(tmp_path: Path, store: Store) -> Iterator[Desk]:
    """An installation with the account `ann`, an operator."""
    estate = Estate(tmp_path, 0, store=store)
    desk = Desk.open(estate)
    desk.accounts.add("ann", PASSWORD, Role.OPERATOR, CLI)
    yield desk
    desk.database.close()
    estate.close()


@pytest.fixture
async def browser(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    """A browser in front of the forms and of one page behind the gate."""
    app = FastAPI()
    app.include_router(login.router(desk))
    app.include_router(second_factor.router(desk))

    @app.get("/alerts")
    def page(request: Request) -> PlainTextResponse:
        return PlainTextResponse(f"{request.state.principal.name} {request.state.nonce}")

    app.add_middleware(Gate, desk=desk)
    app.add_middleware(SecurityHeaders, hosts=Hosts.of(desk))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


def field(page: str, name: str) -> str:
    """Value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, page
    return found[1]


async def enter(browser: httpx.AsyncClient, password: str = PASSWORD) -> httpx.Response:
    """Send the form."""
    return await browser.post("/login", data={"name": "ann", "password": password, "next": "/alerts?x=1"})


async def enrol(browser: httpx.AsyncClient) -> tuple[pyotp.TOTP, list[str]]:
    """Turn the second factor on, on its page."""
    start = await browser.get("/second-factor")
    made = await browser.post(
        "/second-factor", data={"csrf": field(start.text, "csrf"), "password": PASSWORD}
    )
    assert "data:image/png;base64," in made.text
    assert "img-src 'self' data:" in made.headers["content-security-policy"]
    secret = re.search(r"<code>([A-Z2-7 ]+)</code>", made.text)
    assert secret is not None
    totp = pyotp.TOTP(secret[1].replace(" ", ""))
    wrong = await browser.post("/second-factor/on", data={"csrf": field(made.text, "csrf"), "code": "1"})
    assert wrong.status_code == 422
    on = await browser.post("/second-factor/on", data={"csrf": field(made.text, "csrf"), "code": totp.now()})
    codes = re.findall(r"<li><code>([a-z0-9-]+)</code></li>", on.text)
    assert len(codes) == 10
    return totp, codes


async def test_in_and_out(browser: httpx.AsyncClient) -> None:
    """Without a session every page leads to the form; with it pages come; after logging out they do not."""
    away = await browser.get("/alerts?x=1")
    assert (away.status_code, away.headers["location"]) == (303, "/login?next=/alerts%3Fx%3D1")
    assert (await enter(browser, "not the password")).status_code == 401
    inside = await enter(browser)
    assert (inside.status_code, inside.headers["location"]) == (303, "/alerts?x=1")
    assert {cookie.name for cookie in browser.cookies.jar} == {"starfort_session", "starfort_browser"}
    assert (await browser.get("/alerts")).text.startswith("ann ")
    page = (await browser.get("/second-factor")).text
    await browser.post("/logout", data={"csrf": "forged"})
    assert (await browser.get("/alerts")).status_code == 200
    await browser.post("/logout", data={"csrf": field(page, "csrf")})
    assert (await browser.get("/alerts")).status_code == 303
    assert {cookie.name for cookie in browser.cookies.jar} == {"starfort_browser"}


async def test_two_steps(browser: httpx.AsyncClient) -> None:
    """With a second factor the password leads to a second form and to no session; a code does, once."""
    await enter(browser)
    totp, codes = await enrol(browser)
    browser.cookies.clear()
    second = await enter(browser)
    assert second.status_code == 200
    assert "starfort_session" not in browser.cookies
    form = {"ticket": field(second.text, "ticket"), "next": field(second.text, "next")}
    used = await browser.post("/login/code", data=form | {"code": totp.now()})
    assert used.status_code == 401
    assert field(used.text, "ticket") == form["ticket"]
    inside = await browser.post("/login/code", data=form | {"code": codes[0]})
    assert (inside.status_code, inside.headers["location"]) == (303, "/alerts?x=1")
    assert (await browser.get("/alerts")).status_code == 200
    forged = await browser.post("/login/code", data=form | {"ticket": "x", "code": codes[1]})
    assert forged.status_code == 401
    assert 'name="password"' in forged.text


async def test_off_again(browser: httpx.AsyncClient) -> None:
    """It needs password and code; a form of another site has no effect."""
    await enter(browser)
    _, codes = await enrol(browser)
    page = (await browser.get("/second-factor")).text
    assert "10 recovery codes are left" in page
    data = {"csrf": field(page, "csrf"), "password": PASSWORD, "code": codes[0]}
    assert (await browser.post("/second-factor/off", data=data | {"csrf": "x"})).status_code == 303
    assert (await browser.post("/second-factor/off", data=data | {"password": "x"})).status_code == 401
    foreign = await browser.post("/second-factor/off", data=data, headers={"origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert "left" in (await browser.get("/second-factor")).text
    assert (await browser.post("/second-factor/off", data=data)).status_code == 303
    assert "Set one up" in (await browser.get("/second-factor")).text


async def test_a_role_that_must_have_one(browser: httpx.AsyncClient, desk: Desk) -> None:
    """Every page leads to setting it up, and after that to itself."""
    desk.insight._runtime.configure_admin(second_factor=["operator"])
    await enter(browser)
    away = await browser.get("/alerts")
    assert (away.status_code, away.headers["location"]) == (303, "/second-factor")
    assert "Your role needs a second factor" in (await browser.get("/second-factor")).text
    await enrol(browser)
    assert (await browser.get("/alerts")).status_code == 200


async def test_pages_have_a_nonce_and_no_inline_scripts(browser: httpx.AsyncClient) -> None:
    """Each answer has a nonce of its own, which the page's template gets; inline scripts without it do not run."""
    await enter(browser)
    seen = set()
    for _ in range(3):
        answer = await browser.get("/alerts")
        policy = answer.headers["content-security-policy"]
        nonce = answer.text.split()[1]
        scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
        assert scripts == f"script-src 'self' 'unsafe-eval' 'nonce-{nonce}'"
        seen.add(nonce)
    assert len(seen) == 3
    browser.cookies.clear()
    assert "unsafe" not in (await browser.get("/login")).headers["content-security-policy"]


def test_every_script_of_the_template_gets_the_nonce() -> None:
    """NiceGUI's page has no script without it, and what a page shows cannot get it."""
    from nicegui import client

    from starfort.dashboard import nonce

    nonce.install()
    environment = client.templates.env
    assert environment.loader is not None
    source, _, _ = environment.loader.get_source(environment, "index.html")
    assert source.count("<script") == source.count('<script nonce="{{ request.state.nonce }}"') > 3
    values = {
        "request": Request({"type": "http", "state": {"nonce": "n0nce"}}),
        "elements": "<script>evil</script>",
    }
    text = environment.from_string(
        '<script nonce="{{ request.state.nonce }}">{{ elements | safe }}</script>'
    ).render(values)
    assert text.count("n0nce") == 1
