"""Rules in the data plane: scores that policies act on, exclusions, scopes and virtual patches by endpoint."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.crs.through_envoy import envoy, exchange
from tests.support.filter_bench import MODULE

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not MODULE.exists(), reason=f"{MODULE} is not built: run make setup"),
]

CONFIG = """
version: 1
node: rules
data_dir: ./var
listeners: [{name: public, address: "127.0.0.1:0"}]
upstreams: [{name: albedo, addresses: ["127.0.0.1:PORT"]}]
apis:
  - name: shop
    upstream: albedo
    endpoints: [{match: "POST /search"}, {match: "POST /import/{id}"}, {match: "POST /raw"}]
sensitive: {classes: []}
rules:
  sets: []
  scopes: [{endpoint: "POST /raw", off: true}]
  exclusions: [{rule: 9531000-9531006, endpoint: "POST /search", parameter: "json.password.$ne"}]
  patches: [{name: import-file, endpoint: "POST /import/{id}", parameter: json.url, pattern: "^ftp:", expires: 2099-01-01}]
policies:
  - {name: attacks, when: rules.interrupted && rules.score >= 5, action: block, mode: enforce}
"""
ATTACK = {"password": {"$ne": 1}}


class Proxy:
    """A listener, and what became of requests to it."""

    def __init__(self, address: tuple[str, int], rows: dict[str, dict[str, Any]]) -> None:
        self.address = address
        self.rows = rows
        self.count = 0
        self.last: dict[str, Any] = {}

    async def post(self, path: str, body: Any) -> tuple[int | None, set[str]]:
        """Status of the answer, and findings of rules in the event."""
        self.count += 1
        source = f"127.30.0.{self.count}"
        content = json.dumps(body)
        head = f"POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n"
        raw = f"{head}Content-Length: {len(content)}\r\n\r\n{content}"
        status = await exchange(self.address, source, raw.encode())
        async with asyncio.timeout(20):
            while source not in self.rows:
                await asyncio.sleep(0.01)
        self.last = self.rows[source]
        return status, {name for name in self.last["findings"] if name.startswith("rule:")}

    def matched(self) -> list[dict[str, Any]]:
        """Rule, variable and masked value of what rules matched in the last request."""
        wanted = ("rule", "variable", "value")
        return [{name: match[name] for name in wanted} for match in map(json.loads, self.last["evidence"])]


@pytest.fixture
async def proxy(tmp_path: Path) -> AsyncIterator[Proxy]:
    """Envoy with the configuration."""
    rows: dict[str, dict[str, Any]] = {}
    async with envoy(tmp_path, rows, CONFIG) as address:
        yield Proxy(address, rows)


async def test_a_score_is_what_policies_act_on(proxy: Proxy) -> None:
    """An attack is refused and its event says what matched, by name and without the value; the rest passes."""
    assert await proxy.post("/any", {"name": "x"}) == (200, set())
    status, findings = await proxy.post("/any", ATTACK)
    assert status == 403
    assert {"rule:9531001", "rule:9530091"} <= findings
    assert {
        "rule": 9531001,
        "variable": "ARGS_NAMES:json.password.$ne",
        "value": "json.a{8}.$ne",
    } in proxy.matched()


async def test_settings_hold_for_their_endpoint_alone(proxy: Proxy) -> None:
    """Exclusion, scope and virtual patch; the same requests elsewhere end otherwise."""
    assert await proxy.post("/search", ATTACK) == (200, set())
    assert (await proxy.post("/search", {"token": {"$ne": 1}}))[0] == 403
    assert await proxy.post("/raw", ATTACK) == (200, set())
    status, findings = await proxy.post("/import/7", {"url": "ftp://x/y"})
    assert status == 403
    assert "rule:9538000" in findings
    assert {"rule": 9538000, "variable": "ARGS:json.url", "value": "ftp://a/a"} in proxy.matched()
    assert await proxy.post("/import/7", {"url": "https://x/y"}) == (200, set())
    assert await proxy.post("/other", {"url": "ftp://x/y"}) == (200, set())
