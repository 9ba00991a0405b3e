"""Asks Envoy's administration interface over its Unix socket."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import httpx

from starfort.dataplane.json import Json

TIMEOUT_S: Final = 5.0

MAX_METRICS_BYTES: Final = 64 << 20
"""Longest text of one scrape that is passed on. An Envoy with 500 clusters has some 5 MB."""

_VERSION: Final = re.compile(r'^(\S+)\.version_text: "([^"]*)"$', re.MULTILINE)
_REJECTED: Final = re.compile(r"^(\S+)\.update_rejected: (\d+)$", re.MULTILINE)


class Admin:
    """The interface of one Envoy. An answer is `None` or false when Envoy is gone, or too busy to give it.

    Args:
        socket: path of the Unix socket.
    """

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    async def get(self, path: str) -> str | None:
        """The text of an answer; `None` when its status is not 200."""
        return await self._ask("GET", path)

    async def post(self, path: str) -> bool:
        """Send a command; whether Envoy accepted it."""
        return await self._ask("POST", path) is not None

    async def _ask(self, method: str, path: str) -> str | None:
        # Without verify=False httpx reads the system's authorities, some 20 ms, for a socket without TLS.
        transport = httpx.AsyncHTTPTransport(uds=str(self._socket), verify=False)
        try:
            async with httpx.AsyncClient(
                transport=transport, base_url="http://envoy", timeout=TIMEOUT_S
            ) as client:
                answer = await client.request(method, path)
        except httpx.HTTPError:
            return None
        return answer.text if answer.status_code == httpx.codes.OK else None

    async def live(self) -> bool:
        """Whether it takes requests."""
        return await self.get("/ready") is not None

    async def versions(self) -> dict[str, str] | None:
        """Version in force by subscription: `listener_manager.lds`, `http.public.rds.starfort`."""
        # With a filter, because this is asked every few milliseconds and all statistics may be megabytes.
        text = await self.get("/stats?filter=version_text")
        return None if text is None else dict(_VERSION.findall(text))

    async def rejections(self) -> int | None:
        """How many updates were refused since its start."""
        text = await self.get("/stats?filter=update_rejected")
        return None if text is None else sum(int(count) for _, count in _REJECTED.findall(text))

    async def active_requests(self) -> int | None:
        """Number of requests under way, without those to this interface."""
        text = await self.get(r"/stats?filter=^http\..*\.downstream_rq_active")
        if text is None:
            return None
        found = [line.rpartition(": ") for line in text.splitlines()]
        return sum(int(value) for name, _, value in found if not name.startswith("http.admin."))

    async def listeners(self) -> dict[str, tuple[str, int]]:
        """Address and port by listener."""
        text = await self.get("/listeners?format=json")
        if text is None:
            return {}
        answer: Json = httpx.Response(200, text=text).json()
        found = {one["name"]: one["local_address"] for one in answer.get("listener_statuses", [])}
        return {
            name: (place["socket_address"]["address"], place["socket_address"]["port_value"])
            for name, place in found.items()
            if "socket_address" in place
        }

    async def metrics(self) -> bytes:
        """All statistics as Prometheus text; empty when Envoy does not answer."""
        text = await self.get("/stats/prometheus")
        return (text or "").encode()[:MAX_METRICS_BYTES]
