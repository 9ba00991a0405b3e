"""What is learned from traffic."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from starfort.config.fields import Duration, Model


class Learning(Model):
    """What is learned from traffic, and when it is trusted."""

    schemas: bool = True
    """Learn the schemas of requests and answers. Events then carry shapes, which hold no values."""
    callers: Annotated[int, Field(ge=1, le=6)] = 3
    """Callers that must have shown a fact before it is trusted: verified subjects, or else addresses."""
    apart: Duration = timedelta(minutes=10)
    """Time between the first and the last call that showed it."""
