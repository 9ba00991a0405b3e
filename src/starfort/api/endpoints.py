"""Endpoints: the catalogue."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from starfort.admin.documents import DocumentSource
from starfort.admin.filters import EndpointFilter
from starfort.admin.models import (
    CatalogueCounts,
    Deviation,
    EndpointDetail,
    EndpointSchema,
    EndpointSummary,
    Page,
    Tree,
)
from starfort.api.access import Office, Viewer
from starfort.api.paging import LimitField, OffsetField
from starfort.api.traffic import Range

router = APIRouter(tags=["endpoints"])
EndpointId = Annotated[str, Path(pattern="^[0-9a-f]{1,64}$", description="The endpoint's id.")]


class EndpointQuery(EndpointFilter):
    """Filter and page."""

    limit: LimitField = 50
    offset: OffsetField = 0


@router.get("/catalogue", summary="The catalogue", description="Endpoints with traffic of the last 24 hours.")
async def list_endpoints(
    _: Viewer, desk: Office, query: Annotated[EndpointQuery, Query()]
) -> Page[EndpointSummary]:
    """A page of endpoints."""
    return await desk.insight.endpoints.page(query, query.limit, query.offset)


@router.get(
    "/catalogue/counts", summary="The catalogue in figures", description="How many of each kind there are."
)
async def count_endpoints(_: Viewer, desk: Office) -> CatalogueCounts:
    """Counts for the filters."""
    return await desk.insight.endpoints.counts()


@router.get(
    "/catalogue/tree",
    summary="The catalogue as a tree",
    description="The children of one place, which `host` and `prefix` name: hosts at the top, then segments.",
)
async def read_tree(_: Viewer, desk: Office, query: Annotated[EndpointFilter, Query()]) -> Tree:
    """One level of the tree."""
    return await desk.insight.endpoints.tree(query)


@router.get(
    "/catalogue/openapi",
    summary="An API as an OpenAPI document",
    description=(
        "An OpenAPI 3.1 document, made from the traffic of the last seven days or of one day, or the API's "
        "own document with paths from the root."
    ),
    openapi_extra={"x-errors": [404]},
)
async def export_document(
    _: Viewer,
    desk: Office,
    api: Annotated[
        str, Query(max_length=128, description="Its name; it may be left out when there is one API.")
    ] = "",
    day: Annotated[date | None, Query(description="Traffic of this day (UTC) only.")] = None,
    source: Annotated[
        DocumentSource, Query(description="What it is made from: traffic, or the API's own document.")
    ] = "traffic",
) -> dict[str, Any]:
    """An OpenAPI document."""
    return await desk.insight.openapi(api, day, source)


@router.get(
    "/catalogue/deviations",
    summary="How traffic leaves an API's document",
    description=(
        "What the calls of the last seven days had that the document does not have, and what they lacked "
        "although it asks for it."
    ),
    openapi_extra={"x-errors": [404]},
)
async def list_deviations(
    _: Viewer,
    desk: Office,
    api: Annotated[
        str, Query(max_length=128, description="Its name; it may be left out when there is one API.")
    ] = "",
    limit: LimitField = 50,
    offset: OffsetField = 0,
) -> Page[Deviation]:
    """A page of deviations."""
    return await desk.insight.deviations(api, limit, offset)


@router.get(
    "/catalogue/{endpoint_id}",
    summary="One endpoint",
    description="Parameters, statuses, consumers, sensitive classes and authentication, from its traffic.",
)
async def read_endpoint(
    _: Viewer,
    desk: Office,
    endpoint_id: EndpointId,
    range: Range = "24h",
) -> EndpointDetail:
    """All that is known of an endpoint."""
    return await desk.insight.endpoints.detail(endpoint_id, range)


@router.get(
    "/catalogue/{endpoint_id}/schema",
    summary="What the calls of an endpoint look like",
    description="Parameters, bodies and answers, learned from the shapes of its calls. There are no values.",
    openapi_extra={"x-errors": [404]},
)
def read_schema(_: Viewer, desk: Office, endpoint_id: EndpointId) -> EndpointSchema:
    """The learned schema of an endpoint."""
    return desk.insight.schema(endpoint_id)
