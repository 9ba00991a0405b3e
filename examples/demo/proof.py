"""Proofs that a story came true, from Starfort's own API while it happens, with the time that it took.

Every figure is measured: times of requests are those of the events that Starfort recorded, times at which something
is known are those at which the API first said so (it is asked every `ASK_EVERY_S`).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import httpx

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from .traffic import Traffic

ASK_EVERY_S: Final = 0.2
"""Between two questions to the API."""

STUFFING_POLICY: Final = "stop-stuffing"
OFX_POLICY: Final = "ofx-only-from-home-markets"


class MissingProofError(Exception):
    """A story did not come true in time; the text says which proof is missing."""


@dataclass(frozen=True)
class Proof:
    """What happened.

    Attributes:
        text: one sentence with the figures.
        path: of the page that shows it.
    """

    text: str
    path: str


class Api:
    """Starfort's REST API through its Unix socket, which needs no log-in.

    Args:
        data: the data directory.
    """

    def __init__(self, data: Path) -> None:
        transport = httpx.AsyncHTTPTransport(uds=str(data / "run" / "admin.sock"))
        self._http = httpx.AsyncClient(transport=transport, base_url="http://starfort/api/v1", timeout=10)

    async def items(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """The items of a list; none while the API does not answer."""
        try:
            answer = await self._http.get(path, params=query)
        except httpx.HTTPError:
            return []
        found: list[dict[str, Any]] = answer.json()["items"] if answer.is_success else []
        return found

    async def problems(self) -> list[str]:
        """The problems in the status; none while the API does not answer."""
        try:
            answer = await self._http.get("/status")
        except httpx.HTTPError:
            return []
        found: list[str] = answer.json()["problems"] if answer.is_success else []
        return found

    async def close(self) -> None:
        """Close connections."""
        await self._http.aclose()


class Stories:
    """The proofs of the three stories.

    Args:
        api: where it is asked.
        traffic: who calls, with what they were answered.
    """

    def __init__(self, api: Api, traffic: Traffic) -> None:
        self._api, self._traffic = api, traffic

    async def problems(self) -> list[str]:
        """What Starfort says is wrong with itself, such as a machine that is too busy for detection."""
        return await self._api.problems()

    async def version_in_the_catalogue(self, started: float, within_s: float) -> Proof:
        """The retailer: an endpoint of version 2 is in the catalogue, new and undocumented.

        Args:
            started: when version 2 went live, Unix seconds.
            within_s: how long to wait.

        Raises:
            MissingProofError: it is not there in time.
        """

        async def ask() -> Proof | None:
            found = await self._api.items("/catalogue", search="/v2/", show="undocumented", limit=50)
            learned = [each for each in found if "{" in each["path"]]
            if not learned:
                return None
            first = min(learned, key=lambda each: _seconds(each["first_seen"]))
            name = f"{first['method']} {first['path']}"
            since = _seconds(first["first_seen"])
            path = f"/catalogue/{first['id']}"
            if since < started - 1:
                return Proof(f"{name} is known from before (the data was kept)", path)
            return Proof(
                f"{name} is in the catalogue, new and undocumented, {_took(since)} after its first call", path
            )

        return await _until(ask, within_s, "version 2 in the catalogue")

    async def version_alerted(self, started: float, within_s: float) -> Proof:
        """The retailer: an alert about the new version is out. Arguments and errors as above."""

        async def ask() -> Proof | None:
            found = await self._api.items("/alerts", kind="new_version", limit=10)
            if not found:
                return None
            alert = found[0]
            if _seconds(alert["last_at"]) < started - 1:
                return Proof("its alert is from before (the data was kept)", f"/alerts/{alert['id']}")
            return Proof(
                f"alert, {_took(started)} after it went live: {alert['title']}", f"/alerts/{alert['id']}"
            )

        return await _until(ask, within_s, "an alert about version 2")

    async def first_diverted(self, within_s: float) -> Proof:
        """The bank: a call from abroad was answered by the fraud desk. Errors as above."""
        answered = self._traffic.answered_by

        async def ask() -> Proof | None:
            by = answered["abroad"]
            first = next(iter(by), None)
            if first is None:
                return None
            return Proof(f"the first call from abroad was answered by {first}", f"/policies/{OFX_POLICY}")

        return await _until(ask, within_s, "an answer to OFX from abroad")

    def diverted(self, home_before: int) -> Proof:
        """The bank: who answered which calls, when the burst is over.

        Args:
            home_before: calls from home that were answered before the burst.
        """
        abroad, home = self._traffic.answered_by["abroad"], self._traffic.answered_by["home"]
        text = (
            f"{abroad['fraud-desk']} of {abroad.total()} calls from abroad went to the fraud desk; "
            f"{home['bank'] - home_before} of {home.total() - home_before} from home meanwhile to the bank"
        )
        return Proof(text, f"/events?policy={OFX_POLICY}&action=divert")

    async def campaign_stopped(self, begun: float, within_s: float) -> Proof:
        """The social network: Starfort answers an attempt of the campaign instead of the shop.

        Args:
            begun: when the first attempt was sent, Unix seconds.
            within_s: how long to wait.

        Raises:
            MissingProofError: none was stopped in time.
        """

        async def ask() -> Proof | None:
            found = await self._api.items(
                "/events", policy=STUFFING_POLICY, action="deceive", range="15m", limit=200
            )
            stopped = [at for each in found if (at := _seconds(each["time"])) >= begun - 0.05]
            if not stopped:
                return None
            took = min(stopped) - begun
            through = sum(sent < min(stopped) for sent in self._traffic.attempts if sent >= begun)
            alerts = await self._api.items("/alerts", kind="credential_stuffing", limit=1)
            path = f"/alerts/{alerts[0]['id']}" if alerts else f"/policies/{STUFFING_POLICY}"
            if took < 1:
                return Proof("stopped from its first attempts on: Starfort still knows this campaign", path)
            return Proof(
                f"stopped {took:.1f} s after the first attempt; {through} attempts reached the shop", path
            )

        return await _until(ask, within_s, "the campaign stopped")

    def people_meanwhile(self, before: tuple[int, int]) -> Proof:
        """The social network: what real people noticed.

        Args:
            before: log-ins that succeeded and that were refused before the campaign.
        """
        right, refused = self._traffic.logins[True] - before[0], self._traffic.logins[False] - before[1]
        whom = "none was refused" if not refused else f"{refused} were refused"
        return Proof(f"meanwhile {right} people logged in, {whom}", "/signals?kind=credential_stuffing")


async def _until(ask: Callable[[], Awaitable[Proof | None]], within_s: float, what: str) -> Proof:
    deadline = time.monotonic() + within_s
    while (found := await ask()) is None:
        if time.monotonic() > deadline:
            raise MissingProofError(f"{what}: not within {within_s:.0f} s")
        await asyncio.sleep(ASK_EVERY_S)
    return found


def _took(since: float) -> str:
    return f"{time.time() - since:.1f} s"


def _seconds(moment: str | float) -> float:
    """A moment of the API's as Unix seconds."""
    return dt.datetime.fromisoformat(moment).timestamp() if isinstance(moment, str) else float(moment)
