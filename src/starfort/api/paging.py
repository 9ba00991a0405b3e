"""Limits of lists."""

from typing import Annotated

from fastapi import Query
from pydantic import Field

MAX_LIMIT = 200
MAX_OFFSET = 100_000

LimitField = Annotated[int, Field(ge=1, le=MAX_LIMIT, description="The most that the page may hold.")]
OffsetField = Annotated[int, Field(ge=0, le=MAX_OFFSET, description="How many to leave out before it.")]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="The most that the page may hold.")]
Offset = Annotated[int, Query(ge=0, le=MAX_OFFSET, description="How many to leave out before it.")]
