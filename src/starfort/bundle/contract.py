"""Contracts in the bundle; they mirror `crates/engine/src/bundle/contract.rs`, which explains each field."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from starfort.bundle.policy import Mode
from starfort.bundle.variant import Variant


class ParameterPlace(StrEnum):
    """Where a parameter stands."""

    PATH = "path"
    QUERY = "query"
    HEADER = "header"
    COOKIE = "cookie"


class ParameterStyle(StrEnum):
    """How a parameter's value is written (OpenAPI 3.1, 4.8.12.2, "Style Values")."""

    SIMPLE = "simple"
    LABEL = "label"
    MATRIX = "matrix"
    FORM = "form"
    SPACE_DELIMITED = "space_delimited"
    PIPE_DELIMITED = "pipe_delimited"
    DEEP_OBJECT = "deep_object"
    TAB_DELIMITED = "tab_delimited"
    COOKIE = "cookie"


@dataclass(frozen=True)
class ContractParameter:
    """A parameter, or a header of a response."""

    name: str
    """Of headers in lower case."""
    place: ParameterPlace
    required: bool
    schema: int | None
    """Index in `ApiContract.schemas`; None: any value."""
    style: ParameterStyle
    explode: bool
    allow_reserved: bool = False
    allow_empty: bool = False
    media_type: str | None = None


@dataclass(frozen=True)
class PropertyEncoding:
    """How a property of a form or a multipart body is written."""

    name: str
    content_types: tuple[str, ...]
    style: ParameterStyle
    explode: bool


@dataclass(frozen=True)
class ContractMedia:
    """One media type of a body."""

    media_type: str
    """Lower case, without parameters; `application/*` and `*/*` are ranges."""
    schema: int | None
    encoding: tuple[PropertyEncoding, ...] = ()


@dataclass(frozen=True)
class ContractBody:
    """The body of a request."""

    required: bool
    content: tuple[ContractMedia, ...]


@dataclass(frozen=True)
class ContractResponse:
    """One answer."""

    status: str
    """`200`, `2XX` or `default`."""
    headers: tuple[ContractParameter, ...]
    content: tuple[ContractMedia, ...]


@dataclass(frozen=True)
class ContractPlace:
    """Where an operation is called."""

    endpoint: int
    path: str
    """Template from the root, with the contract's own names of parameters."""
    settings: int
    """Index in `ApiContract.settings`."""


@dataclass(frozen=True)
class ContractOperation:
    """One operation of a contract."""

    places: tuple[ContractPlace, ...]
    parameters: tuple[ContractParameter, ...]
    body: ContractBody | None
    responses: tuple[ContractResponse, ...]
    security: tuple[tuple[int, ...], ...] | None
    """Alternatives of indexes in `ApiContract.schemes`; None: the contract does not say."""
    deprecated: bool = False


@dataclass(frozen=True)
class ContractSettings:
    """How calls are held to a contract."""

    # None and not a third mode: policies have the same two modes, and the engine shares the type.
    requests: Mode | None
    responses: Mode | None
    deny_unknown: bool
    deny_unknown_fields: bool
    remove: tuple[str, ...] = ()
    remove_undocumented: bool = False


class SecurityScheme(Variant):
    """A credential that operations ask for."""


@dataclass(frozen=True)
class HeaderScheme(SecurityScheme):
    """A header."""

    TAG: ClassVar[str] = "header"
    name: str
    """Lower case."""


@dataclass(frozen=True)
class QueryScheme(SecurityScheme):
    """A query parameter."""

    TAG: ClassVar[str] = "query"
    name: str


@dataclass(frozen=True)
class CookieScheme(SecurityScheme):
    """A cookie."""

    TAG: ClassVar[str] = "cookie"
    name: str


@dataclass(frozen=True)
class AuthorizationScheme(SecurityScheme):
    """`Authorization` with a scheme, in lower case; with any scheme if it is empty."""

    TAG: ClassVar[str] = "authorization"
    scheme: str


@dataclass(frozen=True)
class MutualTlsScheme(SecurityScheme):
    """A client certificate."""

    TAG: ClassVar[str] = "mutual_tls"


@dataclass(frozen=True)
class OtherScheme(SecurityScheme):
    """One that cannot be seen in a call, so it counts as there."""

    TAG: ClassVar[str] = "other"


@dataclass(frozen=True)
class ApiContract:
    """The contract of one API."""

    api: int
    digest: str
    definitions: str
    """JSON text `{"$defs": …}`."""
    schemas: tuple[str, ...]
    schemes: tuple[SecurityScheme, ...]
    operations: tuple[ContractOperation, ...]
    settings: tuple[ContractSettings, ...]
    """The first one holds for calls that belong to no operation."""
