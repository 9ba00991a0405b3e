"""Requests lost while one Envoy takes over from another, again and again, under load. By hand: minutes.

    python -m benchmarks.handover [REQUESTS] [HANDOVERS]

Half of the clients keep their connection, half make one for each request. Every answer but 200, and every
connection that fails, counts as lost. A kept connection that Envoy closes between two answers, after it said
`connection: close`, is opened anew, as HTTP asks (RFC 9112, 9.6).
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import sys
import tempfile
import time
from pathlib import Path

from tests.support.envoy_bench import BASIC, Echo, Place
from tests.support.installation import free_ports

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
REQUEST = b"GET /v1/things/1 HTTP/1.1\r\nhost: shop.example\r\n\r\n"


class Upstream(asyncio.Protocol):
    """An upstream that gives every request the same answer."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Send one answer for each head that arrives."""
        self._transport.write(ANSWER * data.count(b"\r\n\r\n"))  # type: ignore[attr-defined]


class Load:
    """Clients and their count."""

    def __init__(self, port: int, wanted: int) -> None:
        self.port, self.wanted = port, wanted
        self.good = self.connections = 0
        self.lost: list[str] = []

    async def client(self, *, keep: bool) -> None:
        """Send requests until there were enough."""
        reader = writer = None
        while self.good + len(self.lost) < self.wanted:
            try:
                if reader is None or writer is None:
                    reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    self.connections += 1
                writer.write(REQUEST)
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                await reader.readexactly(length)
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                self.lost.append(repr(error))
                head = b""
            if head.startswith(b"HTTP/1.1 200"):
                self.good += 1
            elif head:
                self.lost.append(head[:60].decode())
            if not keep or not head or b"connection: close" in head.lower():
                if writer is not None:
                    writer.close()
                reader = writer = None


async def main(wanted: int, handovers: int) -> None:
    """Print what was lost, as JSON."""
    (port,) = free_ports(1)
    text = BASIC.replace("127.0.0.1:0", f"127.0.0.1:{port}")
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0)
    with tempfile.TemporaryDirectory() as directory:
        here = Place(Path(directory), {"shop": server.sockets[0].getsockname()[1]}, Echo())
        supervisor, plane = here.supervisor(), here.dataplane(text)
        await supervisor.start(plane)
        load, began, done = Load(port, wanted), time.monotonic(), 0
        clients = [asyncio.create_task(load.client(keep=bool(number % 2))) for number in range(16)]
        try:
            for number in range(1, handovers + 1):
                part = wanted * number / (handovers + 1)
                while load.good < part and not all(c.done() for c in clients):  # noqa: ASYNC110 (clients count)
                    await asyncio.sleep(0.05)
                before = supervisor.status().pid
                while supervisor.status().leaving:  # noqa: ASYNC110 (a process that ends in its own time)
                    await asyncio.sleep(0.05)
                await supervisor.apply(dataclasses.replace(plane, handover_s=600.0 + number))
                done += supervisor.status().pid != before
            await asyncio.gather(*clients)
        finally:
            with contextlib.suppress(Exception):
                await supervisor.stop()
            server.close()
    took = time.monotonic() - began
    rows = [
        {"name": "requests answered", "value": load.good, "unit": ""},
        {"name": "requests lost", "value": len(load.lost), "unit": "", "target": 0, "ok": not load.lost},
        {"name": "connections", "value": load.connections, "unit": ""},
        {"name": "hand-overs", "value": done, "unit": "", "target": handovers, "ok": done == handovers},
        {"name": "requests a second", "value": round(load.good / took), "unit": "/s"},
    ]
    print(json.dumps(rows, indent=1))
    for reason in sorted(set(load.lost))[:10]:
        print(reason, load.lost.count(reason))


if __name__ == "__main__":
    asyncio.run(main(*(int(value) for value in (sys.argv[1:] + ["100000", "10"][len(sys.argv) - 1 :]))))
