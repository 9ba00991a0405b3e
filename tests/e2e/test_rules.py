"""Rules through the whole product: they find and score, a policy decides, the event says which rule it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from examples.shop.serve import password_of

from tests.support.installation import MODULE, Installation, eventually

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not MODULE.exists(), reason=f"{MODULE} is not built: run make setup"),
    pytest.mark.timeout(240),
]
HEADERS = [("Host", "shop.example"), ("Content-Type", "application/json"), ("User-Agent", "Mozilla/5.0")]


SECRETS = (b"zanzibar4711", b"quokka0815", b"walrus1234", b"kookaburra99")


async def _injection_is_told_masked(starfort: Installation) -> None:
    """A template injection in a parameter shows its shape, and nothing that the caller wrote."""
    value = "walrus1234{{7*7}}kookaburra99"
    await starfort.client.send("GET", f"/products?search={quote(value)}", HEADERS)

    async def told() -> list[dict[str, Any]]:
        events = (await starfort.get("/events", path="/products", limit=50))["items"]
        return [
            match for event in events for match in event["evidence"] if match["variable"] == "ARGS:search"
        ]

    matched = await eventually(told, 20, "the evidence of the injection")
    assert matched[0]["value"] == "x{10}{{9*9}}x{12}"


async def _content(folder: Path) -> dict[Path, bytes]:
    """Every file and what is in it; none when one was moved while others were read, as the store does."""
    try:
        files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
        return {path: path.read_bytes() for path in files}
    except FileNotFoundError:
        return {}


async def test_an_injection_is_stopped_by_its_score_and_told(starfort: Installation) -> None:
    """A NoSQL injection in a log-in is blocked by the policy on the score; a log-in of a person is not."""
    login = {"email": "customer7@shop.example", "password": password_of(7)}
    passed = await starfort.client.send("POST", "/login", HEADERS, json.dumps(login).encode())
    assert passed.status == 200
    attack = b'{"email": {"$ne": "zanzibar4711"}, "password": {"$gt": "quokka0815"}}'
    stopped = await starfort.client.send("POST", "/login", HEADERS, attack)
    assert stopped.status == 403
    assert (await starfort.direct("shop", "/_stats"))["POST /login"] == 1

    async def told() -> list[dict[str, Any]]:
        events = (await starfort.get("/events", action="block", limit=10))["items"]
        return [event for event in events if event["policy"] == "exploits"]

    (event,) = await eventually(told, 20, "the event of the blocked request")
    assert any(code.startswith("rule:953") for code in event["findings"]), event
    matched = {match["variable"]: match for match in event["evidence"] if match["severity"] == "critical"}
    assert matched["ARGS_NAMES:json.email.$ne"]["value"] == "json.a{5}.$ne"
    assert matched["ARGS_NAMES:json.email.$ne"]["message"]
    await _injection_is_told_masked(starfort)
    kept = await eventually(
        lambda: _content(starfort.data), 20, "all files, none of which is moved meanwhile"
    )
    assert any(b"/products" in content for content in kept.values()), "what is kept can be read here"
    assert not [path for path, content in kept.items() for secret in SECRETS if secret in content]
    assert "starfort/1" in (await starfort.get("/status"))["config"]["rules"]
