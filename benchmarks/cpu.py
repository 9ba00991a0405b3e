"""CPU time that a request costs the proxying process: Starfort beside plain Envoy, nginx, and ModSecurity."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Final

from benchmarks import crs, envoy, nginx, starfort
from benchmarks.load import fastest
from benchmarks.processes import cpu_seconds
from benchmarks.report import Row, compared, figure, skipped
from benchmarks.stand import stand

ROUNDS: Final = 7
SECONDS: Final = 3
WARM_UP_S: Final = 2

OVER_ENVOY: Final = 1.5
OVER_ENVOY_WITH_CRS: Final = 1.6
OVER_MODSECURITY: Final = 1 / 20

WITHOUT: Final = "starfort without crs"
WITH: Final = "starfort with crs"
UNIT: Final = "µs/request"


async def run() -> list[Row]:
    """Each proxy in turn, `ROUNDS` times over, each time as fast as one core allows."""
    found = crs.installed()
    async with contextlib.AsyncExitStack() as stack:
        here = await stack.enter_async_context(stand())
        to, folder = here.upstream, here.folder
        proxies = {
            "nginx": await stack.enter_async_context(nginx.proxy(to, folder)),
            "modsecurity": await stack.enter_async_context(nginx.modsecurity(to, folder)),
            "envoy": await stack.enter_async_context(envoy.proxy(to, folder)),
        }
        sections = {WITHOUT: "{sets: []}"}
        if found:
            sections[WITH] = "{sets: [crs], paranoia: 1}"
        ours = []
        for name, section in sections.items():
            own = folder / name.replace(" ", "-")
            ours.append(await stack.enter_async_context(starfort.up(to, own, here.mix, section)))
            proxies[name] = (ours[-1].port, ours[-1].envoy)
        spent: dict[str, list[float]] = {name: [] for name in proxies}
        for port, _ in proxies.values():
            await fastest(port, here.script, WARM_UP_S)
        for _ in range(ROUNDS):
            for name, (port, pid) in proxies.items():
                before = cpu_seconds(pid)
                count = await fastest(port, here.script, SECONDS)
                spent[name].append((cpu_seconds(pid) - before) / count * 1e6)
        dropped = sum([await each.events_dropped() for each in ours])
    return [*rows_of(spent, found.version if found else None), figure("events dropped", dropped, "events", 0)]


def rows_of(spent: Mapping[str, Sequence[float]], version: str | None) -> list[Row]:
    """The rows of the report.

    Args:
        spent: CPU time of a request, microseconds, a figure a round, by proxy.
        version: of the CRS that both Starfort and ModSecurity ran; None where ModSecurity ran Debian's and
            Starfort none.
    """
    plain, peer = spent["envoy"], spent["modsecurity"]
    theirs = f"modsecurity with crs {version} pl1" if version else "modsecurity with debian's crs pl1"
    with_crs = f"{WITH} {version} pl1" if version else f"{WITH} pl1"
    rows = [
        compared("nginx over envoy", spent["nginx"], plain, UNIT),
        compared(f"{theirs} over envoy", peer, plain, UNIT),
        compared(f"{WITHOUT} over envoy", spent[WITHOUT], plain, UNIT, OVER_ENVOY),
    ]
    over_envoy, over_peer = f"{with_crs} over envoy", f"{with_crs} over modsecurity"
    if version is None:
        return [*rows, skipped(over_envoy), skipped(over_peer)]
    ours = spent[WITH]
    return [
        *rows,
        compared(over_envoy, ours, plain, UNIT, OVER_ENVOY_WITH_CRS),
        compared(over_peer, ours, peer, UNIT, OVER_MODSECURITY),
    ]
