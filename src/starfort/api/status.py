"""Status: whether Starfort itself is well."""

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from starfort.api.access import Admin, Anyone, Office, Viewer
from starfort.runtime import NodeStatus, ReloadResult, Status

router = APIRouter(tags=["status"])


@router.get("/status", summary="How Starfort is", description="Nodes, versions, rates, drops, problems.")
def read_status(_: Viewer, desk: Office) -> Status:
    """Everything that `starfort status` shows."""
    return desk.insight.status()


@router.get("/nodes", summary="The nodes", description="Every filter that is or was connected.")
def list_nodes(_: Viewer, desk: Office) -> list[NodeStatus]:
    """Nodes with their counters."""
    return desk.insight.nodes()


@router.post(
    "/reload",
    summary="Read the configuration again",
    description="A configuration with mistakes leaves the one in force and is reported in `problems`.",
)
async def reload(_: Admin, desk: Office) -> ReloadResult:
    """Reload."""
    return await desk.insight.reload()


# Under the API too, because `/metrics` may be switched off and has no authentication.
@router.get(
    "/metrics",
    summary="Prometheus metrics",
    response_class=PlainTextResponse,
    description="The same as `/metrics`, for callers who authenticate.",
)
def read_metrics(_: Viewer, desk: Office) -> PlainTextResponse:
    """Metrics as text."""
    return PlainTextResponse(desk.insight.metrics(), media_type="text/plain; version=0.0.4")


# Anybody may ask this, so it tells neither the version nor how Starfort is.
@router.get(
    "/health", summary="Whether the API answers", description="For load balancers; says nothing else."
)
def read_health(_: Anyone) -> dict[str, str]:
    """Whether the API answers."""
    return {"status": "ok"}
