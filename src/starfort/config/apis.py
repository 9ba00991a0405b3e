"""APIs and their endpoints: where calls come in, where they go, and what is known about them."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from starfort.config.contract import Contract, ScopedContract
from starfort.config.documents import Document
from starfort.config.fields import Model, Name
from starfort.config.limits import ScopedLimits


def _host(value: str) -> str:
    # As the engine gives the host of a request: lower case, without a dot at the end (RFC 1034, section 3.1).
    return value.lower().removesuffix(".")


class LoginFields(Model):
    """Where a login endpoint carries its credentials. Only keyed hashes of them leave the filter."""

    username: str = "username"
    """Parameter of body or query; nested JSON by dots (`user.name`)."""
    password: str = "password"  # noqa: S105 - a parameter's name
    """Parameter with the password, written as `username` is."""


ContentKind = Literal["none", "prose", "markdown", "html", "code", "pattern", "query"]
"""The kind of text that a field holds, as far as it matters to rules."""
FieldName = Annotated[str, Field(pattern=r"^=?[^\s=|,;'\"\\%]{1,200}$")]
"""A field's name, or its path in a body."""


class EndpointSettings(Model):
    """Labels, limits and details of one endpoint."""

    match: Annotated[str, Field(pattern=r"^([A-Z]+|\*) /\S*$")]
    """`METHOD /path/{template}` or `* /path`, base path included."""
    labels: list[Name] = []
    """Words by which policies and detectors refer to the endpoint, such as `login`."""
    login: LoginFields | None = None
    """For endpoints labelled `login`."""
    limits: ScopedLimits | None = None
    """Limits of its own."""
    content: Annotated[dict[FieldName, ContentKind], Field(max_length=500)] = {}
    """The kind of text that its fields hold, where neither its document nor their names say so:
    `issue.body: markdown`."""
    contract: ScopedContract | None = None
    """How it is held to the contract of its API, where that differs."""


class ApiVersions(Model):
    """Where the calls of an API name the version that they ask for."""

    places: Annotated[list[Literal["path", "host", "header", "query", "media"]], Field(max_length=5)] = [
        "path", "host", "header", "query", "media",
    ]  # fmt: skip
    """Places that count. Leave out those where the API has something that only looks like a version."""
    paths: Annotated[
        list[Annotated[str, Field(pattern=r"^(/[^/\s]+)*/\{version\}$")]], Field(max_length=50)
    ] = []
    """Paths with `{version}` where the version stands: `/{tenant}/{version}`. Any text there is then one, and
    no other segment of a path is."""


_Place = Annotated[str, Field(pattern=r"^(/[^/\s*]+|/\*)*/\*$")]


class ApiSegments(Model):
    """What the segments at some places of an API's paths are, where traffic leads the catalogue astray."""

    words: Annotated[list[_Place], Field(max_length=500)] = []
    """Places whose segments are fixed words, each with an endpoint of its own: `/api/*`."""
    values: Annotated[list[_Place], Field(max_length=500)] = []
    """Places whose segments are values of a parameter: `/tags/*`."""

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if both := sorted(set(self.words) & set(self.values)):
            raise ValueError(f"{both[0]} is in words and in values: leave it in one of them")
        return self


class Api(Model):
    """One API: where its calls come in and where they go."""

    name: Name
    """Unique name."""
    hosts: Annotated[
        list[
            Annotated[
                str, Field(pattern=r"^(\*|(\*\.)?[A-Za-z0-9_-][A-Za-z0-9_.-]*)$"), AfterValidator(_host)
            ]
        ],
        Field(min_length=1),
    ] = ["*"]
    """Host names; `*` stands for any name, `*.example.com` for any name below it."""
    base_paths: Annotated[list[Annotated[str, Field(pattern=r"^/\S*$")]], Field(min_length=1)] = ["/"]
    """Path prefixes; they end at the end of a segment."""
    upstream: Name
    """Name of the upstream that answers."""
    openapi: Document | None = None
    """Document of OpenAPI 3 or Swagger 2, JSON or YAML: a file, an https address, or where it is fetched
    from."""
    labels: list[Name] = []
    """Labels of all its endpoints."""
    authentication: list[Name] = []
    """JWT providers whose tokens it accepts."""
    endpoints: list[EndpointSettings] = []
    """Endpoints with labels or limits."""
    limits: ScopedLimits | None = None
    """Limits of its own, for all its endpoints."""
    versions: ApiVersions = ApiVersions()
    """Where its calls name the version that they ask for."""
    segments: ApiSegments = ApiSegments()
    """What the segments of its paths are, where the catalogue needs to be told."""
    contract: Contract | None = None
    """What its calls are held to. Without it, requests are held to the document, if there is one, and
    observed."""
