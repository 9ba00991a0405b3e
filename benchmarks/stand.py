"""What every benchmark stands on: a folder, the traffic, the upstream."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import nginx
from benchmarks.mix import Mix, mix, write_lua
from benchmarks.processes import OTHER_CORE, need_cores


@dataclass(frozen=True)
class Stand:
    """The surroundings of the proxies that are measured.

    Attributes:
        folder: for everything that the benchmark writes; it goes with the block.
        mix: requests and answers.
        upstream: port of the API.
        script: the mix for wrk.
        requests: the mix for `open_loop`.
    """

    folder: Path
    mix: Mix
    upstream: int
    script: Path
    requests: Path

    def script_of(self, kind: str) -> Path:
        """Where a script of another kind of traffic goes."""
        return self.folder / f"{kind.replace(' ', '-')}.lua"


@contextlib.asynccontextmanager
async def stand() -> AsyncIterator[Stand]:
    """Run the upstream during the block, and move this process to its core.

    Raises:
        SkippedError: nginx is missing, or a second processor.
    """
    need_cores()
    os.sched_setaffinity(0, {OTHER_CORE})
    with tempfile.TemporaryDirectory(prefix="starfort-bench-") as name:
        folder = Path(name)
        traffic = mix()
        write_lua(folder / "mix.lua", traffic.requests)
        traffic.write_binary(folder / "mix.bin")
        async with nginx.upstream(traffic, folder) as port:
            yield Stand(folder, traffic, port, folder / "mix.lua", folder / "mix.bin")
