"""Contracts through the whole product: observed first, then enforced, and told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from examples.shop.serve import password_of

from tests.support.installation import MODULE, Installation, eventually

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not MODULE.exists(), reason=f"{MODULE} is not built: run make setup"),
    pytest.mark.timeout(240),
]
HEADERS = [("Host", "shop.example"), ("Content-Type", "application/json"), ("User-Agent", "Mozilla/5.0")]
LOGIN = {"email": "customer7@shop.example", "password": password_of(7)}


async def _log_in(starfort: Installation, **more: Any) -> Any:
    body = json.dumps({**LOGIN, **more}).encode()
    return await starfort.client.send("POST", "/login", HEADERS, body)


async def _states(starfort: Installation) -> list[dict[str, Any]]:
    states = (await starfort.get("/findings/contract", api="shop"))["items"]
    return [state for state in states if state["template"] == "/login"]


async def test_a_contract_is_observed_and_then_enforced(starfort: Installation) -> None:
    """Observing says who would be refused; enforcing refuses before the API is asked, and what keeps the contract passes."""
    assert (await _log_in(starfort, password=7)).status in {400, 401}
    (state,) = await eventually(lambda: _states(starfort), 20, "the call that would have been refused")
    assert (state["would_refuse"], state["refused"], state["addresses"]) == (1, 0, 1)
    assert state["violations"] == [{"value": "request:body/type:/password", "count": 1}]
    asked = (await starfort.direct("shop", "/_stats"))["POST /login"]

    text = starfort.config.read_text(encoding="utf-8")
    document = next(line for line in text.splitlines() if "openapi:" in line)
    settings = "    contract: {mode: enforce, unknown: deny, remove: [token]}"
    starfort.config.write_text(text.replace(document, f"{document}\n{settings}"), encoding="utf-8")

    async def refused() -> Any:
        answer = await _log_in(starfort, is_admin=True)
        return answer if answer.status == 400 else None

    answer = await eventually(refused, 20, "the contract is enforced")
    problem = json.loads(answer.body)
    assert problem["violations"] == [{"code": "body/unknown", "pointer": "/is_admin"}]
    before = (await starfort.direct("shop", "/_stats"))["POST /login"]
    assert (await _log_in(starfort, password=7)).status == 400
    assert (await starfort.direct("shop", "/_stats"))["POST /login"] == before >= asked
    passed = await _log_in(starfort)
    assert passed.status == 200
    assert "token" not in json.loads(passed.body)

    async def told() -> list[dict[str, Any]]:
        return [state for state in await _states(starfort) if state["refused"] >= 2]

    (state,) = await eventually(told, 20, "the calls that were refused")
    event = await starfort.get(f"/events/{state['events'][0]}")
    assert (event["template"], event["policy"]) == ("/login", "@contract")
    assert event["contract"] in (["request:body/type:/password"], ["request:body/unknown:/is_admin"])
