"""Load generators: wrk as fast as it goes, `open_loop` at a rate that does not slow down with the proxy."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.processes import OTHER_CORE, need, on_core
from benchmarks.report import RESULTS, SkippedError

SOURCE: Final = Path(__file__).with_name("open_loop.rs")
CONNECTIONS: Final = 32
ANSWER_S: Final = 20.0


@dataclass(frozen=True)
class Answers:
    """What wrk reports.

    Attributes:
        total: requests that were answered.
        refused: those among them whose status is not 2xx or 3xx.
    """

    total: int
    refused: int


async def fastest(port: int, script: Path, seconds: int) -> int:
    """How many requests wrk gets answered on 32 kept connections from one thread.

    Raises:
        RuntimeError: an answer was missing or had not a status of 2xx or 3xx.
    """
    got = await answers(port, script, seconds, CONNECTIONS)
    if got.refused or not got.total:
        raise RuntimeError(f"{got.refused} of {got.total} requests were not answered with 2xx or 3xx")
    return got.total


async def answers(port: int, script: Path, seconds: int, connections: int) -> Answers:
    """The answers that wrk gets on this number of kept connections from one thread.

    Raises:
        RuntimeError: an answer was missing.
    """
    output = await _run(
        need("wrk"), "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s",
        "--timeout", "20s", "--script", str(script), f"http://127.0.0.1:{port}",
    )  # fmt: skip
    total = re.search(r"(\d+) requests in", output)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    if total is None or "Socket errors" in output:
        raise RuntimeError(f"wrk was not answered well:\n{output}")
    return Answers(int(total[1]), int(refused[1]) if refused else 0)


async def statuses(port: int, requests: Sequence[bytes]) -> list[int]:
    """Send each request once, on a connection of its own. Returns the statuses of the answers.

    Raises:
        RuntimeError: an answer was missing.
    """
    found = []
    for request in requests:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(request)
            async with asyncio.timeout(ANSWER_S):
                line = await reader.readline()
        finally:
            writer.close()
        status = re.match(rb"HTTP/1\.[01] (\d{3}) ", line)
        if status is None:
            raise RuntimeError(f"no answer to {request.partition(b' HTTP/')[0].decode()}")
        found.append(int(status[1]))
    return found


@dataclass(frozen=True)
class Latency:
    """What `open_loop` measured.

    Attributes:
        answered: requests that were answered with 2xx or 3xx.
        failed: every other request.
        p50_ms: median of the latencies, milliseconds.
        p99_ms: 99 of 100 were answered within this.
        late_ms: 99 of 100 requests left at most this long after they were due; the generator's own quality.
    """

    answered: int
    failed: int
    p50_ms: float
    p99_ms: float
    late_ms: float


async def at_rate(port: int, requests: Path, rate: float, seconds: float) -> Latency:
    """Send at a rate, at times that don't depend on the answers (a Poisson process)."""
    output = await _run(
        str(await open_loop()),
        f"127.0.0.1:{port}",
        str(requests),
        f"{rate:.1f}",
        f"{seconds:.1f}",
        str(CONNECTIONS * 2),
    )
    return Latency(**json.loads(output))


async def open_loop() -> Path:
    """The generator, compiled when its source is newer.

    Raises:
        SkippedError: there is no Rust compiler.
    """
    compiled = RESULTS / "open_loop"
    if compiled.exists() and compiled.stat().st_mtime > SOURCE.stat().st_mtime:
        return compiled
    if shutil.which("rustc") is None:
        raise SkippedError("rustc is not installed; the load generator is compiled with it")
    RESULTS.mkdir(parents=True, exist_ok=True)
    await _run("rustc", "--edition", "2024", "-O", "-o", str(compiled), str(SOURCE), first=False)
    return compiled


async def _run(*command: str, first: bool = True) -> str:
    """Run a command on the other core, and return what it printed."""
    process = await asyncio.create_subprocess_exec(
        *on_core(OTHER_CORE, first=first), *command,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{output.decode(errors='replace')[-2000:]}")
    return output.decode(errors="replace")
