"""Detectors: what looks for abuse, how it runs, and trying it."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field

from starfort.admin.models import Detector, DetectorBacktest, DetectorDetail, DetectorTest
from starfort.api.access import Office, Operator, Viewer
from starfort.api.questions import Subject, chosen
from starfort.signals.detector import Detector as RunningDetector

router = APIRouter(tags=["detectors"])


class Past(Subject):
    """Which detector, and over which time."""

    since: Annotated[datetime, Field(description="Begin.")]
    until: Annotated[datetime, Field(description="End.")]
    step_s: Annotated[
        float | None,
        Field(ge=1, le=86_400, description="Seconds from one run to the next; null: half its window."),
    ] = None


@router.get("/detectors", summary="Detectors", description="With their last errors and run times.")
def list_detectors(_: Viewer, desk: Office) -> list[Detector]:
    """Every detector."""
    return desk.insight.detectors()


@router.post(
    "/detectors/test",
    summary="Run a detector once",
    description="Now, over the events that are stored. What it finds becomes no signal.",
    openapi_extra={"x-errors": [404]},
)
async def test_detector(principal: Operator, desk: Office, body: Subject) -> DetectorTest:
    """Run one detector once."""
    trials = desk.insight.trials
    return await trials.test_detector(chosen(principal, body, RunningDetector, trials.find_detector))


@router.post(
    "/detectors/backtest",
    summary="Run a detector over the past",
    description="Answers after some seconds and says in `until` how far it came: ask again from there.",
    openapi_extra={"x-errors": [404]},
)
async def backtest_detector(principal: Operator, desk: Office, body: Past) -> DetectorBacktest:
    """Run one detector over the past."""
    trials = desk.insight.trials
    detector = chosen(principal, body, RunningDetector, trials.find_detector)
    step = timedelta(seconds=body.step_s) if body.step_s is not None else None
    return await trials.backtest(detector, body.since, body.until, step)


@router.get(
    "/detectors/{name}", summary="One detector", description="With its settings in force and its query."
)
def read_detector(
    _: Viewer, desk: Office, name: Annotated[str, Path(max_length=64, description="The detector's name.")]
) -> DetectorDetail:
    """One detector in detail."""
    return desk.insight.trials.detector_detail(name)
