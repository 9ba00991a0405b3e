"""Tries detectors and checks: one run now, or many over the past. Nothing that they find is kept or sent."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from starfort.admin import models
from starfort.admin.errors import InvalidError, NotFoundError, TooMuchError
from starfort.config.problems import ConfigError
from starfort.posture.catalogue_check import CatalogueCheck
from starfort.posture.check import Check
from starfort.posture.finding import PostureFinding
from starfort.posture.runner import CheckState, Scope, run_check
from starfort.questions.ask import WHOLE, RowError
from starfort.questions.question import Question
from starfort.runtime import Runtime
from starfort.signals.detector import Detector
from starfort.signals.past import BacktestHit, Period, backtest
from starfort.signals.query import run_once
from starfort.store import QueryLimitError, StoreBusyError, StoreError

LONGEST = timedelta(seconds=5)
"""A backtest stops after this time and says how far it came. The caller then asks again from there."""

MAX_BACK = timedelta(days=400)
"""Longest backtest; hardly anybody keeps events for longer."""

Answer = TypeVar("Answer")
Q = TypeVar("Q", bound=Question)


class Trials:
    """Runs detectors and checks for people.

    Args:
        runtime: the control plane with the detectors, the checks and the store.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        # One trial at a time: a trial may use the store for seconds, and pages must stay quick meanwhile.
        self._turn = asyncio.Lock()

    def find_detector(self, name: str) -> Detector:
        """A detector that runs.

        Raises:
            NotFoundError: no running detector has that name.
        """
        for detector in self._runtime.running_detectors():
            if detector.name == name:
                return detector
        raise NotFoundError(f"no detector {name[:64]!r} runs")

    def find_check(self, name: str) -> Check | CatalogueCheck:
        """A check that runs.

        Raises:
            NotFoundError: no running check has that name.
        """
        found = self._runtime.catalogue.board.checks.find(name)
        if found is None:
            raise NotFoundError(f"no check {name[:64]!r} runs")
        return found

    @staticmethod
    def read(kind: type[Q], text: str, file: str) -> Q:
        """Read a detector or check from the text of a file.

        Raises:
            InvalidError: the text has mistakes; the message names each with its place.
        """
        try:
            return kind.parse(text, Path(file))
        except ConfigError as error:
            raise InvalidError("\n".join(str(problem) for problem in error.problems)) from None

    def detector_detail(self, name: str) -> models.DetectorDetail:
        """Everything about a detector that runs.

        Raises:
            NotFoundError: no running detector has that name.
        """
        detector = self.find_detector(name)
        spec = detector.spec
        return models.DetectorDetail(
            name=spec.name, kind=spec.kind, title=spec.title, description=" ".join(spec.description.split()),
            watches=spec.watches, key_type=spec.key_type, window_s=spec.window.total_seconds(),
            every_s=spec.every.total_seconds(), ttl_s=spec.ttl.total_seconds(), severity=spec.severity,
            score=" ".join(spec.score.split()), settings=_settings(detector), sql=detector.sql,
            file="" if detector.builtin else str(detector.path), builtin=detector.builtin,
        )  # fmt: skip

    def checks(self) -> list[models.Check]:
        """Every check that runs, with figures about its runs."""
        board = self._runtime.catalogue.board
        queries = [_check_status(state) for state in board.states()]
        return [*queries, *map(_catalogue_check_status, board.checks.catalogue)]

    def check_detail(self, name: str) -> models.CheckDetail:
        """Everything about a check that runs.

        Raises:
            NotFoundError: no running check has that name.
        """
        check = self.find_check(name)
        if isinstance(check, CatalogueCheck):
            return models.CheckDetail(
                name=check.name, bastion=check.bastion, title=check.title, why=check.why, fix=check.fix,
                severity=[], window_s=0, every_s=0, settings=[], sql="", file="", builtin=True,
            )  # fmt: skip
        spec = check.spec
        return models.CheckDetail(
            name=spec.name, bastion=check.bastion, title=spec.title, why=spec.why.strip(),
            fix=spec.fix.strip(), severity=list(spec.severity), window_s=spec.window.total_seconds(),
            every_s=spec.every.total_seconds(), settings=_settings(check), sql=check.sql, file="" if
            check.builtin else str(check.path), builtin=check.builtin,
        )  # fmt: skip

    async def test_detector(self, detector: Detector) -> models.DetectorTest:
        """Run a detector once, now.

        Raises:
            InvalidError: its query fails, or a row is not a signal.
        """
        now = datetime.now(UTC)
        (signals, left_out), took_s = await self._timed(
            detector, lambda: run_once(self._runtime.store, detector, now)
        )
        hits = [_hit(detector, BacktestHit(signal, now, now)) for signal in signals]
        return models.DetectorTest(name=detector.name, took_ms=took_s * 1000, left_out=left_out, hits=hits)

    async def test_check(self, check: Check | CatalogueCheck) -> models.CheckTest:
        """Run a check once, now.

        Raises:
            InvalidError: its query fails, a row is not a finding, or the check has no query.
        """
        if isinstance(check, CatalogueCheck):
            raise InvalidError(f"{check.name} is answered by the catalogue: it has no query to run")
        configured, now = self._runtime.catalogue.board.configured, datetime.now(UTC)

        def run() -> tuple[list[PostureFinding], int]:
            store = self._runtime.store
            return run_check(store, check, Scope(store, configured, now), WHOLE)

        (found, left_out), took_s = await self._timed(check, run)
        findings = [
            models.CheckFinding(
                severity=row.severity, api=row.api, endpoint_id=row.endpoint_id, title=row.title,
                evidence=dict(row.evidence), first_seen=row.first_seen, last_seen=row.last_seen,
            )
            for row in found
        ]  # fmt: skip
        return models.CheckTest(name=check.name, took_ms=took_s * 1000, left_out=left_out, findings=findings)

    async def backtest(
        self, detector: Detector, since: datetime, until: datetime, step: timedelta | None
    ) -> models.DetectorBacktest:
        """Run a detector over the past, for at most `LONGEST`.

        Args:
            detector: the detector to run.
            since: begin of the time to judge.
            until: end of that time; the answer says how far the backtest came.
            step: time from one run to the next; `None` for half of the detector's window.

        Raises:
            InvalidError: the times make no sense, the query fails, or a row is not a signal.
        """
        if since.tzinfo is None or until.tzinfo is None:
            raise InvalidError("since and until need a time zone, such as Z")
        if not timedelta() < until - since <= MAX_BACK:
            raise InvalidError(f"until must be later than since, by at most {MAX_BACK.days} days")
        every = step or max(detector.spec.window / 2, timedelta(seconds=1))
        period = Period(since, until, every, LONGEST)
        found, _ = await self._timed(detector, lambda: backtest(self._runtime.store, detector, period))
        hits = [_hit(detector, hit) for hit in found.hits.values()]
        return models.DetectorBacktest(
            name=detector.name, since=since, until=found.until, runs=found.runs, hits=hits
        )

    async def _timed(self, question: Question, run: Callable[[], Answer]) -> tuple[Answer, float]:
        """The result of a run, and the seconds that it took."""
        # The wait for the turn is not counted: the time is to say what the query costs.
        async with self._turn:
            started = time.perf_counter()
            try:
                return await asyncio.to_thread(run), time.perf_counter() - started
            except RowError as error:
                raise InvalidError(f"{question.name}: {error}") from None
            except QueryLimitError as error:
                raise TooMuchError(busy=isinstance(error, StoreBusyError)) from None
            except StoreError as error:
                reason = " ".join(str(error).split())[:1000]
                raise InvalidError(f"{question.name}: the query fails: {reason}") from None


def _settings(question: Question) -> list[models.QuestionSetting]:
    """The thresholds of a question and the settings that all of its kind have, with the values in force."""
    described = {**question.spec.thresholds, **question.common}
    defaults = question.default_settings(question.spec)
    return [
        models.QuestionSetting(
            name=name, value=question.settings[name], default=defaults[name], description=each.description
        )
        for name, each in described.items()
    ]


def _check_status(state: CheckState) -> models.Check:
    check, pace = state.check, state.pace
    return models.Check(
        name=check.name, bastion=check.bastion, source="query", severity=list(check.spec.severity),
        runs=pace.runs, failures=pace.failures, last_error=pace.last_error,
        last_ms=round(pace.last_s * 1000, 1), last_run=state.ran_at, findings=state.findings,
        parts=pace.parts, owasp=check.owasp,
    )  # fmt: skip


def _catalogue_check_status(check: CatalogueCheck) -> models.Check:
    return models.Check(
        name=check.name, bastion=check.bastion, source="catalogue", severity=[], owasp=check.owasp
    )


def _hit(detector: Detector, hit: BacktestHit) -> models.DetectorHit:
    signal = hit.signal
    return models.DetectorHit(
        kind=detector.spec.kind, key_type=signal.key_type, key=signal.key, score=signal.score,
        title=signal.title, severity=signal.severity, first_at=hit.first_at, last_at=hit.last_at,
        runs=hit.runs,
        evidence=[dict(row) for row in signal.evidence],
    )  # fmt: skip
