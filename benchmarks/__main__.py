"""`python -m benchmarks [NAME …]`: run benchmarks, print a table each, write `build/bench/NAME.json`."""

from __future__ import annotations

import asyncio
import importlib
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Final

from benchmarks.report import Row, SkippedError, skipped, table, write

BENCHES: Final = (
    "cpu", "latency", "memory", "ingest", "reload", "verdict", "engine", "rules", "overload", "cli", "pages",
    "contract", "learned", "soak", "catalogue",
)  # fmt: skip

LIMIT_S: Final = 600
"""A benchmark that takes longer is ended and has failed."""

LONGER_S: Final = {"discovery": 3_600, "overload": 1_200, "pages": 5_400, "contract": 3_600, "soak": 10_800}
"""Those that fill a store first, or run for an hour by hand."""


def main() -> int:
    """Run those that are named, or all. Returns 1 when one failed; a missed target is not a failure."""
    names = sys.argv[1:] or BENCHES
    if unknown := [name for name in names if name not in BENCHES]:
        print(
            f"no benchmark is called {', '.join(unknown)}; there are: {', '.join(BENCHES)}", file=sys.stderr
        )
        return 2
    failed = [name for name in names if not _one(name)]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


def _one(name: str) -> bool:
    """Run one. Returns whether it ran or had a reason not to."""
    run: Callable[[], Awaitable[list[Row]]] = importlib.import_module(f"benchmarks.{name}").run
    print(f"\n{name} …", file=sys.stderr, flush=True)
    start = time.monotonic()
    try:
        rows = asyncio.run(_within(run(), LONGER_S.get(name, LIMIT_S)))
    except SkippedError as reason:
        print(f"skipped {name}: {reason}", file=sys.stderr)
        rows = [skipped(name)]
    except (RuntimeError, OSError, TimeoutError) as error:
        print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
        return False
    write(name, rows)
    print(f"{table(name, rows)}\n({time.monotonic() - start:.0f} s)", flush=True)
    return True


async def _within(run: Awaitable[list[Row]], limit_s: float) -> list[Row]:
    async with asyncio.timeout(limit_s):
        return await run


if __name__ == "__main__":
    sys.exit(main())
