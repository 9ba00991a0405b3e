"""What the command line costs: CPU (user and system) of commands that answer at once."""

from __future__ import annotations

import asyncio
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks import starfort
from benchmarks.report import Row, figure
from benchmarks.stand import stand

ROUNDS: Final = 7
HELP_S: Final = 0.15
STATUS_S: Final = 0.5
CHECK_S: Final = 1.0


async def run() -> list[Row]:
    """Run each command `ROUNDS` times; `status` and `events` ask a Starfort that runs."""
    async with stand() as here, starfort.up(here.upstream, here.folder, here.mix):
        config = str(here.folder / "starfort.yaml")
        asking = ("--data-dir", str(here.folder / "var"))
        cache = here.folder / "cache"
        python = [await _cpu(cache, [sys.executable, "-c", "pass"]) for _ in range(ROUNDS)]
        cold = [await _check_cold(cache, number, config) for number in range(3)]
        return [
            figure("python itself", statistics.median(python), "s"),
            figure("--help", await _median(cache, "--help"), "s", HELP_S),
            figure("events --help", await _median(cache, "events", "--help"), "s"),
            figure("status", await _median(cache, "status", *asking), "s", STATUS_S),
            figure("events", await _median(cache, "events", *asking), "s", STATUS_S),
            figure("check", await _median(cache, "check", config), "s", CHECK_S),
            figure("check, rules not seen before", statistics.median(cold), "s"),
        ]


async def _check_cold(cache: Path, number: int, config: str) -> float:
    """The first check of these rules by a user, whose cache is empty."""
    return await _cpu(cache / str(number), _command("check", config))


async def _median(cache: Path, *arguments: str) -> float:
    await _cpu(cache, _command(*arguments))
    return statistics.median([await _cpu(cache, _command(*arguments)) for _ in range(ROUNDS)])


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from starfort.cli.app import main; main()", *arguments]


async def _cpu(cache: Path, command: list[str]) -> float:
    """Seconds of CPU, user and system, that a command and its children took."""
    return await asyncio.to_thread(_blocking, command, {**os.environ, "XDG_CACHE_HOME": str(cache)})


def _blocking(command: list[str], environment: dict[str, str]) -> float:
    # Waited for by its id: the process that is measured must not be counted with others that end meanwhile.
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in {0, 1}:  # 1: not healthy yet, which costs the same
        raise RuntimeError(f"{command[3:] or command} ended with {process.returncode}")
    return _seconds(used)


def _seconds(used: resource.struct_rusage) -> float:
    return used.ru_utime + used.ru_stime
