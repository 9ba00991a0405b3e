"""Signals: what detection says now."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from starfort.admin.audit import record
from starfort.admin.models import Page, Signal
from starfort.api.access import Office, Operator, Viewer, actor
from starfort.api.paging import Limit, Offset

router = APIRouter(tags=["signals"])
Kind = Annotated[str, Query(min_length=1, max_length=128, description="The signal's kind.")]
KeyType = Annotated[
    str, Query(min_length=1, max_length=32, description="What kind of key it has, such as `address`.")
]
Key = Annotated[str, Query(min_length=1, max_length=512, description="The signal's key.")]


@router.get("/signals", summary="Active signals", description="Highest score first.")
def list_signals(
    _: Viewer,
    desk: Office,
    kind: Annotated[str, Query(max_length=128, description="Of this kind only.")] = "",
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[Signal]:
    """A page of signals."""
    # All active signals are in memory, so a page is a slice.
    rows = desk.insight.signals(kind)
    return Page[Signal](items=rows[offset : offset + limit], total=len(rows), limit=limit, offset=offset)


@router.delete(
    "/signals",
    status_code=204,
    summary="Lift a signal",
    description="It ends in every filter at once. A detector that still sees the behaviour raises it again.",
    openapi_extra={"x-errors": [404]},
)
def clear_signal(
    principal: Operator, desk: Office, request: Request, kind: Kind, key_type: KeyType, key: Key
) -> Response:
    """Lift one signal."""
    desk.insight.clear_signal(kind, key_type, key)
    with desk.database.begin() as session:
        record(session, actor(principal, request), "signal.clear", f"{kind} {key_type} {key}")
    return Response(status_code=204)
