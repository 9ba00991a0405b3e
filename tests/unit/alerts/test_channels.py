"""The channels: what leaves, in which form, and what never does."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import structlog

from starfort.alerts.channels.base import DeliveryError
from starfort.alerts.channels.log import LogChannel
from starfort.alerts.channels.syslog import MAX_MESSAGE_BYTES, SyslogChannel, cef, message
from starfort.alerts.channels.webhook import WebhookChannel
from starfort.alerts.model import Alert

ALERT = Alert("scraping", "high", "A|title=1", "ja4=x\ny", ({"n": 1},), datetime(2026, 1, 2, tzinfo=UTC))
URL = "https://hooks.example.com/T0/SECRETPATH"


def webhook(handler: httpx.MockTransport, secret: bytes | None = b"key") -> WebhookChannel:
    """A webhook to a handler."""
    return WebhookChannel(URL, secret, transport=handler, clock=lambda: 1000.0)


async def test_webhook_is_signed_with_its_time() -> None:
    """The receiver can check who sent the body and when."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(204)

    channel = webhook(httpx.MockTransport(answer))
    await channel.send(ALERT)
    await channel.close()
    body = seen[0].content
    wanted = hmac.new(b"key", b"1000." + body, hashlib.sha256).hexdigest()
    assert seen[0].headers["x-starfort-signature"] == f"t=1000,v1={wanted}"
    assert json.loads(body)["title"] == ALERT.title


@pytest.mark.parametrize(
    ("status", "permanent"), [(500, False), (429, False), (400, True), (404, True), (302, True)]
)
async def test_webhook_says_whether_another_try_helps(status: int, permanent: bool) -> None:
    """5xx and 429 are tried again; what the receiver refuses is not. Redirects are not followed."""
    channel = webhook(
        httpx.MockTransport(lambda _: httpx.Response(status, headers={"location": "https://else/"}))
    )
    with pytest.raises(DeliveryError) as caught:
        await channel.send(ALERT)
    assert caught.value.permanent is permanent


async def test_webhook_tells_nobody_its_path_or_secret() -> None:
    """Neither name nor error has the URL's path or the secret in it."""

    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"no route to {request.url}")

    channel = webhook(httpx.MockTransport(fail), b"top-secret")
    with pytest.raises(DeliveryError) as caught:
        await channel.send(ALERT)
    assert "SECRETPATH" not in f"{channel.name}{caught.value}{caught.value.__cause__}"
    assert "top-secret" not in f"{channel.name}{caught.value!r}"


async def test_log_file_is_private_json_lines(tmp_path: Path) -> None:
    """Each alert is one line of a file that only its owner may read."""
    channel = LogChannel(tmp_path / "alerts.jsonl")
    await channel.send(ALERT)
    await channel.send(ALERT)
    lines = (tmp_path / "alerts.jsonl").read_text().splitlines()
    assert [json.loads(line)["kind"] for line in lines] == ["scraping", "scraping"]
    assert (tmp_path / "alerts.jsonl").stat().st_mode & 0o777 == 0o600


async def test_log_file_that_can_not_be_written_is_a_failed_delivery(tmp_path: Path) -> None:
    """A missing directory is named."""
    with pytest.raises(DeliveryError, match="No such file"):
        await LogChannel(tmp_path / "none" / "alerts.jsonl").send(ALERT)


async def test_log_without_a_file_goes_to_the_log() -> None:
    """Without a file the alert is an entry of Starfort's own log."""
    with structlog.testing.capture_logs() as entries:
        await LogChannel().send(ALERT)
    assert entries[0]["alert_kind"] == "scraping"


def test_cef_escapes_what_an_attacker_chose() -> None:
    """Bars, equal signs and line ends in values can't make up fields or messages."""
    text = cef(ALERT)
    assert r"|A\|title=1|8|" in text
    assert text.endswith(" cs1=ja4\\=x\\ny cs2Label=state cs2=new start=1767312000000 end=1767312000000")
    assert "\n" not in text


def test_message_is_bounded() -> None:
    """A long alert is cut at what syslog receivers take."""
    assert len(message(Alert("k", "low", "é" * 5000, "s"), "edge-1")) <= MAX_MESSAGE_BYTES


async def test_syslog_arrives() -> None:
    """One datagram an alert."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        await SyslogChannel("127.0.0.1", receiver.getsockname()[1], "edge 1").send(ALERT)
        data = receiver.recv(4096)
    assert data.startswith(b"<107>1 2026-01-02T00:00:00+00:00 edge-1 starfort - ")
