"""Turns the values of a row into evidence, as people see it and alerts keep it."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Final

MAX_ITEMS: Final = 100
"""Items of a list in a row's evidence; people read some of them, and an alert has 64 KiB for all its rows."""


def as_evidence(value: object) -> object:
    """A column's value as JSON holds it."""
    match value:
        case datetime():
            return value.isoformat()
        case float():
            # JSON has no NaN and no infinity (RFC 8259, section 6). People compare at most four digits.
            return round(value, 4) if math.isfinite(value) else None
        # A hash or an address comes as bytes when the query does not format it.
        case bytes():
            return value.hex()
        case list() | tuple():
            return [as_evidence(item) for item in value[:MAX_ITEMS]]
        case _:
            return value
