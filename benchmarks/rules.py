"""What CRS costs at paranoia levels 1, 2 and 4, by kind of traffic, beside plain Envoy and ModSecurity.

Both block: a request whose score reaches the threshold is answered with 403, by ModSecurity's rule 949110 and
by a policy of Starfort. Starfort runs its own rules beside CRS, as it does for users.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks import crs, envoy, nginx, starfort
from benchmarks.kinds import Kind, kinds
from benchmarks.load import Answers, answers, statuses
from benchmarks.mix import write_lua
from benchmarks.processes import cpu_seconds
from benchmarks.report import Row, SkippedError, compared, figure
from benchmarks.stand import Stand, stand

PARANOIA: Final = (1, 2, 4)
ROUNDS: Final = int(os.environ.get("STARFORT_BENCH_ROUNDS", "3"))
"""Fewer for a look, more for a figure."""

ENOUGH: Final = 6
"""Answers that a round needs for a figure."""

ATTEMPTS: Final = 4

OVER_ENVOY: Final = 1.6
OVER_MODSECURITY: Final = 1 / 20
FOUND_PERCENT: Final = 99.0

BLOCKED: Final = 403


@dataclass(frozen=True)
class Measured:
    """One kind through the proxies at one paranoia level.

    Attributes:
        spent_us: CPU time of a request, microseconds, a figure a round, by proxy.
        got: what was answered over all rounds, by proxy.
    """

    spent_us: dict[str, list[float]]
    got: dict[str, Answers]


async def run() -> list[Row]:
    """Each paranoia level: each kind of traffic, the proxies in turn, `ROUNDS` times over.

    Raises:
        SkippedError: CRS is missing, or ModSecurity.
    """
    found = crs.installed()
    if found is None:
        raise SkippedError("CRS is not installed: `starfort rules install crs`, with STARFORT_RULESETS set")
    async with stand() as here:
        traffic = kinds(here.mix)
        for kind in traffic:
            write_lua(here.script_of(kind.name), kind.requests)
        return [row for paranoia in PARANOIA for row in await _at(here, traffic, paranoia)]


async def _at(here: Stand, traffic: list[Kind], paranoia: int) -> list[Row]:
    """The rows of one paranoia level."""
    print(f"  paranoia {paranoia} …", file=sys.stderr, flush=True)
    async with contextlib.AsyncExitStack() as stack:
        to, folder = here.upstream, here.folder
        section = f"{{sets: [crs], paranoia: {paranoia}}}"
        plain = await stack.enter_async_context(envoy.proxy(to, folder))
        theirs = await stack.enter_async_context(nginx.modsecurity(to, folder, paranoia=paranoia))
        ours = await stack.enter_async_context(
            starfort.up(to, folder / f"starfort-pl{paranoia}", here.mix, section)
        )
        proxies = {"envoy": plain, "modsecurity": theirs, "starfort": (ours.port, ours.envoy)}
        rows = []
        for kind in traffic:
            await _check(proxies, kind, paranoia)
            rows += rows_of(kind, paranoia, await _measure(here, proxies, kind))
        return [*rows, figure(f"pl{paranoia}, events dropped", await ours.events_dropped(), "events", 0)]


async def _check(proxies: Mapping[str, tuple[int, int]], kind: Kind, paranoia: int) -> None:
    """Send everything once, and say which attacks passed. Proxies with rules may answer 403, others not.

    Raises:
        RuntimeError: another answer, which means that something else than rules was measured.
    """
    for name, (port, _) in proxies.items():
        got = await statuses(port, kind.requests)
        allowed = {200, 201} if name == "envoy" else {200, 201, BLOCKED}
        if odd := set(got) - allowed:
            raise RuntimeError(f"{name} answered some of {kind.name} with {sorted(odd)}")
        wrong = [
            request
            for request, status in zip(kind.requests, got, strict=True)
            if (status == BLOCKED) != kind.malicious
        ]
        if wrong and name != "envoy":
            what = "not refused" if kind.malicious else "refused"
            print(f"  {name}, pl{paranoia}, {kind.name}: {len(wrong)} of {len(got)} {what}", file=sys.stderr)


async def _measure(here: Stand, proxies: Mapping[str, tuple[int, int]], kind: Kind) -> Measured:
    script = here.script_of(kind.name)
    spent: dict[str, list[float]] = {name: [] for name in proxies}
    got: dict[str, list[Answers]] = {name: [] for name in proxies}
    for _ in range(ROUNDS):
        for name, (port, pid) in proxies.items():
            before = cpu_seconds(pid)
            answered = await _enough(port, script, kind)
            spent[name].append((cpu_seconds(pid) - before) / answered.total * 1e6)
            got[name].append(answered)
    return Measured(spent, {name: summed(rounds) for name, rounds in got.items()})


async def _enough(port: int, script: Path, kind: Kind) -> Answers:
    """One round, or a longer one if a slow proxy on a busy machine answered next to nothing.

    Raises:
        RuntimeError: it answered nothing at all.
    """
    got: list[Answers] = []
    for attempt in range(ATTEMPTS):
        got.append(await answers(port, script, kind.seconds * 2**attempt, kind.connections))
        if summed(got).total >= ENOUGH:
            break
    if not summed(got).total:
        raise RuntimeError(f"{kind.name}: no answers")
    return summed(got)


def summed(rounds: Sequence[Answers]) -> Answers:
    """All rounds together."""
    return Answers(sum(each.total for each in rounds), sum(each.refused for each in rounds))


def rows_of(kind: Kind, paranoia: int, measured: Measured) -> list[Row]:
    """The rows of one kind at one paranoia level. Only the usual mix at level 1 has targets."""
    what = f"pl{paranoia}, {kind.name}"
    spent, unit = measured.spent_us, "µs/request"
    aimed = paranoia == 1 and kind.name == "json mix"
    rows = [
        compared(f"{what}: starfort over envoy", spent["starfort"], spent["envoy"], unit,
                 OVER_ENVOY if aimed else None),
        compared(f"{what}: starfort over modsecurity", spent["starfort"], spent["modsecurity"], unit,
                 OVER_MODSECURITY if aimed else None),
    ]  # fmt: skip
    for name in ("starfort", "modsecurity"):
        got = measured.got[name]
        percent = 100 * got.refused / got.total
        label = f"{what}: refused by {name}"
        if kind.malicious:
            rows.append(figure(label, percent, "%", FOUND_PERCENT, at_least=True))
        else:
            rows.append(figure(label, percent, "%", 0 if paranoia == 1 else None))
    return rows
