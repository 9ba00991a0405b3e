"""An upstream that keeps the bytes that reach it, unchanged, so that tests see what a proxy let through."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

ANSWER = b'{"ok":true}'


@dataclass
class Received:
    """One request as the upstream got it."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def path(self) -> str:
        """The path and query of the request."""
        return self.line.split(" ")[1]

    def values(self, name: str) -> list[str]:
        """Values of a header; `name` in lower case."""
        return [value for known, value in self.headers if known == name]


@dataclass
class Recorder:
    """Every request, in order of arrival."""

    seen: list[Received] = field(default_factory=list)

    def at(self, path: str) -> list[Received]:
        """The requests for a path."""
        return [request for request in self.seen if request.path == path]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection: every request is answered 200."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                line, *rest = (
                    (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip("\r\n").split("\r\n")
                )
                pairs = [each.partition(":") for each in rest]
                request = Received(line, [(name.lower(), value.strip()) for name, _, value in pairs], b"")
                self.seen.append(request)
                request.body = await _body(reader, request)
                head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(ANSWER)}"
                writer.write(f"{head}\r\n\r\n".encode() + ANSWER)
                await writer.drain()
        writer.close()


async def _body(reader: asyncio.StreamReader, request: Received) -> bytes:
    if "chunked" in request.values("transfer-encoding"):
        body = b""
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readline()
        return body
    length = request.values("content-length")
    return await reader.readexactly(int(length[0])) if length else b""


@contextlib.asynccontextmanager
async def recorder() -> AsyncIterator[tuple[Recorder, int]]:
    """A recorder and its port."""
    made = Recorder()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, limit=1 << 20)
    async with server:
        yield made, server.sockets[0].getsockname()[1]
