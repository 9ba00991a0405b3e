"""The dashboard."""

from fastapi import FastAPI

from starfort.admin.desk import Desk


def mount(app: FastAPI, desk: Desk) -> None:
    """Serve the dashboard."""
