"""Policies: what they did and would have done."""

from typing import Annotated

from fastapi import APIRouter, Path

from starfort.admin.models import Policy, PolicyDetail
from starfort.api.access import Office, Viewer
from starfort.api.traffic import Range

router = APIRouter(tags=["policies"])


@router.get("/policies", summary="Policies", description="In the order in which they are asked.")
async def list_policies(_: Viewer, desk: Office) -> list[Policy]:
    """Every policy."""
    return await desk.insight.policies()


@router.get(
    "/policies/{name}", summary="One policy", description="Its hits over time, and whom they concern."
)
async def read_policy(
    _: Viewer,
    desk: Office,
    name: Annotated[str, Path(max_length=128, description="The policy's name.")],
    range: Range = "24h",
) -> PolicyDetail:
    """One policy in detail."""
    return await desk.insight.policy(name, range)
