"""Traffic over time, by API and by what was done."""

from typing import Annotated

from fastapi import APIRouter, Query

from starfort.admin.models import ApiTraffic, AttentionItem, Traffic
from starfort.admin.window import RangeName
from starfort.api.access import Office, Viewer
from starfort.api.paging import Limit

router = APIRouter(tags=["traffic"])
Range = Annotated[RangeName, Query(description="How far back.")]


@router.get(
    "/traffic", summary="Traffic over time", description="Requests by decision, and totals to compare with."
)
async def read_traffic(
    _: Viewer,
    desk: Office,
    range: Range = "1h",
    api: Annotated[str, Query(max_length=128, description="Of this API only.")] = "",
    endpoint_id: Annotated[str, Query(max_length=64, description="Of this endpoint only.")] = "",
) -> Traffic:
    """A series and its totals."""
    return await desk.insight.traffic(range, api, endpoint_id)


@router.get(
    "/traffic/apis", summary="The busiest APIs", description="APIs of a window by number of requests."
)
async def list_apis(
    _: Viewer,
    desk: Office,
    range: Range = "1h",
    limit: Limit = 20,
) -> list[ApiTraffic]:
    """APIs, busiest first."""
    return await desk.insight.apis(range, limit)


@router.get(
    "/attention", summary="What waits for a person", description="Most urgent first; links are pages."
)
async def list_attention(_: Viewer, desk: Office) -> list[AttentionItem]:
    """What the overview shows first."""
    return await desk.insight.attention()
