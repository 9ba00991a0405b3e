"""Findings: what the engine noticed in requests."""

from fastapi import APIRouter

from starfort.admin.models import Finding, Page
from starfort.api.access import Office, Viewer
from starfort.api.paging import Limit, Offset
from starfort.api.traffic import Range

router = APIRouter(tags=["findings"])


@router.get(
    "/findings", summary="Findings", description="Codes of findings and anomalies, most frequent first."
)
async def list_findings(
    _: Viewer,
    desk: Office,
    range: Range = "24h",
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[Finding]:
    """A page of codes."""
    return await desk.insight.findings(range, limit, offset)
