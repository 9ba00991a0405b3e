"""How lists are paged: `limit` and `offset`."""

from typing import Annotated

from fastapi import Query
from pydantic import Field

MAX_LIMIT = 200
"""Items on a page, at most."""

MAX_OFFSET = 100_000
"""A list goes no further: the store would read and drop every row before it."""

# A query parameter of its own and a field of a model of the whole query are declared differently in FastAPI.
LimitField = Annotated[int, Field(ge=1, le=MAX_LIMIT, description="The most that the page may hold.")]
OffsetField = Annotated[int, Field(ge=0, le=MAX_OFFSET, description="How many to leave out before it.")]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="The most that the page may hold.")]
Offset = Annotated[int, Query(ge=0, le=MAX_OFFSET, description="How many to leave out before it.")]
