"""The configuration in force, and who changed what."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from starfort.admin import audit
from starfort.admin.audit import AuditRecord
from starfort.api.access import Admin, Office
from starfort.api.paging import Limit

router = APIRouter(tags=["config"])


@router.get(
    "/config",
    summary="The configuration in force",
    description="It names where secrets are, and never contains them.",
)
def read_config(_: Admin, desk: Office) -> dict[str, Any]:
    """The configuration as JSON."""
    return desk.insight.config()


@router.get("/audit", summary="Who changed what", description="Latest first; logins and failed logins too.")
def list_audit(
    _: Admin,
    desk: Office,
    limit: Limit = 50,
    # Entries are only ever added, so an id marks a place that stays.
    before: Annotated[
        int | None, Query(ge=1, le=2**63 - 1, description="Entries with a smaller id than this.")
    ] = None,
) -> list[AuditRecord]:
    """Entries of the audit log."""
    return audit.page(desk.database, limit, before)
