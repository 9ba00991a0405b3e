"""Style sheet and script are loaded once, and again when they change."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from starfort.api.headers import add_headers
from starfort.dashboard.assets import ASSETS, FOLDER, KEPT, Assets, asset


@pytest.mark.parametrize("name", ["starfort.css", "viewer.js"])
async def test_browsers_keep_what_has_its_hash(name: str) -> None:
    """A file that is asked for with its hash is kept; the policy of all answers does not undo that."""
    app = FastAPI()
    app.mount(ASSETS, Assets(directory=FOLDER))

    async def with_headers(scope: Scope, receive: Receive, send: Send) -> None:
        from starlette.datastructures import MutableHeaders

        async def sent(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                add_headers(MutableHeaders(scope=message), scope)
            await send(message)

        await app(scope, receive, sent)  # type: ignore[arg-type]  # messages are dictionaries

    transport = httpx.ASGITransport(with_headers)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.get(asset(name))).headers["cache-control"] == KEPT
        assert (await client.get(f"{ASSETS}/{name}")).headers["cache-control"] == "no-store"
