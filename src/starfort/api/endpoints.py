"""Endpoints: the catalogue."""

from datetime import date
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field, TypeAdapter

from starfort.admin.audit import record
from starfort.admin.columns import ENDPOINT_COLUMNS
from starfort.admin.documents import DocumentSource
from starfort.admin.filters import EndpointFilter
from starfort.admin.models import (
    ApiUsage,
    CatalogueCounts,
    Deviation,
    EndpointDetail,
    EndpointSchema,
    EndpointSummary,
    Page,
    SegmentDecision,
    Tree,
    VersionComparison,
)
from starfort.api.access import Office, Operator, Viewer, actor
from starfort.api.paging import LimitField, OffsetField
from starfort.api.traffic import Range
from starfort.base.csv_text import csv_text
from starfort.catalogue.model import Segments

router = APIRouter(tags=["endpoints"])
EndpointId = Annotated[str, Path(pattern="^[0-9a-f]{1,64}$", description="The endpoint's id.")]


ApiName = Annotated[str, Query(max_length=128, description="The API's name.")]


class NewDecision(BaseModel):
    """What the segments at one place are."""

    are: Annotated[Segments | None, Field(description="`words`, `values`, or null for what traffic shows.")]
    segment: Annotated[
        int | None,
        Field(
            ge=1, le=64, description="Which segment, from 1; by default the last parameter, else the last."
        ),
    ] = None


class EndpointQuery(EndpointFilter):
    """Filter and page."""

    limit: LimitField = 50
    offset: OffsetField = 0


class ExportQuery(EndpointFilter):
    """What an export accepts."""

    format: Annotated[Literal["json", "csv"], Field(description="A list, or a table.")] = "json"


_FILES: Final[dict[str, dict[str, Any]]] = {
    "application/json": {
        "schema": {"type": "array", "items": {"$ref": "#/components/schemas/EndpointSummary"}}
    },
    "text/csv": {"schema": {"type": "string"}},
}
_ENDPOINTS: Final = TypeAdapter(list[EndpointSummary])


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
    "/catalogue/export",
    summary="The catalogue as a file",
    description=(
        "All endpoints that the filter lets through, as a JSON list or as a CSV table whose cells are no "
        "formulas for a spreadsheet."
    ),
    response_class=Response,
    responses={200: {"description": "The file.", "content": _FILES}},
)
async def export_endpoints(
    _: Viewer,
    desk: Office,
    query: Annotated[ExportQuery, Query()],
) -> Response:
    """A file of endpoints."""
    found = await desk.insight.endpoints.every(query)
    if query.format == "json":
        return Response(_ENDPOINTS.dump_json(found, indent=2), media_type="application/json")
    rows = ([getattr(row, name) for name in ENDPOINT_COLUMNS] for row in found)
    return Response(csv_text(ENDPOINT_COLUMNS, rows), media_type="text/csv")


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
    "/catalogue/usage",
    summary="How full the catalogue is",
    description="Endpoints and shapes of each API with their limits, and what the limits kept out.",
)
def read_usage(_: Viewer, desk: Office) -> list[ApiUsage]:
    """Limits and what they keep out."""
    return desk.insight.apis_known.usage()


@router.get(
    "/catalogue/versions",
    summary="The versions of an API",
    description="Oldest first: `/v1`, or `2024-01 (header)` where calls ask for it outside of the path.",
)
def list_versions(_: Viewer, desk: Office, api: ApiName) -> list[str]:
    """Versions."""
    return desk.insight.apis_known.versions(api)


@router.get(
    "/catalogue/comparison",
    summary="Two versions of an API",
    description=(
        "Endpoints, parameters, credentials, sensitive classes and callers that one version has and the "
        "other has not."
    ),
    openapi_extra={"x-errors": [404]},
)
def compare_versions(
    _: Viewer,
    desk: Office,
    api: ApiName,
    version: Annotated[str, Query(max_length=256, description="As `/catalogue/versions` lists it.")],
    before: Annotated[
        str, Query(max_length=256, description="The older one; the one before it by default.")
    ] = "",
) -> VersionComparison:
    """The comparison."""
    return desk.insight.apis_known.compare(api, version, before)


@router.get(
    "/catalogue/segments",
    summary="Decisions about paths",
    description="Places of paths whose segments people decided to be words or values.",
)
def list_decisions(_: Viewer, desk: Office) -> list[SegmentDecision]:
    """Decisions."""
    return desk.insight.apis_known.decisions()


@router.post(
    "/catalogue/{endpoint_id}/segments",
    summary="Part or join endpoints",
    description=(
        "Decides what the segments at one place of an endpoint's template are: `words`, each an endpoint of "
        "its own, or `values` of one parameter; `null` leaves it to traffic. It takes effect within seconds, "
        "and old ids lead to the endpoints that take over."
    ),
    openapi_extra={"x-errors": [404]},
)
def decide_segments(
    principal: Operator, desk: Office, request: Request, endpoint_id: EndpointId, body: NewDecision
) -> list[SegmentDecision]:
    """Note a decision, and give all of them."""
    view = desk.insight.apis_known
    api, place = view.decide(endpoint_id, body.segment, body.are, principal.name)
    # The audit log comes second: an entry about an endpoint that does not exist would be wrong.
    with desk.database.begin() as session:
        record(session, actor(principal, request), "catalogue.segments", f"{api} {place}", body.are or "")
    return view.decisions()


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
