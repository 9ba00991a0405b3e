"""Alerts: listing, evidence, acknowledging, muting."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field

from starfort.admin.audit import record
from starfort.admin.models import Alert, AlertPage, AlertPoint
from starfort.admin.mutes import MAX_MUTE, Muted
from starfort.api.access import Office, Operator, Viewer, actor
from starfort.api.paging import Limit, Offset
from starfort.api.traffic import Range
from starfort.base.severity import Severity

router = APIRouter(tags=["alerts"])
# What is no id at all is refused here, so that nothing else ever reaches a query or the audit log.
AlertId = Annotated[str, Path(pattern="^[0-9a-f]{1,64}$", description="The alert's id.")]


class NewMute(BaseModel):
    """What to mute, and for how long."""

    kind: Annotated[str, Field(min_length=1, max_length=128, description="Kind of alert, `*` for all.")]
    subject: Annotated[str, Field(min_length=1, max_length=256, description="Its subject, `*` for all.")] = (
        "*"
    )
    minutes: Annotated[int, Field(ge=1, le=int(MAX_MUTE.total_seconds()) // 60)]
    reason: Annotated[str, Field(max_length=1000)] = ""


@router.get("/alerts", summary="Alerts", description="Latest first.")
async def list_alerts(
    _: Viewer,
    desk: Office,
    kind: Annotated[str, Query(max_length=128, description="Of this kind only.")] = "",
    severity: Annotated[Severity | None, Query(description="Of this severity only.")] = None,
    endpoint_id: Annotated[
        str, Query(pattern="^[0-9a-f]{0,64}$", description="Only those whose evidence names this endpoint.")
    ] = "",
    open: Annotated[bool, Query(description="Leave out alerts that were acknowledged.")] = False,
    limit: Limit = 50,
    offset: Offset = 0,
) -> AlertPage:
    """A page of alerts."""
    return await desk.insight.alerts(
        kind=kind,
        severity=severity or "",
        endpoint_id=endpoint_id,
        open_only=open,
        limit=limit,
        offset=offset,
    )


# The fixed paths come before /alerts/{alert_id}, which would match them too.
@router.get(
    "/alerts/series", summary="Alerts over time", description="When they were first raised, by severity."
)
async def read_series(_: Viewer, desk: Office, range: Range = "24h") -> list[AlertPoint]:
    """Alerts by step."""
    return await desk.insight.alert_series(range)


@router.get("/alerts/mutes", summary="Mutes", description="Soonest to end first.")
def list_mutes(_: Viewer, desk: Office) -> list[Muted]:
    """Mutes in force."""
    return desk.mutes.list()


@router.post(
    "/alerts/mutes",
    status_code=201,
    summary="Mute alerts",
    description="Muted alerts are still kept, listed and delivered, but do not ask for attention.",
)
def add_mute(principal: Operator, desk: Office, request: Request, body: NewMute) -> Muted:
    """Mute a kind or a subject for a while."""
    # `add` writes the audit entry in its own transaction, so a mute never exists without one.
    return desk.mutes.add(
        body.kind, body.subject, timedelta(minutes=body.minutes), body.reason, actor(principal, request)
    )


@router.delete("/alerts/mutes/{mute_id}", status_code=204, summary="End a mute", description="At once.")
def remove_mute(
    principal: Operator,
    desk: Office,
    request: Request,
    mute_id: Annotated[int, Path(ge=1, le=2**31 - 1, description="The mute's number.")],
) -> Response:
    """End a mute."""
    desk.mutes.remove(mute_id, actor(principal, request))
    return Response(status_code=204)


@router.get("/alerts/{alert_id}", summary="One alert", description="With the rows that show why.")
async def read_alert(_: Viewer, desk: Office, alert_id: AlertId) -> Alert:
    """One alert."""
    return await desk.insight.alert(alert_id)


@router.post(
    "/alerts/{alert_id}/acknowledge",
    summary="Acknowledge an alert",
    description="The first to do so is named; doing it again changes nothing.",
)
async def acknowledge(principal: Operator, desk: Office, request: Request, alert_id: AlertId) -> Alert:
    """Note that a person has seen an alert."""
    # The audit log comes second: an entry for an alert that does not exist would be wrong.
    alert = await desk.insight.acknowledge(alert_id, principal.name)
    with desk.database.begin() as session:
        record(session, actor(principal, request), "alert.acknowledge", alert_id, alert.title)
    return alert
