"""The second factor over the API: turning it on and off, logging in, and roles that must have one."""

import httpx
import pyotp
import pytest

from starfort.admin.desk import Desk
from starfort.admin.limiter import LIMITS
from tests.unit.api.conftest import PASSWORD

OWN = "/api/v1/sessions/current/second-factor"


async def enter(client: httpx.AsyncClient, name: str, **more: str) -> httpx.Response:
    """Log in; the client's later writes carry the CSRF token."""
    answer = await client.post("/api/v1/sessions", json={"name": name, "password": PASSWORD, **more})
    if answer.status_code == 201:
        client.headers["x-csrf-token"] = answer.json()["csrf"]
    return answer


async def enrol(client: httpx.AsyncClient) -> tuple[pyotp.TOTP, list[str]]:
    """Turn the second factor of whoever is logged in on."""
    made = await client.post(OWN, json={"password": PASSWORD})
    assert made.status_code == 201, made.text
    totp = pyotp.parse_uri(made.json()["uri"])
    assert isinstance(totp, pyotp.TOTP)
    assert totp.secret == made.json()["secret"]
    on = await client.put(OWN, json={"code": totp.now()})
    assert on.status_code == 200, on.text
    return totp, on.json()["codes"]


async def test_on_in_and_off(client: httpx.AsyncClient) -> None:
    """It needs the password to begin, a code to hold, a code to log in, and both to end."""
    await enter(client, "viewer")
    assert (await client.post(OWN, json={"password": "not the password"})).status_code == 401
    totp, codes = await enrol(client)
    assert (await client.get("/api/v1/sessions/current")).json()["second_factor"] is True
    bare = await enter(client, "viewer")
    assert bare.status_code == 401
    assert bare.json()["type"] == "urn:starfort:problem:second_factor_needed"
    assert "set-cookie" not in bare.headers
    assert (await enter(client, "viewer", code="000000")).status_code == 401
    assert (await enter(client, "viewer", code=totp.now())).status_code == 401  # used up by turning it on
    assert (await enter(client, "viewer", code=codes[0])).status_code == 201
    body = {"password": PASSWORD, "code": codes[0]}
    assert (await client.post(f"{OWN}/off", json=body)).status_code == 401
    assert (await client.post(f"{OWN}/off", json=body | {"code": codes[1]})).status_code == 204
    assert (await enter(client, "viewer")).status_code == 201


async def test_tokens_cannot_change_it(client: httpx.AsyncClient, tokens: dict[str, dict[str, str]]) -> None:
    """Whoever finds a token cannot take the account over with it."""
    for method, path, body in (
        ("POST", OWN, {"password": PASSWORD}),
        ("PUT", OWN, {"code": "123456"}),
        ("POST", f"{OWN}/off", {"password": PASSWORD, "code": "123456"}),
    ):
        answer = await client.request(method, path, json=body, headers=tokens["admin"])
        assert answer.status_code == 403


async def test_an_administrator_resets_it(
    client: httpx.AsyncClient, tokens: dict[str, dict[str, str]], desk: Desk
) -> None:
    """For somebody who lost everything; the audit log has it."""
    await enter(client, "viewer")
    await enrol(client)
    client.cookies.clear()
    path = "/api/v1/users/viewer/second-factor"
    assert (await client.delete(path, headers=tokens["operator"])).status_code == 403
    assert (await client.delete(path, headers=tokens["admin"])).status_code == 204
    assert (await enter(client, "viewer")).status_code == 201
    audit = (await client.get("/api/v1/audit", headers=tokens["admin"])).json()
    assert "second_factor.off" in [row["action"] for row in audit]


async def test_a_role_that_must_have_one(
    client: httpx.AsyncClient, desk: Desk, tokens: dict[str, dict[str, str]]
) -> None:
    """Until it is set up, such a session can do nothing else; then everything; other roles are untouched."""
    desk.insight._runtime.configure_admin(second_factor=["operator"])
    await enter(client, "operator")
    assert (await client.get("/api/v1/sessions/current")).json()["must_enrol"] is True
    for method, path in (("GET", "/status"), ("GET", "/tokens"), ("POST", "/tokens"), ("GET", "/alerts")):
        answer = await client.request(method, f"/api/v1{path}", json={} if method == "POST" else None)
        assert answer.status_code == 403
        assert "second factor" in answer.json()["detail"]
    await enrol(client)
    assert (await client.get("/api/v1/status")).status_code == 200
    client.cookies.clear()
    await enter(client, "viewer")
    assert (await client.get("/api/v1/status")).status_code == 200


async def test_wrong_tokens_are_limited_and_right_ones_never(
    client: httpx.AsyncClient, tokens: dict[str, dict[str, str]]
) -> None:
    """A stranger behind the same address costs nobody an answer."""
    wrong = {"Authorization": "Bearer sft_" + "A" * 43}
    answers = [
        (await client.get("/api/v1/status", headers=wrong)).status_code for _ in range(LIMITS["token"] + 5)
    ]
    assert answers == [401] * LIMITS["token"] + [429] * 5
    assert (await client.get("/api/v1/status", headers=tokens["viewer"])).status_code == 200


@pytest.mark.parametrize("code", ["", "1" * 33, "12345"])
async def test_codes_of_another_form(client: httpx.AsyncClient, code: str) -> None:
    """They are invalid, not a failure."""
    await enter(client, "viewer")
    assert (await client.put(OWN, json={"code": code})).status_code == 422
