"""The engine alone: its criterion benches, run briefly, in nanoseconds."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from pathlib import Path
from typing import Final

from benchmarks.report import ROOT, Row, SkippedError, figure

BRIEFLY: Final = ("--warm-up-time", "0.3", "--measurement-time", "1", "--noplot")


async def run() -> list[Row]:
    """Run `cargo bench` and read what criterion estimated.

    Raises:
        SkippedError: cargo is missing.
    """
    cargo = shutil.which("cargo")
    if cargo is None:
        raise SkippedError("cargo is not installed")
    start = time.time()
    process = await asyncio.create_subprocess_exec(
        cargo, "bench", "--quiet", "--locked", "-p", "starfort-engine", "--bench", "*", "--", *BRIEFLY,
        cwd=ROOT, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    if await process.wait():
        raise RuntimeError("cargo bench failed; its messages are above")
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    rows = []
    for path in sorted((target / "criterion").glob("**/new/estimates.json")):
        if path.stat().st_mtime >= start:
            name = json.loads(path.with_name("benchmark.json").read_text())["full_id"]
            estimates = json.loads(path.read_text())
            rows.append(figure(name, estimates["median"]["point_estimate"], "ns"))
    return rows
