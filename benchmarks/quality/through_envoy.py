"""A sample of every part through `starfort up`: Envoy with the filter, as users run it, on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from benchmarks.processes import alive, end_of, free_port, running
from benchmarks.quality.judge import CONFIG
from benchmarks.quality.sample import Sample

TOGETHER: Final = 8
ANSWER_S: Final = 20.0
START_S: Final = 90.0
REACHED: Final = b"x-reached"
"""Header of the upstream's answers: a request whose answer has it was not refused."""

_LENGTH: Final = re.compile(rb"^content-length:[ \t]*(\d+)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request.

    Attributes:
        status: `None` when the connection ended without an answer.
        reached: the upstream answered.
        trailers: trailers that the upstream got.
    """

    status: int | None
    reached: bool
    trailers: bytes = b""


async def _upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every request with 200, and repeat the trailers that came with it."""
    with contextlib.suppress(
        asyncio.IncompleteReadError, ConnectionError, asyncio.LimitOverrunError, ValueError
    ):
        while head := await reader.readuntil(b"\r\n\r\n"):
            trailers = b""
            if length := _LENGTH.search(head):
                await reader.readexactly(int(length[1]))
            elif b"chunked" in head.lower():
                trailers = await _chunks(reader)
            told = trailers.hex().encode()[:2000]
            writer.write(
                b"HTTP/1.1 200 OK\r\n"
                + REACHED
                + b": 1\r\nx-trailers: "
                + told
                + b"\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
            )
            await writer.drain()
    writer.close()


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    while size := int((await reader.readline()).split(b";")[0] or b"0", 16):
        await reader.readexactly(size + 2)
    trailers = b""
    while (line := await reader.readline()) not in {b"\r\n", b""}:
        trailers += line
    return trailers


@contextlib.asynccontextmanager
async def up(config: str = CONFIG, document: object = None) -> AsyncIterator[int]:
    """Run `starfort up` with a configuration in front of an upstream; yields the port.

    Raises:
        RuntimeError: it does not start; with the end of its log.
    """
    upstream = await asyncio.start_server(_upstream, "127.0.0.1", 0, limit=1 << 20)
    to, port, admin = upstream.sockets[0].getsockname()[1], free_port(), free_port()
    text = config.replace("127.0.0.1:9000", f"127.0.0.1:{to}").replace("127.0.0.1:8080", f"127.0.0.1:{port}")
    with tempfile.TemporaryDirectory(prefix="starfort-quality-") as folder:
        file = Path(folder) / "starfort.yaml"
        file.write_text(f"{text}\nworkers: 1\nadmin: {{address: 127.0.0.1:{admin}}}\n")
        (Path(folder) / "openapi.json").write_text(json.dumps(document or {}))
        log = Path(folder) / "starfort.log"
        starfort = str(Path(sys.executable).with_name("starfort"))
        async with upstream, running([starfort, "up", "--config", str(file)], log) as process:
            await _ready(port, process, log)
            yield port


async def _ready(port: int, process: int, log: Path) -> None:
    """Wait until a request reaches the upstream."""
    first = Sample(
        "", "", "GET", "/ready", (("host", "api.example.com"), ("user-agent", "curl/8"), ("accept", "*/*"))
    )
    for _ in range(int(START_S / 0.25)):
        if not alive(process):
            break
        with contextlib.suppress(OSError):
            if (await ask(port, first)).reached:
                return
        await asyncio.sleep(0.25)
    raise RuntimeError(f"`starfort up` is not ready:\n{end_of(log)}")


async def ask(port: int, sample: Sample) -> Answer:
    """Send a request over a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    headers = tuple(pair for pair in sample.headers if pair[0] != "connection")
    raw = replace(sample, headers=(*headers, ("connection", "close"))).wire()
    try:
        async with asyncio.timeout(ANSWER_S):
            sending = asyncio.create_task(_send(writer, raw))
            head = await reader.readuntil(b"\r\n\r\n")
            sending.cancel()
    except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return Answer(None, reached=False)
    finally:
        writer.close()
    words = head.split(b" ", 2)
    found = re.search(rb"x-trailers: ([0-9a-f]+)", head)
    status = int(words[1]) if len(words) > 1 and words[1].isdigit() else None
    return Answer(status, REACHED in head.lower(), bytes.fromhex(found[1].decode()) if found else b"")


async def _send(writer: asyncio.StreamWriter, raw: bytes) -> None:
    """Send a request. A refused upload is answered before all of it is sent, so a broken connection is no error."""
    with contextlib.suppress(ConnectionError):
        writer.write(raw)
        await writer.drain()


async def answers(port: int, samples: Iterable[Sample]) -> list[Answer]:
    """The answers to all requests, in order; `TOGETHER` are under way at a time."""
    slots = asyncio.Semaphore(TOGETHER)

    async def one(sample: Sample) -> Answer:
        async with slots:
            return await ask(port, sample)

    return await asyncio.gather(*map(one, samples))


def run(samples: Sequence[Sample], config: str = CONFIG, document: object = None) -> list[Answer]:
    """Start, ask all, stop."""

    async def all_of_it() -> list[Answer]:
        async with up(config, document) as port:
            return await answers(port, samples)

    return asyncio.run(all_of_it())
