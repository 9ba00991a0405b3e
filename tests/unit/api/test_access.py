"""Who may do what: every route, every role, CSRF, origin, tokens, the local socket."""

import re

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from starfort.admin.audit import CLI
from starfort.admin.desk import Desk
from starfort.admin.roles import Role
from starfort.api.access import Open, Requires
from starfort.api.app import ROUTERS
from starfort.api.description import required_role
from tests.unit.api.conftest import ORIGIN, PASSWORD

ROUTES = [
    (method, route)
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods or ())
]
IDS = [f"{method} {route.path}" for method, route in ROUTES]
OPEN = {"POST /sessions", "GET /health"}
EXPECTED = {
    "POST /reload": "admin", "GET /users": "admin", "POST /users": "admin", "PATCH /users/{name}": "admin",
    "POST /imports": "admin", "POST /imports/learn": "admin",
    "DELETE /users/{name}": "admin", "POST /users/{name}/second-factor": "admin",
    "PUT /users/{name}/second-factor": "admin", "DELETE /users/{name}/second-factor": "admin", "GET /config": "admin", "GET /audit": "admin",
    "DELETE /signals": "operator", "POST /alerts/mutes": "operator",
    "DELETE /alerts/mutes/{mute_id}": "operator",
    "POST /alerts/{alert_id}/acknowledge": "operator",
    "POST /detectors/test": "operator", "POST /detectors/backtest": "operator",
    "POST /checks/test": "operator",
    "POST /catalogue/{endpoint_id}/segments": "operator",
}  # fmt: skip
"""Routes that need more than a viewer."""


def address(route: APIRoute) -> str:
    """A path of the route that exists as far as its parameters' form goes."""
    return "/api/v1" + re.sub(r"\{\w+_id\}", "7", re.sub(r"\{name\}", "nobody", route.path))


@pytest.mark.parametrize(("method", "route"), ROUTES, ids=IDS)
def test_every_route_declares_its_role(method: str, route: APIRoute) -> None:
    """No route is open by forgetting, and those that change things need the role that is written here."""
    name = f"{method} {route.path}"
    rule = required_role(route)
    if name in OPEN:
        assert isinstance(rule, Open)
    else:
        assert isinstance(rule, Requires)
        assert rule.role.value == EXPECTED.get(name, "viewer")


def test_expected_roles_are_of_routes_that_exist() -> None:
    """The list above does not outlive a route."""
    assert set(EXPECTED) | OPEN <= set(IDS)


@pytest.mark.parametrize(("method", "route"), ROUTES, ids=IDS)
async def test_every_route_enforces_its_role(
    client: httpx.AsyncClient, tokens: dict[str, dict[str, str]], method: str, route: APIRoute
) -> None:
    """Nobody gets 401, a lesser role 403, the role something else."""
    rule = required_role(route)
    if not isinstance(rule, Requires):
        return
    nobody = await client.request(method, address(route))
    assert nobody.status_code == 401
    forged = await client.request(method, address(route), headers={"Authorization": "Bearer sft_" + "A" * 43})
    assert forged.status_code == 401
    for role in Role:
        answer = await client.request(method, address(route), headers=tokens[role.value])
        if role.covers(rule.role):
            assert answer.status_code not in (401, 403), answer.text
        else:
            assert answer.status_code == 403


async def log_in(client: httpx.AsyncClient, name: str) -> str:
    """Log a client in; the session's CSRF token."""
    answer = await client.post("/api/v1/sessions", json={"name": name, "password": PASSWORD})
    assert answer.status_code == 201
    csrf: str = answer.json()["csrf"]
    return csrf


async def test_cookie_writes_need_the_csrf_token(client: httpx.AsyncClient) -> None:
    """A session's write without its token, or with another's, is refused; with it, it is done."""
    csrf = await log_in(client, "root")
    body = {"name": "new", "password": "a long password"}
    assert (await client.post("/api/v1/users", json=body)).status_code == 403
    wrong = {"X-CSRF-Token": "x" * len(csrf)}
    assert (await client.post("/api/v1/users", json=body, headers=wrong)).status_code == 403
    right = {"X-CSRF-Token": csrf}
    assert (await client.post("/api/v1/users", json=body, headers=right)).status_code == 201


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
     {"Origin": ORIGIN, "Sec-Fetch-Site": "same-site"}],
)  # fmt: skip
async def test_other_sites_cannot_write(
    client: httpx.AsyncClient, tokens: dict[str, dict[str, str]], headers: dict[str, str]
) -> None:
    """A write that another site's page started is refused, whoever is logged in; a login too."""
    answer = await client.post("/api/v1/reload", headers=tokens["admin"] | headers)
    assert answer.status_code == 403
    assert answer.json()["type"].endswith("cross_origin")
    login = await client.post(
        "/api/v1/sessions", json={"name": "root", "password": PASSWORD}, headers=headers
    )
    assert login.status_code == 403
    own = await client.post("/api/v1/reload", headers=tokens["admin"] | {"Origin": ORIGIN})
    assert own.status_code == 200


async def test_cookie_attributes(client: httpx.AsyncClient) -> None:
    """The cookie is out of reach of scripts and other sites, and over TLS of plain HTTP."""
    body = {"name": "root", "password": PASSWORD}
    plain = (await client.post("/api/v1/sessions", json=body)).headers["set-cookie"].lower()
    assert "httponly" in plain
    assert "samesite=strict" in plain
    assert "secure" not in plain
    tls = await client.post("https://starfort.test/api/v1/sessions", json=body)
    for cookie in tls.headers.get_list("set-cookie"):
        assert cookie.startswith("__Host-starfort_")
        assert "; secure" in cookie.lower()
        assert "; path=/;" in cookie.lower()
        assert "domain" not in cookie.lower()
    assert "max-age" in tls.headers["strict-transport-security"]


async def test_over_tls_only_the_host_cookie_counts(client: httpx.AsyncClient) -> None:
    """What another port's plain HTTP could set is no session over TLS."""
    body = {"name": "root", "password": PASSWORD}
    tls = await client.post("https://starfort.test/api/v1/sessions", json=body)
    value = tls.cookies["__Host-starfort_session"]
    client.cookies.clear()
    where = "https://starfort.test/api/v1/status"
    assert (
        await client.get(where, headers={"cookie": f"__Host-starfort_session={value}"})
    ).status_code == 200
    assert (await client.get(where, headers={"cookie": f"starfort_session={value}"})).status_code == 401


async def test_logging_out_ends_the_session_on_the_server(client: httpx.AsyncClient) -> None:
    """A copied cookie is worth nothing after logging out."""
    csrf = await log_in(client, "viewer")
    cookies = dict(client.cookies)
    assert (await client.get("/api/v1/status")).status_code == 200
    answer = await client.delete("/api/v1/sessions/current", headers={"X-CSRF-Token": csrf})
    assert answer.status_code == 204
    client.cookies.clear()
    for name, value in cookies.items():
        client.cookies.set(name, value)
    again = await client.get("/api/v1/status")
    assert again.status_code == 401


async def test_too_many_failures(client: httpx.AsyncClient) -> None:
    """Guessing ends in 429 with the time to wait."""
    codes = []
    for _ in range(6):
        answer = await client.post("/api/v1/sessions", json={"name": "root", "password": "wrong"})
        codes.append(answer.status_code)
    assert codes == [401] * 5 + [429]
    assert int(answer.headers["retry-after"]) > 0


async def test_role_change_holds_at_once(
    client: httpx.AsyncClient, desk: Desk, tokens: dict[str, dict[str, str]]
) -> None:
    """A demoted administrator's token stops being one."""
    desk.accounts.add("other", PASSWORD, Role.ADMIN, CLI)
    assert (await client.get("/api/v1/users", headers=tokens["admin"])).status_code == 200
    desk.accounts.set_role("root", Role.VIEWER, CLI)
    assert (await client.get("/api/v1/users", headers=tokens["admin"])).status_code == 403


async def test_viewer_cannot_make_stronger_tokens(
    client: httpx.AsyncClient, tokens: dict[str, dict[str, str]]
) -> None:
    """Nobody makes a token that outranks them, or one for somebody else."""
    headers = tokens["viewer"]
    for body in ({"name": "a", "role": "admin"}, {"name": "b", "owner": "root"}):
        assert (await client.post("/api/v1/tokens", json=body, headers=headers)).status_code == 403
    made = await client.post("/api/v1/tokens", json={"name": "c"}, headers=headers)
    assert made.status_code == 201
    text = made.json()["text"]
    listed = await client.get("/api/v1/tokens", headers=headers)
    assert [row["name"] for row in listed.json()] == ["c", "test"]
    assert text not in listed.text
    use = await client.get("/api/v1/status", headers={"Authorization": f"Bearer {text}"})
    assert use.status_code == 200


async def test_token_cannot_change_the_password(
    client: httpx.AsyncClient, tokens: dict[str, dict[str, str]]
) -> None:
    """A leaked token does not take the account over."""
    body = {"current": PASSWORD, "new": "another long password"}
    answer = await client.put("/api/v1/sessions/current/password", json=body, headers=tokens["admin"])
    assert answer.status_code == 403


async def test_changing_ones_password(client: httpx.AsyncClient) -> None:
    """It needs the current one, and the session goes on."""
    csrf = await log_in(client, "viewer")
    headers = {"X-CSRF-Token": csrf}
    wrong = {"current": "not the password", "new": "another long password"}
    path = "/api/v1/sessions/current/password"
    assert (await client.put(path, json=wrong, headers=headers)).status_code == 401
    right = {"current": PASSWORD, "new": "another long password"}
    assert (await client.put(path, json=right, headers=headers)).status_code == 204
    assert (await client.get("/api/v1/status")).status_code == 200


async def test_local_socket_is_trusted_only_when_the_server_says_so(app: FastAPI) -> None:
    """`scope["state"]["local"]` makes a caller an administrator; nothing that a client sends does."""

    async def call(state: dict[str, object]) -> int:
        async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
            scope["state"] = state
            await app(scope, receive, send)

        transport = httpx.ASGITransport(with_state)
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            answer = await client.get("/api/v1/users", headers={"x-local": "true"})
        return answer.status_code

    assert await call({"local": True}) == 200
    assert await call({}) == 401
    assert await call({"local": "yes"}) == 401


async def test_tokens_of_others_are_out_of_reach(
    client: httpx.AsyncClient, tokens: dict[str, dict[str, str]], desk: Desk
) -> None:
    """Nobody but an administrator sees or revokes somebody else's token; it looks as if there were none."""
    theirs = next(token for token in desk.tokens.list() if token.owner == "viewer")
    path = f"/api/v1/tokens/{theirs.id}"
    assert (await client.delete(path, headers=tokens["operator"])).status_code == 404
    listed = (await client.get("/api/v1/tokens", headers=tokens["operator"])).json()
    assert {token["owner"] for token in listed} == {"operator"}
    assert (await client.delete(path, headers=tokens["admin"])).status_code == 204


async def test_refused_access_is_logged(client: httpx.AsyncClient, tokens: dict[str, dict[str, str]]) -> None:
    """Who asked for what, with which role, from where; the query, which may hold anything, is left out."""
    with capture_logs() as lines:
        await client.get("/api/v1/audit?limit=5", headers=tokens["operator"])
    found = next(line for line in lines if line["event"] == "access_refused")
    assert (found["account"], found["role"], found["needed"]) == ("operator", "operator", "admin")
    assert found["path"] == "/api/v1/audit"


async def test_ones_own_sessions(
    client: httpx.AsyncClient, app: FastAPI, tokens: dict[str, dict[str, str]]
) -> None:
    """Everybody sees and ends their own sessions and nobody else's; a token ends none."""
    csrf = await log_in(client, "viewer")
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as elsewhere:
        await log_in(elsewhere, "viewer")
        assert (await elsewhere.get("/api/v1/status")).status_code == 200
        mine = (await client.get("/api/v1/sessions")).json()
        assert len(mine) == 2
        theirs = [
            each["id"] for each in (await client.get("/api/v1/sessions", headers=tokens["operator"])).json()
        ]
        assert theirs == []
        other = (await elsewhere.get("/api/v1/sessions")).json()[0]["id"]
        where = f"/api/v1/sessions/{other}"
        assert (await client.delete(where, headers=tokens["viewer"])).status_code == 403
        headers = {"X-CSRF-Token": csrf}
        wanted = [each["id"] for each in mine]
        assert (await client.delete(f"/api/v1/sessions/{'0' * 16}", headers=headers)).status_code == 404
        for each in wanted:
            await client.delete(f"/api/v1/sessions/{each}", headers=headers)
        assert (await elsewhere.get("/api/v1/status")).status_code == 401
