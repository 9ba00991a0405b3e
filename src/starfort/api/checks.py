"""Checks: what looks for mistakes in the APIs as they stand, how it runs, and trying it."""

from typing import Annotated

from fastapi import APIRouter, Path

from starfort.admin.models import Check, CheckDetail, CheckTest
from starfort.api.access import Office, Operator, Viewer
from starfort.api.questions import Subject, chosen
from starfort.posture.check import Check as PostureCheck

router = APIRouter(tags=["checks"])


@router.get("/checks", summary="Posture checks", description="With their last errors and run times.")
def list_checks(_: Viewer, desk: Office) -> list[Check]:
    """Every check that runs."""
    return desk.insight.trials.checks()


@router.post(
    "/checks/test",
    summary="Run a check once",
    description="Now, over the events that are stored. What it finds is not kept and not alerted.",
    openapi_extra={"x-errors": [404]},
)
async def test_check(principal: Operator, desk: Office, body: Subject) -> CheckTest:
    """Run one check once."""
    trials = desk.insight.trials
    return await trials.test_check(chosen(principal, body, PostureCheck, trials.find_check))


@router.get("/checks/{name}", summary="One check", description="With its settings in force and its query.")
def read_check(
    _: Viewer, desk: Office, name: Annotated[str, Path(max_length=64, description="The check's name.")]
) -> CheckDetail:
    """One check in detail."""
    return desk.insight.trials.check_detail(name)
