"""Rules through the whole product: they find and score, a policy decides, the event says which rule it was."""

from __future__ import annotations

import json

import pytest
from examples.shop.serve import password_of

from tests.support.installation import MODULE, Installation, eventually

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not MODULE.exists(), reason=f"{MODULE} is not built: run make setup"),
    pytest.mark.timeout(240),
]
HEADERS = [("Host", "shop.example"), ("Content-Type", "application/json"), ("User-Agent", "Mozilla/5.0")]


async def test_an_injection_is_stopped_by_its_score_and_told(starfort: Installation) -> None:
    """A NoSQL injection in a log-in is blocked by the policy on the score; a log-in of a person is not."""
    login = {"email": "customer7@shop.example", "password": password_of(7)}
    passed = await starfort.client.send("POST", "/login", HEADERS, json.dumps(login).encode())
    assert passed.status == 200
    attack = b'{"email": {"$ne": null}, "password": {"$gt": ""}}'
    stopped = await starfort.client.send("POST", "/login", HEADERS, attack)
    assert stopped.status == 403
    assert (await starfort.direct("shop", "/_stats"))["POST /login"] == 1

    async def told() -> list[str]:
        events = (await starfort.get("/events", action="block", limit=10))["items"]
        return [code for event in events if event["policy"] == "exploits" for code in event["findings"]]

    findings = await eventually(told, 20, "the event of the blocked request")
    assert any(code.startswith("rule:953") for code in findings), findings
    assert "starfort/1" in (await starfort.get("/status"))["config"]["rules"]
