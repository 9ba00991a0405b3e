"""Trying detectors: one run now, or many over the past. Nothing that they find becomes a signal."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from starfort.admin import models
from starfort.admin.errors import InvalidError, NotFoundError, TooMuchError
from starfort.runtime import Runtime
from starfort.signals import Detector, DetectorError, Signal
from starfort.signals.detector import PROBE, parse
from starfort.signals.past import BacktestHit, backtest
from starfort.signals.query import RowError, run_once
from starfort.store import QueryLimitError, Store, StoreBusyError, StoreError

Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")

LONGEST = timedelta(seconds=5)
"""A backtest answers after this much time and says how far it came; callers ask again from there."""

MAX_BACK = timedelta(days=400)
"""Longest backtest; more than any retention makes sense of."""


class Trials:
    """Runs detectors for people.

    Args:
        runtime: has the detectors and the store.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._turn = asyncio.Lock()

    def find(self, name: str) -> Detector:
        """A detector that runs.

        Raises:
            NotFoundError: none has that name.
        """
        for detector in self._runtime.running_detectors():
            if detector.name == name:
                return detector
        raise NotFoundError(f"no detector {name[:64]!r} runs")

    @staticmethod
    def read(text: str, file: str) -> Detector:
        """The detector in the text of a file.

        Raises:
            InvalidError: with every problem and its line.
        """
        try:
            return parse(text, Path(file))
        except DetectorError as error:
            raise InvalidError("\n".join(str(problem) for problem in error.problems)) from None

    def detail(self, name: str) -> models.DetectorDetail:
        """Everything about a detector that runs.

        Raises:
            NotFoundError: none has that name.
        """
        detector = self.find(name)
        spec = detector.spec
        settings = [
            models.DetectorSetting(
                name=each, value=detector.settings[each], default=threshold.default,
                description=threshold.description,
            )
            for each, threshold in spec.thresholds.items()
        ]  # fmt: skip
        settings.append(
            models.DetectorSetting(
                name=PROBE, value=detector.settings.get(PROBE, spec.probe), default=spec.probe,
                description="share of calls that pass although their key is signalled",
            )
        )  # fmt: skip
        return models.DetectorDetail(
            name=spec.name, kind=spec.kind, title=spec.title, description=" ".join(spec.description.split()),
            watches=spec.watches, key_type=spec.key_type, window_s=spec.window.total_seconds(),
            every_s=spec.every.total_seconds(), ttl_s=spec.ttl.total_seconds(), severity=spec.severity,
            score=" ".join(spec.score.split()), settings=settings, sql=detector.sql,
            file="" if detector.builtin else str(detector.path), builtin=detector.builtin,
        )  # fmt: skip

    async def test(self, detector: Detector) -> models.DetectorTest:
        """Run a detector once, now.

        Raises:
            InvalidError: its query fails, or its rows are no signals.
        """
        now = datetime.now(UTC)
        async with self._turn:
            started = time.perf_counter()
            signals, left_out = await self._asked(run_once, detector, now)
            took = time.perf_counter() - started
        hits = [_hit(detector, BacktestHit(signal, now, now)) for signal in signals]
        return models.DetectorTest(name=detector.name, took_ms=took * 1000, left_out=left_out, hits=hits)

    async def backtest(
        self, detector: Detector, since: datetime, until: datetime, step: timedelta | None
    ) -> models.DetectorBacktest:
        """Run a detector over the past, for at most `LONGEST`.

        Args:
            detector: what to run.
            since: begin.
            until: end; the answer says how far it came.
            step: from one run to the next; `None`: half its window.

        Raises:
            InvalidError: the times make no sense, its query fails, or its rows are no signals.
        """
        if since.tzinfo is None or until.tzinfo is None:
            raise InvalidError("since and until need a time zone, such as Z")
        if not timedelta() < until - since <= MAX_BACK:
            raise InvalidError(f"until must be later than since, by at most {MAX_BACK.days} days")
        every = step or max(detector.spec.window / 2, timedelta(seconds=1))
        async with self._turn:
            found = await self._asked(backtest, detector, since, until, every, LONGEST)
        hits = [_hit(detector, hit) for hit in found.hits.values()]
        return models.DetectorBacktest(
            name=detector.name, since=since, until=found.until, runs=found.runs, hits=hits
        )

    async def _asked(
        self,
        run: Callable[Concatenate[Store, Detector, Asked], Answer],
        detector: Detector,
        *arguments: Asked.args,
        **named: Asked.kwargs,
    ) -> Answer:
        try:
            return await asyncio.to_thread(run, self._runtime.store, detector, *arguments, **named)
        except RowError as error:
            raise InvalidError(f"{detector.name}: {error}") from None
        except QueryLimitError as error:
            raise TooMuchError(busy=isinstance(error, StoreBusyError)) from None
        except StoreError as error:
            raise InvalidError(
                f"{detector.name}: the query fails: {' '.join(str(error).split())[:1000]}"
            ) from None


def _hit(detector: Detector, hit: BacktestHit) -> models.DetectorHit:
    signal: Signal = hit.signal
    return models.DetectorHit(
        kind=detector.spec.kind, key_type=signal.key_type, key=signal.key, score=signal.score,
        title=signal.title, severity=signal.severity, first_at=hit.first_at, last_at=hit.last_at,
        runs=hit.runs,
        evidence=[dict(row) for row in signal.evidence],
    )  # fmt: skip
