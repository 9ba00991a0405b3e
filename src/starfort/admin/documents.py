"""OpenAPI documents of an API: its own, and those made from its traffic."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from starfort.admin.errors import NotFoundError
from starfort.compile import openapi
from starfort.compile.apis import base_paths
from starfort.config import Config
from starfort.contracts.deviations import Deviation, deviations
from starfort.contracts.export import to_openapi
from starfort.contracts.model import Contract
from starfort.contracts.mounted import mounted
from starfort.runtime.runtime import Runtime
from starfort.visibility.openapi import Learned, Span, export_openapi, observed_contract

DocumentSource = Literal["traffic", "document"]
"""What a document is made from: calls and answers, or the API's own document as Starfort reads it."""


def document_of(runtime: Runtime, api: str, day: date | None, source: DocumentSource) -> dict[str, Any]:
    """A document of an API. This blocks.

    Args:
        runtime: has the catalogue, the store and the configuration.
        api: name of the API.
        day: traffic of this day, UTC; by default that of the last seven days.
        source: what it is made from.

    Raises:
        NotFoundError: the API has no document of its own.
    """
    if source == "document":
        return own_document(runtime.config, api)
    span = Span()
    if day is not None:
        begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
        span = Span(begin, begin + timedelta(days=1))
    return export_openapi(runtime.catalogue, runtime.store, api, span, learned=_learned(runtime))


def deviations_of(runtime: Runtime, api: str) -> tuple[Deviation, ...]:
    """How the traffic of the last seven days leaves an API's document. This blocks.

    Args:
        runtime: has the catalogue, the store and the configuration.
        api: name of the API.

    Raises:
        NotFoundError: the API has no document of its own.
    """
    seen = observed_contract(runtime.catalogue, runtime.store, api, learned=_learned(runtime))
    return deviations(_own(runtime.config, api), seen)


def _learned(runtime: Runtime) -> Learned | None:
    schemas = getattr(runtime.catalogue, "schemas", None)
    return schemas.operation if schemas else None


def own_document(config: Config, name: str) -> dict[str, Any]:
    """The document that an API has in the configuration, with paths from the root.

    Raises:
        NotFoundError: it has none that can be read.
    """
    contract = _own(config, name)
    info = {"title": contract.title or name, "version": contract.version or "none"}
    return to_openapi(contract, info)


def _own(config: Config, name: str) -> Contract:
    """The contract of an API's document, with paths from the root.

    Raises:
        NotFoundError: it has none that can be read.
    """
    api = next((one for one in config.apis if one.name == name), None)
    found = openapi.of_api(api, config.data_dir) if api is not None else None
    if api is None or found is None or found.contract is None:
        raise NotFoundError(f"the API {name[:128]!r} has no document")
    return mounted(found.contract, base_paths(api))
