"""Detectors: what looks for abuse, and how it runs."""

from fastapi import APIRouter

from starfort.admin.models import Detector
from starfort.api.access import Office, Viewer

router = APIRouter(tags=["detectors"])


@router.get("/detectors", summary="Detectors", description="With their last errors and run times.")
def list_detectors(_: Viewer, desk: Office) -> list[Detector]:
    """Every detector."""
    return desk.insight.detectors()
