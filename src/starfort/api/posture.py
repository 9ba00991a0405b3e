"""Posture: what is wrong with the APIs as they stand."""

from typing import Annotated

from fastapi import APIRouter, Query

from starfort.admin.models import Page, PostureFinding, Severity
from starfort.api.access import Office, Viewer
from starfort.api.paging import Limit, Offset

router = APIRouter(tags=["posture"])


@router.get(
    "/posture",
    summary="What is wrong with the APIs",
    description="By checks over traffic, most severe first. One ends a week after the last call with it.",
)
def list_posture(
    _: Viewer,
    desk: Office,
    api: Annotated[str, Query(max_length=128, description="Of this API.")] = "",
    severity: Annotated[Severity | None, Query(description="Of this severity.")] = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[PostureFinding]:
    """A page of findings."""
    return desk.insight.posture(api, severity or "", limit, offset)
