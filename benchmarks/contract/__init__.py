"""Calls against contracts: what the engine lets pass and what it finds, judged by somebody else.

schemathesis makes valid and broken calls of twenty public documents, the engine holds them to the documents
with `mode: enforce`, and `oracle` says which broken calls are still broken as they go over the wire.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.contract.document import Tally, examine
from benchmarks.report import Row, SkippedError, figure

DOCUMENTS: Final = 20
VALID: Final = 100_000
BROKEN: Final = 20_000
SHARE_FOUND: Final = 0.98
US_PER_KIB: Final = 20.0


async def run() -> list[Row]:
    """Make the calls and count. `STARFORT_BENCH_CALLS` is how many valid ones there are, 100,000 by default.

    Raises:
        SkippedError: the corpus is missing.
    """
    files = documents()
    valid = int(os.environ.get("STARFORT_BENCH_CALLS", VALID))
    each = valid // len(files), max(1, valid * BROKEN // VALID // len(files))
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(max_workers=2) as pool:
        jobs = [loop.run_in_executor(pool, partial(examine, file, *each)) for file in files]
        tallies = await asyncio.gather(*jobs)
    _explain(tallies)
    return rows(tallies)


def documents() -> list[Path]:
    """Twenty documents of the corpus: every third, by name.

    Raises:
        SkippedError: there is no corpus.
    """
    corpora = os.environ.get("STARFORT_CORPORA")
    found = sorted(Path(corpora, "openapi").glob("*.json")) if corpora else []
    if len(found) < DOCUMENTS:
        raise SkippedError("STARFORT_CORPORA does not name a folder with 20 documents in openapi/")
    return found[:: len(found) // DOCUMENTS][:DOCUMENTS]


def rows(tallies: Iterable[Tally]) -> list[Row]:
    """The figures of all documents together."""
    total = Tally("all")
    for tally in tallies:
        total += tally
    found = total.found / total.negatives if total.negatives else 0.0
    return [
        figure("valid calls", total.valid, "calls"),
        figure("valid calls that were refused", len(total.false), "calls", 0),
        figure("calls that are valid for schemathesis and not on the wire", total.wrong, "calls"),
        figure("broken calls", total.negatives, "calls"),
        figure("broken calls that were found", found, "share", SHARE_FOUND, at_least=True),
        figure("broken calls that are right again as text", total.right_again, "calls"),
        figure("broken calls that nobody judged", total.unjudged, "calls"),
        figure("checking JSON bodies of 1 KiB and more", total.us_per_kib, "us/KiB", US_PER_KIB),
    ]


def _explain(tallies: Iterable[Tally]) -> None:
    """Print what people look at when a figure misses its target."""
    for tally in tallies:
        shown = {
            "document": tally.name,
            "valid": tally.valid,
            "negatives": tally.negatives,
            "found": tally.found,
        }
        kinds = Counter(kind for kind, _ in tally.missed).most_common(3)
        print(json.dumps({**shown, "false": tally.false[:2], "missed": kinds, "examples": tally.missed[:2]}))
