"""Calls of a small API for imports and sources, and the API itself."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import uvicorn

HOST: Final = "api.example.com"

Sent = tuple[str, str, dict[str, str], str]
"""Method, target, headers and body."""


def calls(rounds: int = 12) -> list[Sent]:
    """Calls of the API: with and without credentials, with bodies, queries and identifiers."""
    found: list[Sent] = []
    for number in range(rounds):
        caller = {"x-forwarded-for": f"198.51.100.{number % 5 + 1}"}
        bearer = {**caller, "authorization": f"Bearer token-{number % 3}-of-somebody-who-calls"}
        body = json.dumps({"item": number, "note": "please"})
        found += [
            ("GET", f"/v1/orders/{1000 + number}", bearer, ""),
            ("POST", "/v1/orders", {**bearer, "content-type": "application/json"}, body),
            ("GET", f"/v1/customers?page={number}", {**caller, "cookie": f"sid=abcdef{number}"}, ""),
            ("GET", "/v1/health", caller, ""),
            ("DELETE", f"/v1/orders/{2000 + number}", bearer, ""),
        ]
        # Fewer than ten: a mirror does not see that they are answered 404.
        found += [("GET", f"/v1/none/{number}", caller, "")] * (number % 2)
    return found


def answer_to(method: str, target: str) -> tuple[int, str]:
    """Status and body that the API gives."""
    path = target.partition("?")[0]
    if path == "/v1/customers":
        return 200, json.dumps([{"name": "A", "email": "alice@example.com", "card": "4111 1111 1111 1111"}])
    if path.startswith("/v1/none"):
        return 404, json.dumps({"error": "none"})
    return 201 if method == "POST" else 200, json.dumps({"id": 7, "total": 12.5})


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """The API: customers with e-mail addresses, orders, and 404 elsewhere."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    status, body = answer_to(scope["method"], scope["path"])
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode()})


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


@contextlib.asynccontextmanager
async def serving(port: int) -> AsyncIterator[None]:
    """The API on a port."""
    config = uvicorn.Config(answer, port=port, lifespan="off", log_config=None, access_log=False)
    server = _Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        await task


async def send_all(port: int, sent: list[Sent], host: str = HOST) -> list[int]:
    """Send calls through a proxy, one after the other; returns the statuses."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        return [
            (
                await client.request(method, target, headers={"host": host, **headers}, content=body)
            ).status_code
            for method, target, headers, body in sent
        ]
