"""Detectors: what looks for abuse, how it runs, and trying it."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path
from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from starfort.admin.models import Detector, DetectorBacktest, DetectorDetail, DetectorTest
from starfort.admin.roles import Principal, Role
from starfort.admin.trials import Trials
from starfort.api.access import Office, Operator, Viewer
from starfort.signals import Detector as RunningDetector
from starfort.signals.detector import MAX_DETECTOR_BYTES

router = APIRouter(tags=["detectors"])
_ONE: list[JsonValue] = [
    {"required": [given], "properties": {given: {"type": "string"}, other: {"type": "null"}}}
    for given, other in (("name", "text"), ("text", "name"))
]


class Subject(BaseModel):
    """Which detector: one that runs, or the text of a file."""

    model_config = ConfigDict(json_schema_extra={"oneOf": _ONE})

    name: Annotated[str | None, Field(max_length=64, description="Name of a detector that runs.")] = None
    text: Annotated[
        str | None,
        Field(max_length=MAX_DETECTOR_BYTES, description="A detector file, for administrators."),
    ] = None
    file: Annotated[str, Field(max_length=256, description="Name of that file, for messages.")] = (
        "detector.sql"
    )

    @model_validator(mode="after")
    def _one(self) -> "Subject":
        if (self.name is None) == (self.text is None):
            raise ValueError("give exactly one of name and text")
        return self


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
    return await desk.insight.trials.test(_chosen(principal, desk.insight.trials, body))


@router.post(
    "/detectors/backtest",
    summary="Run a detector over the past",
    description="Answers after some seconds and says in `until` how far it came: ask again from there.",
    openapi_extra={"x-errors": [404]},
)
async def backtest_detector(principal: Operator, desk: Office, body: Past) -> DetectorBacktest:
    """Run one detector over the past."""
    detector = _chosen(principal, desk.insight.trials, body)
    step = timedelta(seconds=body.step_s) if body.step_s is not None else None
    return await desk.insight.trials.backtest(detector, body.since, body.until, step)


@router.get(
    "/detectors/{name}", summary="One detector", description="With its settings in force and its query."
)
def read_detector(
    _: Viewer, desk: Office, name: Annotated[str, Path(max_length=64, description="The detector's name.")]
) -> DetectorDetail:
    """One detector in detail."""
    return desk.insight.trials.detail(name)


def _chosen(principal: Principal, trials: Trials, body: Subject) -> RunningDetector:
    """The detector that a caller means.

    Raises:
        HTTPException: 403 for a text of one's own without being an administrator: it may be any SELECT.
    """
    if body.name is not None:
        return trials.find(body.name)
    if not principal.role.covers(Role.ADMIN):
        raise HTTPException(
            403, "only an administrator may run a detector that the configuration does not have"
        )
    return trials.read(body.text or "", body.file)
