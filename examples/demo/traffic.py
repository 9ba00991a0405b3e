"""The demo's traffic: people, good bots, a scraper, a stuffing campaign, injections and an OFX burst.

Everything is paced (about a hundred requests a second at most) and stops with the process. Each scene counts
what it got, so that the closing summary says who was let through and who was not.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid
from collections import Counter, deque
from typing import TYPE_CHECKING

from . import callers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .client import Answer, Client

SHOP, BANK = "shop.example", "bank.example"
CAMPAIGN_ADDRESSES = 200
INJECTIONS = (
    "/v1/products?category=1'%20OR%20'1'='1",
    "/v1/products?category=%3Cscript%3Ealert(1)%3C/script%3E",
    "/v1/products/%2e%2e/%2e%2e/etc/passwd",
    "/v1/products?page=1;cat%20/etc/passwd",
    "/.env",
    "/wp-login.php",
)
KEPT_ATTEMPTS = 10_000
NOSQL_INJECTION = b'{"email": {"$ne": null}, "password": {"$gt": ""}}'


def mistyped(password: str, pick: random.Random) -> str:
    """A mistyped password: two letters swapped, or one letter left out, doubled or replaced.

    Different people mistype different passwords in different ways: one wrong password for all of them would be
    password spraying.
    """
    at = pick.randrange(len(password) - 1)
    before, one, other, after = password[:at], password[at], password[at + 1], password[at + 2 :]
    slips = [
        before + other + one + after,
        before + other + after,
        before + one + one + other + after,
        before + pick.choice("qwertzuiop") + other + after,
        password.swapcase(),
    ]
    return pick.choice([slip for slip in slips if slip != password])


class Traffic:
    """Sends the scenes through one Starfort listener and keeps counts by scene and outcome."""

    def __init__(self, client: Client, password_of: Callable[[int], str], *, seed: int = 7) -> None:
        self._client, self._password_of = client, password_of
        self._random = random.Random(seed)
        self.counts: dict[str, Counter[str]] = {}
        self.answered_by: dict[str, Counter[str]] = {"abroad": Counter(), "home": Counter()}
        """Who answered OFX calls, by where they came from."""
        self.attempts: deque[float] = deque(maxlen=KEPT_ATTEMPTS)
        """When the latest attempts of the campaign were sent, Unix seconds."""
        self.logins: Counter[bool] = Counter()
        """People who logged in in the end (True), and who did not."""

    async def _send(self, scene: str, sending: Awaitable[Answer]) -> Answer | None:
        counts = self.counts.setdefault(scene, Counter())
        try:
            answer = await sending
        except (OSError, TimeoutError) as error:
            counts[type(error).__name__] += 1
            return None
        counts[str(answer.status)] += 1
        return answer

    async def person(self, number: int) -> None:
        """One visit: log in, look at products, order, look at the account."""
        pick = self._random
        address = f"{'203.0.113' if number % 2 else '192.0.2'}.{1 + number % 250}"
        token = await self.login(number, address)
        for _ in range(pick.randint(2, 5)):
            path = pick.choice(
                [
                    f"/v1/products?page={pick.randint(1, 20)}",
                    f"/v1/products/{pick.randint(0, 499)}",
                    "/v1/account",
                ]
            )
            headers = callers.browser(number, SHOP, address, token=token)
            await self._send("people", self._client.send("GET", path, headers))
            await asyncio.sleep(pick.uniform(0.05, 0.4))
        if pick.random() < 0.5:  # noqa: PLR2004
            body = json.dumps(
                {"items": [{"id": pick.randint(0, 499), "quantity": 1}], "note": "ring twice"}
            ).encode()
            headers = callers.browser(number, SHOP, address, json_body=True, token=token)
            await self._send("people", self._client.send("POST", "/v1/orders", headers, body))
            order = uuid.UUID(int=pick.getrandbits(128), version=4)
            headers = callers.browser(number, SHOP, address, token=token)
            await self._send("people", self._client.send("GET", f"/v1/orders/{order}", headers))

    async def login(self, number: int, address: str, *, scene: str = "people") -> str:
        """Log a person in; returns the token, "" when refused. One in twelve mistypes their own password first."""
        headers = callers.browser(number, SHOP, address, json_body=True)
        passwords = [self._password_of(number)]
        if self._random.random() < 1 / 12:
            passwords.insert(0, mistyped(passwords[0], self._random))
        answer = None
        for password in passwords:
            body = json.dumps({"email": f"customer{number}@shop.example", "password": password}).encode()
            answer = await self._send(scene, self._client.send("POST", "/login", headers, body))
        right = answer is not None and answer.status == 200  # noqa: PLR2004
        self.logins[right] += 1
        if answer is None or not right:
            return ""
        return str(json.loads(answer.body)["token"])

    async def stuff(self, attempt: int) -> Answer | None:
        """One attempt of the campaign: another leaked account, another of its 200 addresses."""
        number = attempt % CAMPAIGN_ADDRESSES
        address = f"198.{18 + number % 2}.{number // 100}.{1 + number}"
        body = json.dumps(
            {"email": f"leaked{attempt}@mail.example", "password": f"leak-{attempt % 5000}"}
        ).encode()
        self.attempts.append(time.time())
        sending = self._client.send("POST", "/login", callers.stuffing_bot(SHOP, address), body)
        return await self._send("stuffing", sending)

    async def scrape(self, page: int) -> None:
        """One page of a scraper that walks through all products, from one address."""
        headers = callers.scraper(SHOP, "198.18.9.9")
        await self._send("scraper", self._client.send("GET", f"/v1/products/{page % 500}", headers))

    async def crawl(self, page: int) -> None:
        """One page of a search engine."""
        headers = callers.googlebot(SHOP, "203.0.113.251")
        await self._send("good bot", self._client.send("GET", f"/v1/products?page={1 + page % 25}", headers))

    async def inject(self, number: int) -> None:
        """One exploit attempt: first from a scanner whose address is known, later from an ordinary browser."""
        known = number % 2 == 0
        headers = (
            callers.scraper(SHOP, "198.19.66.6")
            if known
            else callers.browser(number, SHOP, f"192.0.2.{1 + number % 250}", json_body=True)
        )
        if number % 4 == 3:  # noqa: PLR2004
            sending = self._client.send("POST", "/login", headers, NOSQL_INJECTION)
        else:
            sending = self._client.send("GET", INJECTIONS[number // 2 % len(INJECTIONS)], headers)
        await self._send("injections", sending)

    async def ofx(self, number: int, *, abroad: bool) -> Answer | None:
        """One OFX statement request, from home or from the region where the bank has no customers."""
        address = f"{'198.51.100' if abroad else '203.0.113'}.{1 + number % 250}"
        scene = "OFX from abroad" if abroad else "OFX from home"
        headers = callers.money_program(BANK, address)
        answer = await self._send(scene, self._client.send("POST", "/ofx", headers, callers.OFX_REQUEST))
        if answer is not None:
            by = answer.headers.get("x-answered-by", f"nobody (status {answer.status})")
            self.answered_by["abroad" if abroad else "home"][by] += 1
        return answer

    async def use_version_2(self, number: int) -> None:
        """A person whose app already calls the new version."""
        address = f"192.0.2.{1 + number % 250}"
        headers = callers.browser(number, SHOP, address)
        customer = uuid.UUID(int=number * 7919, version=4)
        for path in (f"/v2/products/{number % 500}", f"/v2/customers/{customer}"):
            await self._send("version 2", self._client.send("GET", path, headers))
