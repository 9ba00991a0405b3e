"""The data that the catalogue takes and returns. All times are UTC."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from starfort.catalogue.callers import count

Origin = Literal["documented", "configured", "learned"]

Fact: TypeAlias = str | int | float | bool | Sequence[str]
"""One thing that is known about a piece of news: a figure, a name, or a list of names."""

# Users see these words in alerts and mutes, so they do not change.
NewsKind = Literal[
    "new_endpoint",
    "undocumented_endpoint",
    "new_method",
    "new_version",
    "new_host",
    "reappeared",
    "sensitive_class",
    "answers_without_credentials",
    "zombie_endpoint",
    "orphan_endpoint",
    "drifting_endpoint",
]

Segments = Literal["words", "values"]
"""What the segments at one place of paths are."""

State = Literal["documented", "configured", "learned", "shadow", "orphan", "zombie", "drifting"]
"""How an endpoint stands to its API's document (`states.py`)."""


def endpoint_id(api: str, method: str, template: str) -> str:
    """An endpoint's id, as the bundle defines it: first 16 hexadecimal characters of a SHA-256."""
    return hashlib.sha256(f"{api}\n{method}\n{template}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class VersionPlaces:
    """Where the calls of an API name the version that they ask for.

    Attributes:
        places: of `path`, `host`, `header`, `query` and `media`, those that count.
        paths: templates with `{version}` where the version stands, `/{tenant}/{version}`; when there are
            some, no other segment is a version.
    """

    places: frozenset[str] = frozenset({"path", "host", "header", "query", "media"})
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ApiFacts:
    """The parts of an API's configuration that the catalogue needs.

    Attributes:
        name: its name.
        hosts: host patterns that it is configured for.
        labels: labels of all its endpoints.
        documented: whether it has an OpenAPI document, so that what is not in it is undocumented.
        versions: where its calls name a version.
        words: places of paths whose segments are fixed words, as people decided: `/api/*`.
        values: places whose segments are values of a parameter: `/tags/*`.
    """

    name: str
    hosts: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    documented: bool = False
    versions: VersionPlaces = field(default_factory=VersionPlaces)
    words: tuple[str, ...] = ()
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Declared:
    """An endpoint that a document or the configuration names.

    Attributes:
        api: its API's name.
        method: upper case, or `*`.
        path: path template from the root.
        labels: labels beyond its API's.
        documented: whether an OpenAPI document has it; if not, only the configuration names it.
        deprecated: whether the document says that it should not be used any more.
    """

    api: str
    method: str
    path: str
    labels: tuple[str, ...] = ()
    documented: bool = True
    deprecated: bool = False

    @property
    def id(self) -> str:
        """Its id."""
        return endpoint_id(self.api, self.method, self.path)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided about the segments at one place of an API's paths.

    Attributes:
        api: the API.
        place: `/api/*`.
        segments: `words` or `values`.
        user: who decided.
        created: when, UTC.
    """

    api: str
    place: str
    segments: str
    user: str
    created: datetime


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint with what its calls showed.

    Attributes:
        id: see `endpoint_id`.
        api: its API's name.
        host: the first host that it was seen on, or that its API is configured for.
        method: upper case, or `*`.
        template: path template from the root.
        origin: where it is known from.
        labels: its labels and its API's.
        suggested_labels: labels that its traffic suggests; they have no effect until they are configured.
        first_seen: time of the first answered call; None when there was none.
        last_seen: time of the last one.
        calls: answered calls since it is known, approximately: a call that arrives late may be missing.
        auth_seen: the kinds of credentials that callers sent.
        sensitive: classes of sensitive data seen in requests or responses.
        hosts: hosts that it was seen on.
        open_since: when it was first seen to answer 2xx without credentials; None when it never was.
        deprecated: whether the document says that it should not be used any more.
        caller_bits: who called, as bits (`callers.py`).
        drift: how answered calls differ from the document: `request:query/unknown:/page`.
        told: states that people were told of, so that each is told once.
    """

    id: str
    api: str
    host: str
    method: str
    template: str
    origin: Origin
    labels: tuple[str, ...] = ()
    suggested_labels: tuple[str, ...] = ()
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    calls: int = 0
    auth_seen: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    open_since: datetime | None = None
    deprecated: bool = False
    caller_bits: int = 0
    drift: tuple[str, ...] = ()
    told: tuple[str, ...] = ()

    @property
    def callers(self) -> int:
        """About how many different callers it has had, at most `evidence.MAX_CALLERS`."""
        return count(self.caller_bits)

    @property
    def documented(self) -> bool:
        """Whether an OpenAPI document contains it."""
        return self.origin == "documented"

    @property
    def title(self) -> str:
        """`GET /orders/{orderId}`."""
        return f"{self.method} {self.template}"


@dataclass(frozen=True, slots=True)
class News:
    """One thing that changed.

    Attributes:
        kind: what happened.
        api: the API.
        subject: what the news is about: an endpoint's title, a host, a version's prefix, a class.
        endpoint: the endpoint, where the news is about one.
        facts: what is known about it. From traffic there are only host names, path templates and counts,
            and no values.
    """

    kind: NewsKind
    api: str
    subject: str
    endpoint: Endpoint | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict)

    def names(self, fact: str) -> Sequence[str]:
        """The names in a fact; empty when there is no such fact."""
        found = self.facts.get(fact, ())
        # A text is a sequence too, and would come apart into its characters.
        return found if isinstance(found, Sequence) and not isinstance(found, str) else ()
