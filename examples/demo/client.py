"""A small HTTP/1.1 client that sends headers exactly in the given order, as each kind of caller does.

Ordinary clients reorder and add headers; the order is part of what Starfort looks at.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

TIMEOUT_S = 10.0
MAX_RESPONSE_BYTES = 4 << 20


@dataclass(frozen=True)
class Answer:
    """A response: status, headers (lower-case names) and body."""

    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """Keeps a few connections open to one address and sends requests over them."""

    def __init__(self, host: str, port: int, *, connections: int = 8) -> None:
        self._host, self._port = host, port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._gate = asyncio.Semaphore(connections)

    async def send(
        self, method: str, path: str, headers: Sequence[tuple[str, str]], body: bytes | None = None
    ) -> Answer:
        """Send one request.

        Raises:
            OSError: the connection failed or was closed before an answer came (nothing is retried, so that
                a dropped request shows).
            TimeoutError: no answer in `TIMEOUT_S`.
        """
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        request = "\r\n".join([*lines, "", ""]).encode() + (body or b"")
        async with self._gate:
            reader, writer = await self._connection()
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    writer.write(request)
                    await writer.drain()
                    answer, reusable = await _read(reader)
            except BaseException:
                writer.close()
                raise
            if reusable:
                self._idle.append((reader, writer))
            else:
                writer.close()
            return answer

    async def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            _, writer = self._idle.pop()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self._host, self._port)


async def _read(reader: asyncio.StreamReader) -> tuple[Answer, bool]:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        raise ConnectionResetError("closed before an answer came") from error
    first, *rest = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    status = int(first.split(" ", 2)[1])
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)
    }
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = await _chunks(reader)
    else:
        body = await reader.readexactly(min(int(headers.get("content-length", "0")), MAX_RESPONSE_BYTES))
    return Answer(status, headers, body), headers.get("connection", "").lower() != "close"


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        if len(body) + size > MAX_RESPONSE_BYTES:
            raise ConnectionError("response too large for the demo's client")
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readline()
    return body
