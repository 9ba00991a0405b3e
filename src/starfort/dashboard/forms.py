"""Filters from addresses: a value that a filter cannot accept is left out, and the page is shown."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

Made = TypeVar("Made", bound=BaseModel)


def filled(kind: type[Made], values: Mapping[str, object]) -> Made:
    """A filter from an address's parameters.

    Args:
        kind: the filter.
        values: its fields as text. A field that cannot be accepted counts as empty.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        # A model is built whole or not at all, so it is built again without the wrong fields.
        wrong = {str(part["loc"][0]) for part in error.errors() if part["loc"]}
        return kind.model_validate({name: value for name, value in values.items() if name not in wrong})
