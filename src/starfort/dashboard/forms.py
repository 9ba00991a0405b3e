"""Filters from addresses: what cannot be accepted is left out instead of breaking the page."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

Made = TypeVar("Made", bound=BaseModel)


def filled(kind: type[Made], values: Mapping[str, Any]) -> Made:
    """A filter from an address's parameters.

    Args:
        kind: the filter.
        values: its fields as text; those that cannot be accepted count as empty.
    """
    try:
        return kind(**values)
    except ValidationError as error:
        wrong = {str(part["loc"][0]) for part in error.errors() if part["loc"]}
        return kind(**{name: value for name, value in values.items() if name not in wrong})
