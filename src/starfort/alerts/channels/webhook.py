"""Alerts by HTTP POST, signed so that the receiver knows who sent them."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import httpx

from starfort.alerts.channels.base import DeliveryError
from starfort.alerts.model import Alert

SIGNATURE_HEADER: Final = "x-starfort-signature"

# RFC 9110 and RFC 6585: these ask the client to try again later; other 4xx would fail in the same way
_RETRY: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


def signature(secret: bytes, timestamp: int, body: bytes) -> str:
    """Value of `x-starfort-signature`: `t=UNIX,v1=HEX`, HMAC-SHA-256 of `UNIX.BODY`.

    The time is signed together with the body, so that a receiver can refuse an old message that somebody
    recorded and sends again.
    """
    digest = hmac.new(secret, f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


class WebhookChannel:
    """Alerts by HTTP POST of their JSON.

    Args:
        url: where to send alerts. Only its scheme and host are ever logged, because the paths of webhooks are
            secrets.
        secret: signs the body; without it nothing is signed.
        timeout_s: for the whole request.
        transport: for tests.
        clock: Unix seconds.
    """

    def __init__(
        self,
        url: str,
        secret: bytes | None = None,
        timeout_s: float = 5.0,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._url = url
        self._secret = secret
        self._clock = clock
        # Redirects are not followed: they could lead alerts and signatures to a host that nobody configured.
        self._client = httpx.AsyncClient(timeout=timeout_s, follow_redirects=False, transport=transport)
        parts = urlsplit(url)
        self.name = f"webhook:{parts.scheme}://{parts.hostname}"

    async def send(self, alert: Alert) -> None:
        """POST one alert; 2xx is delivered, 408, 425, 429 and 5xx are worth another try."""
        body = json.dumps(alert.as_json(), default=str).encode()
        headers = {"content-type": "application/json", "user-agent": "starfort"}
        if self._secret is not None:
            headers[SIGNATURE_HEADER] = signature(self._secret, int(self._clock()), body)
        try:
            response = await self._client.post(self._url, content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # `from None` hides the original error, whose text may hold the whole URL.
            raise DeliveryError(f"{self.name}: {type(error).__name__}") from None
        if response.is_success:
            return
        permanent = (
            response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR and response.status_code not in _RETRY
        )
        raise DeliveryError(f"{self.name}: answered {response.status_code}", permanent=permanent)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
