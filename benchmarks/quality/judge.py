"""Starfort as a user gets it, in this process: the engine with the bundle of a small configuration."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from benchmarks import crs
from benchmarks.quality.sample import Sample
from benchmarks.report import SkippedError
from starfort import bundle
from starfort._engine import Engine
from starfort.runtime import checked

HEAD: Final = """
version: 1
node: quality
data_dir: ./var
listeners: [{name: public, address: "127.0.0.1:8080"}]
upstreams: [{name: api, addresses: ["127.0.0.1:9000"]}]
"""
"""What every configuration here begins with."""

CONFIG: Final = f"""{HEAD}\
apis: [{{name: api, upstream: api}}]
policies:
  - {{name: rules, when: rules.interrupted, action: block, mode: enforce}}
"""
"""All defaults, and the one policy that docs/rules.md tells users to enforce."""

SCORES: Final = frozenset({949110, 949111, 949959, 959100, 980170})
"""Rules that add up what others found."""

THREADS: Final = 2
BATCH: Final = 64


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision about a sample.

    Attributes:
        sample: the request; `None` where it was not kept.
        refused: nothing was sent to the upstream.
        rules: ids of the rules that matched, those left out that only add up.
        evidence: rule, place and masked value of matches.
        anomalies: what reading the request found odd.
        error: the engine did not understand the description.
    """

    sample: Sample
    refused: bool
    rules: tuple[int, ...] = ()
    evidence: tuple[tuple[int, str, str], ...] = ()
    anomalies: tuple[str, ...] = ()
    policy: str = ""
    error: str = ""


@dataclass
class Judge:
    """An engine, and the CPU time that it spent.

    Attributes:
        slowest: the dearest requests so far, dearest first.
    """

    engine: Engine
    keep: int = 12
    slowest: list[tuple[float, Sample]] = field(default_factory=list)

    def one(self, sample: Sample) -> Verdict:
        """Ask about one request."""
        described = sample.described()
        start = time.thread_time_ns()
        try:
            told = self.engine.explain(described)
        except (ValueError, TypeError) as error:
            return Verdict(sample, refused=False, error=str(error))
        spent = (time.thread_time_ns() - start) / 1e6
        self._note(spent, sample)
        ids = [int(code[5:]) for code in told["findings"] if code.startswith("rule:")]
        evidence = [json.loads(row) for row in told["event"]["evidence"]]  # type: ignore[attr-defined]
        return Verdict(
            sample,
            refused=told["action"] != "allow",
            rules=tuple(number for number in ids if number not in SCORES),
            evidence=tuple(
                (row["rule"], row["variable"], row["value"]) for row in evidence if row["variable"]
            ),
            anomalies=tuple(told["anomalies"]),
            policy=told["policy"],
        )

    def all(self, samples: Iterable[Sample]) -> Iterable[Verdict]:
        """Ask about many requests with `THREADS` threads. The answers are in the order of the requests."""
        waiting = iter(samples)
        with ThreadPoolExecutor(THREADS) as pool:
            pending: list[Callable[[], list[Verdict]]] = []
            while True:
                batch = list(islice(waiting, BATCH))
                if batch:
                    pending.append(
                        pool.submit(lambda these: [self.one(each) for each in these], batch).result
                    )
                if not pending:
                    return
                if not batch or len(pending) > THREADS:
                    yield from pending.pop(0)()

    def refused(self, sample: Sample) -> bool:
        """Whether a request is refused."""
        return self.one(sample).refused

    def _note(self, spent: float, sample: Sample) -> None:
        if len(self.slowest) < self.keep or spent > self.slowest[-1][0]:
            self.slowest.append((spent, sample))
            self.slowest.sort(key=lambda pair: -pair[0])
            del self.slowest[self.keep :]


def judge(config: str = CONFIG, document: object = None) -> Judge:
    """The engine of a configuration.

    Args:
        config: the configuration file's text.
        document: what stands in `openapi.json` beside it.

    Raises:
        SkippedError: CRS is not installed.
    """
    if crs.installed() is None:
        raise SkippedError("CRS is not installed: run scripts/fetch-crs, and set STARFORT_RULESETS")
    with tempfile.TemporaryDirectory(prefix="starfort-quality-") as folder:
        file = Path(folder) / "starfort.yaml"
        file.write_text(config)
        (Path(folder) / "openapi.json").write_text(json.dumps(document or {}))
        return Judge(Engine(bundle.encode(checked.check(file).compiled.bundle)))
