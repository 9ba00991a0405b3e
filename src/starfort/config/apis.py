"""APIs and their endpoints: where calls come in, where they go, and what is known of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from starfort.config.fields import Model, Name
from starfort.config.limits import ScopedLimits
from starfort.config.paths import InputFile


def _host(value: str) -> str:
    """As requests name it once the engine has read them: lower case, without the root's dot."""
    return value.lower().removesuffix(".")


class LoginFields(Model):
    """Where a login endpoint carries its credentials. Only keyed hashes of them leave the filter."""

    username: str = "username"
    """Parameter of body or query; nested JSON by dots (`user.name`)."""
    password: str = "password"  # noqa: S105 - a parameter's name
    """As `username`."""


ContentKind = Literal["none", "prose", "markdown", "html", "code", "pattern", "query"]
"""What a field holds, as far as it matters to rules."""
FieldName = Annotated[str, Field(pattern=r"^=?[^\s=|,;'\"\\%]{1,200}$")]
"""A field's name, or its path in a body."""


class EndpointSettings(Model):
    """Labels, limits and details of one endpoint."""

    match: Annotated[str, Field(pattern=r"^([A-Z]+|\*) /\S*$")]
    """`METHOD /path/{template}` or `* /path`, base path included."""
    labels: list[Name] = []
    """What policies and detectors know it by, such as `login`."""
    login: LoginFields | None = None
    """For endpoints labelled `login`."""
    limits: ScopedLimits | None = None
    """Limits of its own."""
    content: Annotated[dict[FieldName, ContentKind], Field(max_length=500)] = {}
    """What its fields hold, where neither its document nor their names say it: `issue.body: markdown`."""


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
    """Host names; `*` any, `*.example.com` any below."""
    base_paths: Annotated[list[Annotated[str, Field(pattern=r"^/\S*$")]], Field(min_length=1)] = ["/"]
    """Path prefixes, whole segments."""
    upstream: Name
    """Who answers."""
    openapi: InputFile | None = None
    """OpenAPI 3 document, JSON or YAML."""
    labels: list[Name] = []
    """Labels of all its endpoints."""
    authentication: list[Name] = []
    """JWT providers whose tokens it accepts."""
    endpoints: list[EndpointSettings] = []
    """Endpoints with labels or limits."""
    limits: ScopedLimits | None = None
    """Limits of its own, for all its endpoints."""
