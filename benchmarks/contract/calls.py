"""Calls that schemathesis makes for a document: valid ones, and ones that break it."""

from __future__ import annotations

import base64
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode

Document: TypeAlias = dict[str, Any]

BASE: Final = "http://api.example"

_SETTINGS: Final = settings(
    database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)


@dataclass(frozen=True)
class Call:
    """A request as it goes over the wire.

    Attributes:
        operation: method and template of the operation that it was made for.
        method: upper case.
        target: path and query, as sent.
        headers: names and values in order.
        body: bytes; empty when there are none.
        broken: what schemathesis says that it breaks; "" for valid ones.
    """

    operation: tuple[str, str]
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    broken: str


def calls_of(document: Document, count: int, *, valid: bool, number: int) -> Iterator[Call]:
    """Calls of each operation of a document in turn.

    Args:
        document: an OpenAPI document.
        count: how many there are of each operation; schemathesis makes fewer where there are no more.
        valid: those that keep the document, or those that break it.
        number: seed.
    """
    mode = GenerationMode.POSITIVE if valid else GenerationMode.NEGATIVE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Servers are left out: the paths of calls are then those of the document.
        schema = schemathesis.openapi.from_dict({**document, "servers": [{"url": BASE}]})
        schema.config.update(base_url=BASE)
        for result in schema.get_all_operations():
            operation = result.ok() if isinstance(result, Ok) else None
            if operation is None:
                continue
            try:
                cases = _cases(operation.as_strategy(generation_mode=mode), count, number)
            except Exception:  # noqa: BLE001, S112 - schemathesis cannot make calls of some operations, which is no fault of ours
                continue
            for case in cases:
                call = _sent(case, (operation.method.upper(), operation.path), _keys(document))
                if call is not None:
                    yield call


def _cases(strategy: Any, count: int, number: int) -> list[Any]:
    found: list[Any] = []

    @seed(number)
    @settings(_SETTINGS, max_examples=count)
    @given(case=strategy)
    def collect(case: Any) -> None:
        found.append(case)

    collect()
    return found


def _sent(case: Any, operation: tuple[str, str], keys: _Keys) -> Call | None:
    """The request that `requests` makes of a case; None when HTTP cannot carry it."""
    try:
        made = requests.Request(**case.as_transport_kwargs(base_url=BASE)).prepare()
    except (ValueError, UnicodeError, TypeError, requests.RequestException):
        return None
    body = made.body or b""
    if not isinstance(body, str | bytes):
        return None
    headers = {name: _text(value) for name, value in made.headers.items()}
    # Credentials come from whoever runs schemathesis (`--header`): without them every call would break the
    # contract. A case that breaks headers or query keeps its own.
    url = (made.url or "").removeprefix(BASE) or "/"
    if not _breaks_credentials(case):
        # An empty credential is none.
        headers |= {name: key for name, key in keys.headers.items() if not headers.get(name, "").strip()}
        url = keys.in_target(url)
    return Call(
        operation,
        made.method or "GET",
        url if url.startswith("/") else f"/{url}",
        tuple(headers.items()),
        body.encode() if isinstance(body, str) else body,
        "" if case.meta is None or case.meta.generation.mode.is_positive else _broken(case),
    )


def _breaks_credentials(case: Any) -> bool:
    components = {} if case.meta is None else case.meta.components
    return any(
        where.value in ("header", "query") and one.mode.is_negative for where, one in components.items()
    )


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _broken(case: Any) -> str:
    """What the case breaks, in schemathesis' words."""
    said = getattr(case.meta.phase.data, "description", "")
    return said or "unknown"


@dataclass(frozen=True)
class _Keys:
    """Credentials for a document: headers with values, and names of query parameters."""

    headers: Mapping[str, str]
    query: tuple[str, ...]

    def in_target(self, target: str) -> str:
        """The target with a key under each name of the query that has none."""
        path, _, query = target.partition("?")
        pairs = [pair for pair in query.split("&") if pair]
        for name in self.query:
            if not any(pair.startswith(f"{name}=") and pair != f"{name}=" for pair in pairs):
                pairs = [pair for pair in pairs if pair.partition("=")[0] != name] + [f"{name}=key"]
        return f"{path}?{'&'.join(pairs)}" if pairs else target


def _keys(document: Document) -> _Keys:
    """A credential for each scheme that the document knows."""
    named = (document.get("components") or {}).get("securitySchemes") or {}
    headers: dict[str, str] = {}
    query: list[str] = []
    for scheme in (one for one in named.values() if isinstance(one, dict)):
        if scheme.get("type") == "apiKey" and scheme.get("in") == "header":
            headers[str(scheme.get("name"))] = "key"
        elif scheme.get("type") == "apiKey" and scheme.get("in") == "query":
            query.append(str(scheme.get("name")))
        elif scheme.get("type") == "http" and str(scheme.get("scheme")).lower() == "basic":
            headers["Authorization"] = "Basic " + base64.b64encode(b"user:pass").decode()
        elif scheme.get("type") in ("http", "oauth2", "openIdConnect"):
            headers["Authorization"] = "Bearer token"
    return _Keys(headers, tuple(query))
