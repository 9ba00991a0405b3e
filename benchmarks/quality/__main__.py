"""`python -m benchmarks.quality [PART …] [--quick] [--show KIND]`: what a default Starfort refuses, finds and lets pass."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Final

from benchmarks.quality import report
from benchmarks.quality.judge import Judge, judge
from benchmarks.report import Row, SkippedError, skipped, table, write

PARTS: Final[dict[str, Callable[[Judge, report.Options], list[Row]]]] = {
    "benign": report.benign,
    "attacks": report.attacks,
    "evasions": report.evasions,
    "policies": report.policies,
    "envoy": report.envoy,
    "time": report.dearest,
}


def main() -> int:
    """Run the parts that are named, or all. Returns 1 when one failed; a missed target is not a failure."""
    options = _options()
    try:
        asked = judge()
    except SkippedError as reason:
        print(f"skipped: {reason}", file=sys.stderr)
        write("quality", [skipped(part) for part in options.parts or PARTS])
        return 0
    rows: list[Row] = []
    for part in options.parts or PARTS:
        print(f"\n{part} …", file=sys.stderr, flush=True)
        start = time.monotonic()
        found = PARTS[part](asked, report.Options(options.quick, options.show, options.top))
        print(f"{table(part, found)}\n({time.monotonic() - start:.0f} s)", flush=True)
        rows += found
    if not options.show:
        write("quality" if not options.parts else "quality-" + "-".join(options.parts), rows)
    return 0


def _options() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    arguments.add_argument(
        "parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=f"of {', '.join(PARTS)}; default: all"
    )
    arguments.add_argument("--quick", action="store_true", help="a fifth of the samples, in a minute")
    arguments.add_argument(
        "--show",
        default="",
        metavar="KIND",
        help="print refused benign (or missed hostile) requests of kinds that begin so",
    )
    arguments.add_argument("--top", type=int, default=15, help="rules in the list of what refused")
    return arguments.parse_args()


if __name__ == "__main__":
    sys.exit(main())
