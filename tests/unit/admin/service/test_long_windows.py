"""Long windows with many events: rollups answer them as events would, and limits are said."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from starfort.admin.errors import TooMuchError
from starfort.admin.filters import ClientFilter
from starfort.admin.mutes import Mutes
from starfort.admin.service import Insight
from starfort.api import problem
from starfort.state.database import StateDatabase
from starfort.store import QueryLimitError, Store, StoreBusyError
from tests.support.estate import Estate

_COMPARE = """
import asyncio, datetime as dt, json, random, sys
from pathlib import Path
import starfort.store.reach as reach
import starfort.admin.service as service
from starfort.admin.filters import ClientFilter
from starfort.admin.mutes import Mutes
from starfort.state.database import StateDatabase
from starfort.catalogue import Endpoint
from starfort.runtime import policies
from starfort.runtime.status import PolicyStatus
from starfort.store import Retention, Store
from tests.support.estate import Estate
from tests.support.events import event, stream

chance = random.Random(5)
now = dt.datetime.now(dt.UTC)
KINDS = [("none", ""), ("good", "googlebot"), ("tool", "curl")]

def row(n):
    who, place = chance.randrange(12), chance.randrange(4)
    bot, name = KINDS[who % 3]
    hit = chance.random()
    return event(
        id=f"e{n}", time=now - dt.timedelta(seconds=chance.randrange(60, 5 * 3600)), weight=1 + n % 3,
        api=f"api{place % 2}", endpoint_id=f"{place:016x}" if place else "", method="GET",
        template=f"/v1/r{place}/{{id}}" if place else "", path=f"/v1/r{place}/{n}",
        status=chance.choice([200, 200, 201, 404, 401, 500]), address=f"192.0.2.{who}",
        subject=f"person-{who}" if who % 2 else "", subject_hash=f"{who:016x}" if who % 2 else "",
        fingerprint=f"{who % 5:016x}", ja4=f"t{who % 4}", asn=64500 + who % 3, as_organization=f"Net {who % 3}",
        country="DE" if who % 3 else "FR", user_agent=f"agent {who % 5}", bot=bot, bot_name=name,
        parameters=["path:id:integer", "query:page:integer"][: 1 + n % 2], auth_seen=["bearer"] if n % 2 else [],
        content_type="", sensitive_response=["email"] if place == 1 else [],
        findings=["rule:942100"] if n % 7 == 0 else [], anomalies=["dots"] if n % 11 == 0 else [],
        evidence=['{"rule":942100,"message":"m"}'] if n % 7 == 0 else [], signals=["scraping"] if who == 3 else [],
        action="block" if hit < 0.1 else "allow", policy="p" if hit < 0.1 else "",
        tags=["tag:p"] if 0.1 < hit < 0.2 else [], observed=["block:q"] if hit > 0.8 else [],
        duration_us=1000 * chance.randrange(1, 50), engine_us=chance.randrange(10, 90))

known = [Endpoint(id=f"{n:016x}", api=f"api{n % 2}", host="shop.example.com", method="GET",
                  template=f"/v1/r{n}/{{id}}", origin="documented", first_seen=now, last_seen=now,
                  hosts=("shop.example.com",)) for n in (1, 2, 3)]
written = [PolicyStatus(name, 0, "enforce", "block", "true", [], [], 0, 0, 0.0) for name in "pq"]

async def ask(insight):
    found = {}
    for far in ("24h", "30d"):
        found[f"traffic {far}"] = await insight.traffic(far)
        found[f"traffic api {far}"] = await insight.traffic(far, "api1")
        found[f"traffic endpoint {far}"] = await insight.traffic(far, "", known[0].id)
        found[f"apis {far}"] = await insight.apis(far, 5)
        found[f"findings {far}"] = await insight.findings(far, 50, 0)
        found[f"endpoint {far}"] = await insight.endpoints.detail(known[0].id, far)
        for name in "pq":
            found[f"policy {name} {far}"] = await insight.policy(name, far)
        for by in ("address", "fingerprint", "subject", "ja4", "network", "bot"):
            for sort in ("requests", "endpoints") if by != "subject" else ("stopped", "errors", "last_seen"):
                found[f"clients {by} {sort} {far}"] = await insight.clients(
                    ClientFilter(range=far, by=by, sort=sort), 20, 0)
            found[f"clients {by} found {far}"] = await insight.clients(
                ClientFilter(range=far, by=by, search="1", bot="none"), 20, 0)
    found["openapi"] = await insight.openapi("api1")
    found["policies"] = await insight.policies()
    return {name: value if isinstance(value, dict) else [each.model_dump(mode="json") for each in value]
            if isinstance(value, list) else value.model_dump(mode="json") for name, value in found.items()}

def rounded(value):
    if isinstance(value, dict):
        # which of several labels is shown is anybody's guess
        # and sums by minute give a policy's last hit to the minute
        return {k: "" if k in ("label", "consumers_since", "user_agent", "last_at") else sorted(map(str, v)) if k == "signals"
                else rounded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return round(value, 3) if isinstance(value, float) else value

with Store.open(sys.argv[1], retention=Retention(events=40 * 86_400)) as store:
    for number in range(3):
        store.insert_arrow(stream([row(number * 500 + n) for n in range(500)]), token=str(number))
        store.upkeep()
    class Written(Estate):
        def policies(self):
            return policies.with_results(store, written)

    source = Written(Path(sys.argv[1]).parent, 0, store=store)
    source.known = known
    insight = service.Insight(source, Mutes(StateDatabase(source.data_dir)))
    reach.FEW = 10**9
    near = asyncio.run(ask(insight))
    reach.FEW = 0
    asked = []
    query = store.query
    far = asyncio.run(ask(insight))
    print(json.dumps([rounded(near), rounded(far)]))
"""


@pytest.mark.timeout(400)
def test_rollups_answer_as_events_do(tmp_path: Path) -> None:
    """Every figure of every page is the same, whether it comes from events or from rollups."""
    answer = subprocess.run(
        [sys.executable, "-c", _COMPARE, str(tmp_path / "store")], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr[-3000:]
    near, far = json.loads(answer.stdout.splitlines()[-1])
    # a path that belongs to no endpoint is a line of its own only where events are read
    for found in (near, far):
        for name, value in found.items():
            if name.startswith("policy "):
                value["hit_endpoints"] = [row for row in value["hit_endpoints"] if "{id}" in row["value"]]
            # callers with as much of what they are sorted by come in any order
            if name.startswith("clients ") and " requests " not in name:
                value["items"].sort(key=lambda row: row["key"])
    different = {name: (near[name], far[name]) for name in near if near[name] != far[name]}
    assert not different, json.dumps(different, indent=1)[:3000]
    assert near["traffic 30d"]["totals"]["requests"] == 3000
    assert near["policies"][0]["enforced"] > 0


async def _get(app: FastAPI, path: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return await client.get(path)


@pytest.mark.parametrize("error", [QueryLimitError, StoreBusyError])
def test_a_limit_says_what_to_do(
    error: type[QueryLimitError], tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A question that runs into a limit is answered 503 with what to do, never with ClickHouse's text."""

    def over(*_: object) -> None:
        raise error("Code: 241. DB::Exception: memory limit exceeded (MEMORY_LIMIT_EXCEEDED)", 241)

    source = Estate(tmp_path, 0, store=store)
    database = StateDatabase(tmp_path)
    insight = Insight(source, Mutes(database))
    monkeypatch.setattr(source.store, "query", over)
    with pytest.raises(TooMuchError, match="choose a shorter range") as raised:
        asyncio.run(insight.clients(ClientFilter(range="30d"), 50, 0))
    assert "DB::Exception" not in raised.value.detail
    app = FastAPI()
    problem.install(app)

    @app.get("/mapped")
    async def mapped() -> object:
        return await insight.clients(ClientFilter(range="30d"), 50, 0)

    @app.get("/bare")
    def bare() -> object:
        return source.store.query("SELECT 1")

    for path in ("/mapped", "/bare"):
        response = asyncio.run(_get(app, path))
        assert response.status_code == 503
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["type"] == "urn:starfort:problem:too_much"
        assert "choose a shorter range" in response.json()["detail"]
        assert "DB::Exception" not in response.text
    database.close()
    source.close()
