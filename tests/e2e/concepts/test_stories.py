"""The three stories, with real processes: what Starfort is for."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import time

import pytest
from examples.demo import callers
from examples.demo.traffic import Traffic
from examples.shop.serve import password_of

from tests.support.installation import MODULE, Installation, eventually

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not MODULE.exists(), reason=f"{MODULE} is not built: run make setup"),
    pytest.mark.timeout(240),
]

REAL_USERS = 20
CAMPAIGN_RATE_S = 0.02


async def test_a_new_version_of_an_api_is_noticed(starfort: Installation) -> None:
    """The retailer: within 60 s of going live, version 2 is in the catalogue, new and undocumented, with an alert."""
    traffic = Traffic(starfort.client, password_of)
    await asyncio.gather(*(traffic.person(number) for number in range(8)))
    await starfort.direct("shop", "/_release", post=True)
    live = time.monotonic()

    async def noticed() -> list[dict[str, object]]:
        for number in range(4):
            await traffic.use_version_2(number + round((time.monotonic() - live) * 100))
        found = (await starfort.get("/catalogue", search="/v2/", limit=100))["items"]
        paths = {endpoint["path"] for endpoint in found}
        if not any(path.startswith("/v2/customers/{") for path in paths):
            return []
        if not any(path.startswith("/v2/products/{") for path in paths):
            return []
        alerts = (await starfort.get("/alerts", limit=100))["items"]
        about = [
            alert for alert in alerts if "/v2" in f"{alert['title']} {alert['subject']} {alert['evidence']}"
        ]
        return found if about else []

    endpoints = await eventually(noticed, 60, "version 2 is in the catalogue and an alert is out")
    for endpoint in endpoints:
        assert endpoint["new"]
        assert not endpoint["documented"]
    customers = next(endpoint for endpoint in endpoints if str(endpoint["path"]).startswith("/v2/customers/"))

    async def described() -> bool:
        await traffic.use_version_2(7)
        detail = await starfort.get(f"/catalogue/{customers['id']}")
        parameters = [
            row for row in detail["parameters"] if row["location"] == "path" and "uuid" in row["types"]
        ]
        sensitive = {row["value"] for row in detail["sensitive_response"]}
        return detail["authenticated"] is False and bool(parameters) and {"card_number", "email"} <= sensitive

    await eventually(described, 20, "its parameters, credentials and data are known")


async def test_ofx_from_one_region_goes_to_another_upstream(starfort: Installation) -> None:
    """The bank: calls from the region reach the fraud desk, every other call the bank, and nothing is refused."""
    traffic = Traffic(starfort.client, password_of)
    answers = await asyncio.gather(
        *(traffic.ofx(number, abroad=number % 2 == 0) for number in range(100)),
    )
    for number, answer in enumerate(answers):
        assert answer is not None
        assert answer.status == 200
        assert answer.headers["x-answered-by"] == ("fraud-desk" if number % 2 == 0 else "bank")
    shop = await starfort.client.send(
        "GET", "/v1/products", [("Host", "shop.example"), ("X-Forwarded-For", "198.51.100.9")]
    )
    assert shop.status == 200, "only that endpoint is diverted"
    assert (await starfort.direct("bank", "/_stats"))["POST /ofx"] == 50
    assert (await starfort.direct("fraud_desk", "/_stats"))["POST /ofx"] == 50

    async def recorded() -> bool:
        events = (await starfort.get("/events", action="divert", limit=200))["items"]
        return len(events) == 50 and {event["upstream"] for event in events} == {"fraud-desk"}

    await eventually(recorded, 20, "50 diverted events")


async def test_a_stuffing_campaign_is_stopped_and_people_log_in(starfort: Installation) -> None:
    """The social network: 3 s after its 50th failure the campaign is stopped; no real user is refused once."""
    traffic = Traffic(starfort.client, password_of)
    refused: list[int] = []
    ended = asyncio.Event()

    async def user(number: int) -> None:
        while not ended.is_set():
            token = await traffic.login(3 * number, f"203.0.113.{1 + number}", scene="real users")
            if not token:
                refused.append(number)
            await asyncio.sleep(1.5)  # below the demo's limit of log-ins per address

    users = [asyncio.create_task(user(number)) for number in range(REAL_USERS)]
    fiftieth = 0.0
    try:
        for attempt in range(3000):
            answer = await traffic.stuff(attempt)
            assert answer is not None
            assert answer.status == 401
            if attempt == 49:
                fiftieth = time.time()
            if attempt > 50 and attempt % 25 == 0 and await _is_signalled(starfort):
                break
            await asyncio.sleep(CAMPAIGN_RATE_S)
        else:
            pytest.fail("the campaign was never signalled")
        await _nothing_of_the_campaign_reaches_the_shop(starfort, traffic)
    finally:
        ended.set()
        await asyncio.gather(*users)
    assert await _first_stopped(starfort) - fiftieth < 3
    assert not refused
    answers = traffic.counts["real users"]
    assert answers["200"] > REAL_USERS
    assert set(answers) <= {"200", "401"}, "a mistyped password is the only thing that is refused"
    alerts = (await starfort.get("/alerts", limit=50))["items"]
    assert any(alert["kind"] == "credential_stuffing" for alert in alerts)


async def test_people_with_the_browser_of_a_campaign_keep_logging_in(starfort: Installation) -> None:
    """Twenty people with Chrome, then 30 s of failures with Chrome's headers from 20 other networks.

    The campaign is stopped within 3 s of its 30th failure; at most 2 % of right log-ins are lost meanwhile, none after.
    """
    traffic = Traffic(starfort.client, password_of)
    outcomes: list[tuple[float, bool]] = []
    ended = asyncio.Event()

    async def user(number: int) -> None:
        await asyncio.sleep(number / REAL_USERS)
        while not ended.is_set():
            token = await traffic.login(3 * number, f"203.0.113.{1 + number}", scene="real users")
            outcomes.append((time.time(), bool(token)))
            await asyncio.sleep(2.5)  # below the demo's limit of log-ins per address

    async def attempt(number: int) -> None:
        headers = callers.browser(
            0, "shop.example", f"100.64.{number % 20}.{1 + number // 20 % 10}", json_body=True
        )
        body = json.dumps({"email": f"leaked{number}@mail.example", "password": f"leak-{number}"}).encode()
        answer = await starfort.client.send("POST", "/login", headers, body)
        assert answer.status == 401

    users = [asyncio.create_task(user(number)) for number in range(REAL_USERS)]
    try:
        await asyncio.sleep(15)
        began, thirtieth, number = time.time(), 0.0, 0
        while time.time() < began + 30:
            await attempt(number)
            number += 1
            thirtieth = time.time() if number == 30 else thirtieth
            await asyncio.sleep(max(0.0, began + number / 30 - time.time()))
        over = time.time()
        await asyncio.sleep(35)
    finally:
        ended.set()
        await asyncio.gather(*users)
    assert await _first_stopped(starfort) - thirtieth < 3
    stopped = await _count_stopped(starfort)
    assert stopped > 0.7 * number, "the campaign is stopped"
    during = [right for at, right in outcomes if began <= at < over]
    assert during.count(False) <= 0.02 * len(during)
    assert all(right for at, right in outcomes if at > over), "nobody is locked out after it"


async def _count_stopped(starfort: Installation) -> int:
    """Log-ins that Starfort answered by itself."""
    before, count = "", 0
    while True:
        page = await starfort.get(
            "/events", action="deceive", limit=200, **({"before": before} if before else {})
        )
        count += len(page["items"])
        before = page["next"]
        if not before:
            return count


async def _is_signalled(starfort: Installation) -> bool:
    signals = await starfort.get("/signals", limit=50)
    rows = signals["items"] if isinstance(signals, dict) else signals
    return any(row["kind"] == "credential_stuffing" and row["score"] > 0.8 for row in rows)


async def _first_stopped(starfort: Installation) -> float:
    """When the first log-in of the campaign was answered by Starfort, Unix seconds, by the filter's clock."""
    before, times = "", []
    while True:
        page = await starfort.get(
            "/events", action="deceive", limit=200, **({"before": before} if before else {})
        )
        times += [dt.datetime.fromisoformat(event["time"]).timestamp() for event in page["items"]]
        before = page["next"]
        if not before:
            return min(times)


async def _nothing_of_the_campaign_reaches_the_shop(starfort: Installation, traffic: Traffic) -> None:
    """Forty more attempts are answered as failed log-ins, next to all of them by Starfort: one in twenty is a probe."""
    for attempt in range(5000, 5040):
        answer = await traffic.stuff(attempt)
        assert answer is not None
        assert (answer.status, answer.body) == (401, b'{"error":"invalid credentials"}')

    async def deceived() -> bool:
        events = (await starfort.get("/events", action="deceive", limit=200))["items"]
        return len(events) >= 40 and {event["upstream"] for event in events} == {""}

    await eventually(deceived, 20, "40 deceived events")
