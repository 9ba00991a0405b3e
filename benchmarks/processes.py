"""Processes of a benchmark: pinned to a core, watched through /proc, ended by their own id."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.report import SkippedError

PROXY_CORE: Final = 0
"""Where the process that is measured runs, alone of ours."""

OTHER_CORE: Final = 1
"""Where load generator, upstream and control plane run."""

ALLOWED: Final = os.sched_getaffinity(0)
"""The processors that we may use, before a benchmark pins us to one."""

START_S: Final = 30.0
"""A process that does not listen after this has failed."""

STOP_S: Final = 30.0
"""Starfort lets requests end for ten seconds."""

REALTIME: Final = "STARFORT_BENCH_REALTIME"
"""Environment variable. When set, proxies, upstream and load generators go before all else that the machine
does (SCHED_RR, needs root): for a machine that is not idle."""

TICKS: Final = os.sysconf("SC_CLK_TCK")


def need(command: str) -> str:
    """The path of a command.

    Raises:
        SkippedError: it is not installed.
    """
    found = shutil.which(command, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise SkippedError(f"{command} is not installed; as root, `make system-packages` installs it")
    return found


def need_cores() -> None:
    """Check that there are two processors to pin to.

    Raises:
        SkippedError: there are not.
    """
    if not {PROXY_CORE, OTHER_CORE} <= ALLOWED:
        raise SkippedError("two processors, 0 and 1, are needed: one for the proxy, one for the load")


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


def on_core(core: int, *, first: bool = True) -> list[str]:
    """What to put before a command so that it runs on one processor.

    Args:
        core: the processor.
        first: with `REALTIME` set, go before other work.
    """
    realtime = [need("chrt"), "--rr", "1"] if first and os.environ.get(REALTIME) else []
    return [need("taskset"), "-c", str(core), *realtime]


@contextlib.asynccontextmanager
async def running(
    command: Sequence[str], log: Path, *, environment: Mapping[str, str] | None = None
) -> AsyncIterator[int]:
    """Run a process during the block; yields its id. Its output goes to `log`.

    Args:
        command: what to run, `on_core` before it.
        log: where its output goes.
        environment: added to ours.
    """
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
            env={**os.environ, **(environment or {})},
        )  # fmt: skip
    try:
        yield process.pid
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), STOP_S)
    except TimeoutError:
        process.kill()
        await process.wait()


async def listening(port: int, pid: int, log: Path) -> None:
    """Wait until a port takes connections.

    Raises:
        RuntimeError: the process ended, or it does not listen in `START_S`; with the end of its log.
    """
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and alive(pid):
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.02)
    raise RuntimeError(f"nothing listens on port {port}:\n{end_of(log)}")


def end_of(log: Path) -> str:
    """The last lines of a log, for an error message."""
    return log.read_text(errors="replace")[-3000:]


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return _stat(pid)[0] != "Z"
    except OSError:
        return False


def cpu_seconds(pid: int) -> float:
    """CPU time of a process with all its threads (proc(5), utime and stime)."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mb(pid: int) -> float:
    """Resident memory (proc(5), VmRSS), MB of 10^6 bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024 / 1e6


def move(pid: int, core: int) -> None:
    """Do to every thread of a running process what `on_core` does to a new one.

    Threads that no request waits for only change their processor.
    """
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {core})
        background = (task / "comm").read_text().startswith("starfort-")
        if os.environ.get(REALTIME) and not background:
            os.sched_setscheduler(int(task.name), os.SCHED_RR, os.sched_param(1))


def children(pid: int) -> list[int]:
    """Processes that a process started, and those that they started."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *children(int(child))]
    return found


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from `state` on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
