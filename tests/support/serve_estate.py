"""Serves a seeded estate on a free loopback port: `python -m tests.support.serve_estate DIRECTORY ENDPOINTS`.

Prints one JSON line `{"port": …, "password": …}` when it answers, and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from pathlib import Path

import uvicorn

from starfort.admin.audit import CLI
from starfort.admin.roles import Role
from starfort.api.app import create_app
from starfort.dashboard import frame
from tests.support.estate import Estate

REFRESH_S = 0.5
"""How often pages ask again here, so that no test waits for them."""
PASSWORDS = {"amina": "operator password", "vera": "viewer's password"}


async def _serve(directory: Path, endpoints: int, *, hostile: bool) -> None:
    frame.REFRESH_S = REFRESH_S
    estate = Estate(directory, endpoints, events=6000 + 4 * endpoints, hostile=hostile)
    app = create_app(estate)
    app.state.desk.accounts.add("amina", PASSWORDS["amina"], Role.OPERATOR, CLI)
    app.state.desk.accounts.add("vera", PASSWORDS["vera"], Role.VIEWER, CLI)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="websockets-sansio"))
    task = asyncio.create_task(server.serve([listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    password = app.state.first_password.read_text().strip()
    sys.stdout.write(json.dumps({"port": listener.getsockname()[1], "password": password}) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    server.should_exit = True
    await task
    # Without the interpreter's own end, in which ClickHouse's threads crash or hang now and then.
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), int(sys.argv[2]), hostile="--hostile" in sys.argv))
