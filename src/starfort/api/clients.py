"""Clients: who calls the APIs."""

from typing import Annotated

from fastapi import APIRouter, Query

from starfort.admin.filters import ClientFilter
from starfort.admin.models import Client, Page
from starfort.api.access import Office, Viewer
from starfort.api.paging import LimitField, OffsetField

router = APIRouter(tags=["clients"])


class ClientQuery(ClientFilter):
    """Filter and page."""

    limit: LimitField = 50
    offset: OffsetField = 0


@router.get(
    "/clients",
    summary="Clients",
    description="Callers grouped by address, fingerprint, subject, network or bot.",
)
async def list_clients(_: Viewer, desk: Office, query: Annotated[ClientQuery, Query()]) -> Page[Client]:
    """A page of callers."""
    return await desk.insight.clients(query, query.limit, query.offset)
