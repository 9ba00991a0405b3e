"""The engine alone, in nanoseconds: a read and an order by stage, and rules by input."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from benchmarks import crs
from benchmarks.report import ROOT, Row, SkippedError, figure, skipped
from starfort.config.rules import Rules
from starfort.threats.rulesets.overlay import compile_rules

BRIEFLY: Final = ("--warm-up-time", "0.3", "--measurement-time", "1", "--noplot")

REQUESTS: Final = {"profile_get": "get", "profile_post_400b": "post 400 B"}
"""Groups of the bench `profile`, and what rows call them."""

MEASURED: Final[tuple[str, ...]] = (
    "http", "endpoint", "client", "identity", "signals", "rate", "schema", "rules_phase_1", "rules_phase_2",
    "rules_phase_3", "rules_phase_4", "rules_phase_5", "sensitive", "event",
)  # fmt: skip
"""Stages that the bench runs by themselves, in the order of the pipeline."""

RULES_BY_INPUT: Final = ("get", "json", "json_64k", "form", "sqli", "xss", "rce")


async def run() -> list[Row]:
    """Run `cargo bench` with the rules that `starfort up` would load, and read what criterion measured.

    Raises:
        SkippedError: cargo is missing.
    """
    cargo = shutil.which("cargo")
    if cargo is None:
        raise SkippedError("cargo is not installed")
    with tempfile.TemporaryDirectory(prefix="starfort-bench-") as name:
        rules = Path(name) / "rules.bin"
        _write_rules(rules)
        start = time.time()
        await _bench(cargo, rules)
    found = least_times(Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "criterion", start)
    version = crs.installed()
    label = f"crs {version.version} pl1" if version else "own rules, no crs"
    rows = [row for group, request in REQUESTS.items() for row in profile(found, group, request, label)]
    if version is None:
        return [*rows, skipped("rules with crs, by input")]
    by_input = [(each, found[f"rules/{each}"]) for each in RULES_BY_INPUT]
    return [*rows, *(figure(f"rules alone, {label}: {each}", value, "ns") for each, value in by_input)]


def _write_rules(path: Path) -> None:
    """Compile CRS at paranoia level 1 (where it is installed) and Starfort's own rules."""
    sets = ["crs"] if crs.installed() else []
    section = Rules.model_validate({"sets": sets, "paranoia": 1})
    path.write_bytes(compile_rules(section, path.parent).compiled.data)


async def _bench(cargo: str, rules: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        cargo, "bench", "--quiet", "--locked", "-p", "starfort-engine",
        "--bench", "profile", "--bench", "rules", "--", *BRIEFLY,
        cwd=ROOT, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE, env={**os.environ, "STARFORT_RULES": str(rules)},
    )  # fmt: skip
    try:
        _, said = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    told = [line for line in said.decode().splitlines() if not line.startswith("Benchmarking")]
    if process.returncode:
        raise RuntimeError("cargo bench failed:\n" + "\n".join(told[-60:]))
    print("\n".join(dict.fromkeys(told)), file=sys.stderr)


def least_times(folder: Path, since: float) -> dict[str, float]:
    """The least of what criterion measured, nanoseconds an iteration, by `GROUP/NAME`.

    Other work on the machine can only add, and stages that are measured one after the other have to add up.

    Args:
        folder: criterion's.
        since: Unix seconds; what is older is of another run.
    """
    found = {}
    for path in folder.glob("**/new/sample.json"):
        if path.stat().st_mtime >= since:
            name = json.loads(path.with_name("benchmark.json").read_text())["full_id"]
            sample = json.loads(path.read_text())
            found[name] = min(t / n for t, n in zip(sample["times"], sample["iters"], strict=True))
    return found


def profile(found: Mapping[str, float], group: str, request: str, label: str) -> list[Row]:
    """A request's total, its stages, and what is left.

    Policies can't be run by themselves: they are what the engine takes longer with than without them, less
    the one limit that they ask. What is left is the pipeline between stages, and what stages cost in a run
    of all beyond what they cost by themselves, warm.

    Args:
        found: nanoseconds by `GROUP/NAME`.
        group: the request's group.
        request: what rows call it.
        label: which rules.
    """
    of = {name.partition("/")[2]: value for name, value in found.items() if name.startswith(f"{group}/")}
    stages = {name: of[name] for name in MEASURED if name in of}
    stages["policy"] = of["without_rules"] - of["without_policies"] - of["rate"]
    rest = of["total"] - sum(stages.values())
    rows = [
        figure(f"{request}: all, with {label}", of["total"], "ns"),
        figure(f"{request}: all, without rules", of["without_rules"], "ns"),
    ]
    rows += [figure(f"{request}: {name.replace('_', ' ')}", value, "ns") for name, value in stages.items()]
    return [*rows, figure(f"{request}: rest", rest, "ns")]
