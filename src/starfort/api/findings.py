"""Findings: what is wrong with the APIs as they stand, and what the engine noticed in requests."""

from typing import Annotated

from fastapi import APIRouter, Query

from starfort.admin.models import ContractState, EventFinding, Page, PostureFinding
from starfort.api.access import Office, Viewer
from starfort.api.paging import Limit, Offset
from starfort.api.traffic import Range
from starfort.base.severity import Severity

router = APIRouter(tags=["findings"])


@router.get(
    "/findings/apis",
    summary="Findings about the APIs as they stand",
    description="By checks over traffic, most severe first. One ends a week after the last call with it.",
)
def list_findings_of_apis(
    _: Viewer,
    desk: Office,
    api: Annotated[str, Query(max_length=128, description="Of this API.")] = "",
    severity: Annotated[Severity | None, Query(description="Of this severity.")] = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[PostureFinding]:
    """A page of findings."""
    return desk.insight.posture(api, severity or "", limit, offset)


@router.get(
    "/findings/requests",
    summary="Findings in requests",
    description="Codes of findings and anomalies, most frequent first.",
)
async def list_findings_in_requests(
    _: Viewer,
    desk: Office,
    range: Range = "24h",
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[EventFinding]:
    """A page of codes."""
    return await desk.insight.findings(range, limit, offset)


@router.get(
    "/findings/contract",
    summary="Calls that break a contract",
    description="By endpoint, with what enforcement does and would do; those with the most at stake first.",
)
async def list_contract_states(
    _: Viewer,
    desk: Office,
    range: Range = "24h",
    api: Annotated[str, Query(max_length=128, description="Of this API.")] = "",
    endpoint_id: Annotated[str, Query(max_length=64, description="Of this endpoint.")] = "",
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[ContractState]:
    """A page of endpoints."""
    return await desk.insight.contract(range, api, endpoint_id, limit, offset)
