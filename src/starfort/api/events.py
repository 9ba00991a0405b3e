"""Events: single requests."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field

from starfort.admin.filters import EventFilter
from starfort.admin.models import Event, EventPage
from starfort.api.access import Office, Viewer
from starfort.api.paging import LimitField

router = APIRouter(tags=["events"])


class EventQuery(EventFilter):
    """Filter and page."""

    limit: LimitField = 50
    # Not an offset: new events come in all the time, and every page would repeat some of the one before.
    before: Annotated[str | None, Field(max_length=256, description="`next` of the page before.")] = None


@router.get(
    "/events", summary="Events", description="Requests, latest first. docs/events.md explains the fields."
)
async def list_events(_: Viewer, desk: Office, query: Annotated[EventQuery, Query()]) -> EventPage:
    """A page of events."""
    return await desk.insight.events(query, query.limit, query.before)


@router.get("/events/{event_id}", summary="One event", description="Within the last 30 days.")
async def read_event(
    _: Viewer, desk: Office, event_id: Annotated[str, Path(max_length=128, description="Its `x-request-id`.")]
) -> Event:
    """One request."""
    return await desk.insight.event(event_id)
