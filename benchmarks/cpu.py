"""CPU time that a request costs the proxying process: Starfort beside plain Envoy, nginx, and ModSecurity."""

from __future__ import annotations

import contextlib
from typing import Final

from benchmarks import envoy, nginx, starfort
from benchmarks.load import fastest
from benchmarks.processes import cpu_seconds
from benchmarks.report import Row, compared, figure
from benchmarks.stand import stand

ROUNDS: Final = 7
SECONDS: Final = 3
WARM_UP_S: Final = 2

OVER_ENVOY: Final = 1.5
OVER_MODSECURITY: Final = 1 / 20


async def run() -> list[Row]:
    """Each proxy in turn, `ROUNDS` times over, each time as fast as one core allows."""
    async with contextlib.AsyncExitStack() as stack:
        here = await stack.enter_async_context(stand())
        to, folder = here.upstream, here.folder
        proxies = {
            "nginx": await stack.enter_async_context(nginx.proxy(to, folder)),
            "modsecurity": await stack.enter_async_context(nginx.modsecurity(to, folder)),
            "envoy": await stack.enter_async_context(envoy.proxy(to, folder)),
        }
        ours = await stack.enter_async_context(starfort.up(to, folder, here.mix))
        proxies["starfort"] = (ours.port, ours.envoy)
        spent: dict[str, list[float]] = {name: [] for name in proxies}
        for port, _ in proxies.values():
            await fastest(port, here.script, WARM_UP_S)
        for _ in range(ROUNDS):
            for name, (port, pid) in proxies.items():
                before = cpu_seconds(pid)
                count = await fastest(port, here.script, SECONDS)
                spent[name].append((cpu_seconds(pid) - before) / count * 1e6)
        dropped = await ours.events_dropped()
    unit = "µs/request"
    return [
        compared("nginx over envoy", spent["nginx"], spent["envoy"], unit),
        compared("modsecurity over envoy", spent["modsecurity"], spent["envoy"], unit),
        compared("starfort over envoy", spent["starfort"], spent["envoy"], unit, OVER_ENVOY),
        compared(
            "starfort over modsecurity", spent["starfort"], spent["modsecurity"], unit, OVER_MODSECURITY
        ),
        figure("events dropped meanwhile", dropped, "events", 0),
    ]
