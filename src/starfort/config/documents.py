"""Where an API's document comes from, when it is no file beside the configuration."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from starfort.config.fields import Duration, Model, Network
from starfort.config.paths import InputFile


def _https(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme != "https" or not parts.hostname or parts.username or parts.password:
        raise ValueError("it must be an https:// URL with a host and without a password in it")
    return value


HttpsUrl = Annotated[str, Field(max_length=2000, pattern=r"^[!-~]+$"), AfterValidator(_https)]


def _inside(value: str) -> str:
    if value.startswith(("/", "-")) or {".", "..", ""} & set(value.split("/")):
        raise ValueError("it must be a path within the repository, without `.` and `..`")
    return value


def _reference(value: str) -> str:
    if value.startswith("-") or ".." in value:
        raise ValueError("it must be the name of a branch or tag")
    return value


RepositoryPath = Annotated[str, Field(max_length=500, pattern=r"^[^\\\x00-\x1f]+$"), AfterValidator(_inside)]
"""A path within a repository: relative, without `..`."""


Reference = Annotated[str, Field(max_length=200, pattern=r"^[A-Za-z0-9._/-]+$"), AfterValidator(_reference)]
"""A branch or tag."""


class _Remote(Model):
    interval: Annotated[Duration, Field(ge=timedelta(seconds=10), le=timedelta(days=7))] = timedelta(
        minutes=5
    )
    """How often it is looked at."""
    networks: list[Network] = []
    """Addresses that are not public and that its host may have all the same, such as `10.0.0.0/8`."""
    authorization_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    """Environment variable with the value of the header `Authorization`."""
    ca: InputFile | None = None
    """Certificates (PEM) that its host's certificate is checked with, instead of the system's."""


class UrlDocument(_Remote):
    """A document behind an address. Until a good one comes, the last good copy stays in force."""

    url: HttpsUrl
    """Address, https only. Redirects are not followed."""


class GitDocument(_Remote):
    """Or a document in a Git repository, with the JSON and YAML files beside it."""

    git: HttpsUrl
    """Address of the repository, https only."""
    path: RepositoryPath
    """Path of the document in the repository."""
    ref: Annotated[str, Field(max_length=200, pattern=r"^[A-Za-z0-9._/-]+$"), AfterValidator(_reference)] = (
        "HEAD"
    )
    """Branch or tag."""


def _kind(value: Any) -> str:
    """Which form is written, so that messages are about that one (`loading` leaves `by:` out of places)."""
    if isinstance(value, UrlDocument) or (isinstance(value, dict) and "git" not in value):
        return "by:url"
    if isinstance(value, (GitDocument, dict)):
        return "by:git"
    return "by:address" if isinstance(value, str) and "://" in value else "by:file"


def _from_address(value: Any) -> Any:
    return {"url": value} if isinstance(value, str) else value


Remote = UrlDocument | GitDocument

Document = Annotated[
    Annotated[InputFile, Tag("by:file")]
    | Annotated[UrlDocument, BeforeValidator(_from_address), Tag("by:address")]
    | Annotated[UrlDocument, Tag("by:url")]
    | Annotated[GitDocument, Tag("by:git")],
    Discriminator(_kind),
]
"""A file, an address, or a mapping with `url` or `git`."""
