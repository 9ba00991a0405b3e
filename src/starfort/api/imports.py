"""Imports: calls of files, which `starfort discover` reads."""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from starfort.admin.audit import record
from starfort.api.access import Admin, Office, actor

router = APIRouter(tags=["imports"])


class NewBatch(BaseModel):
    """Which batch."""

    batch: Annotated[
        str,
        Field(
            pattern="^[0-9a-f]{32}$",
            description="Name of its file in `DATA_DIR/imports`: 32 hexadecimal characters.",
        ),
    ]


class TakenBatch(BaseModel):
    """What was taken in."""

    rows: int


class Finished(BaseModel):
    """What was imported, for the audit log."""

    about: Annotated[str, Field(max_length=1_000, description="In words: files and calls.")] = ""


class Learned(BaseModel):
    """What the catalogue knows now."""

    endpoints: int


@router.post(
    "/imports",
    summary="Take in imported calls",
    description="One batch, an Arrow stream of events in the data directory. Detectors do not see it.",
    openapi_extra={"x-errors": [404]},
)
async def take_batch(_: Admin, desk: Office, body: NewBatch) -> TakenBatch:
    """Take in one batch."""
    return TakenBatch(rows=await desk.insight.take_import(body.batch))


@router.post(
    "/imports/learn",
    summary="Learn from imported calls",
    description="The catalogue learns from what was taken in, before this answers.",
)
async def learn(principal: Admin, request: Request, desk: Office, body: Finished) -> Learned:
    """Learn now what would be learned within seconds."""
    endpoints = await desk.insight.learn_imports()
    with desk.database.begin() as session:
        record(session, actor(principal, request), "import", body.about)
    return Learned(endpoints=endpoints)
