"""Contracts of APIs: what calls and answers are held to, and what happens to those that break it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from starfort.config.fields import Model

ContractMode = Literal["off", "observe", "enforce"]
"""`observe` only records violations; `enforce` refuses the calls that have any."""

Unknown = Literal["deny", "allow", "schema"]

Removed = Annotated[str, Field(pattern=r"^(/\S{1,300}|[^\s/*]{1,100})$")]
"""The name of a field at any depth, or its path from the root with `*` for the items of a list:
`/items/*/ssn`."""


def _text(value: object) -> object:
    if value != "undocumented":
        raise ValueError("this is a list of names and paths, such as [cost, /items/*/cost], or undocumented")
    return value


Removal = Annotated[
    Annotated[Literal["undocumented"], BeforeValidator(_text), Tag("by:text")]
    | Annotated[list[Removed], Field(max_length=500), Tag("by:list")],
    Discriminator(lambda value: "by:list" if isinstance(value, list) else "by:text"),
]
"""A list of fields, or a word; messages are about the form that is written."""


class ScopedContract(Model):
    """How one endpoint is held to the contract of its API. A setting that is not given is the API's."""

    mode: ContractMode | None = None
    """What happens to requests that break it."""
    unknown: Unknown | None = None
    """Whether query parameters and fields that the contract does not name break it."""
    responses: ContractMode | None = None
    """What happens to answers that break it."""
    remove: Removal | None = None
    """Fields that are removed from answers."""


class Contract(Model):
    """What the calls of an API are held to: allow precisely this, and deny everything else."""

    source: Literal["document", "learned", "both"] = "document"
    """Where the contract comes from: `document` is the OpenAPI document, `learned` is what was learned from
    traffic, and `both` takes what was learned for the endpoints that the document does not have."""
    mode: ContractMode = "observe"
    """What happens to requests that break it: nothing (`off`), they are recorded (`observe`), or they are
    refused (`enforce`)."""
    unknown: Unknown = "schema"
    """What of that which the contract does not name breaks it: everything (`deny`), nothing (`allow`), or
    endpoints, methods and query parameters, and fields of bodies only where their schema forbids them
    (`schema`, with `additionalProperties: false`)."""
    responses: ContractMode = "observe"
    """What happens to answers that break it: nothing (`off`), they are recorded (`observe`), or an error
    takes their place (`enforce`)."""
    remove: Removal = []
    """Fields that are removed from JSON answers: a list of names (`ssn`, at any depth) and paths
    (`/items/*/ssn`), or `undocumented` for all fields that the contract does not name."""
