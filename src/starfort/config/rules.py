"""SecLang rules: which rules run, how strict they are, and where they are wrong."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from starfort.config.apis import ContentKind, FieldName
from starfort.config.fields import Expiry, Model, Name
from starfort.config.paths import PathPattern

# The same pattern as in `apis`: a rule setting names an endpoint as the endpoint itself is written.
Match = Annotated[str, Field(pattern=r"^([A-Z]+|\*) /\S*$")]
Paranoia = Annotated[int, Field(ge=1, le=4)]
Threshold = Annotated[int, Field(ge=1, le=10_000)]


class RuleScope(Model):
    """Rule settings of one API or one endpoint. A setting that is not given is the same as for all."""

    api: Name | None = None
    """Name of an API."""
    endpoint: Match | None = None
    """`METHOD /path/{template}`; with `api`, only that API's endpoint."""
    paranoia: Paranoia | None = None
    """Paranoia level."""
    inbound_threshold: Threshold | None = None
    """Score of a request from which it counts as an attack."""
    outbound_threshold: Threshold | None = None
    """Score of a response from which it counts as a leak."""
    off: bool = False
    """Run no rules here."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.api is None and self.endpoint is None:
            raise ValueError("give api, endpoint or both")
        return self


class RuleExclusion(Model):
    """Where a rule is wrong. Exclude as little as possible: `starfort rules tune` proposes exclusions."""

    rule: Annotated[str | int, BeforeValidator(str), Field(pattern=r"^\d{1,16}(-\d{1,16})?$")] | None = None
    """Rule id, or a range such as 942100-942199."""
    tag: Annotated[str, Field(pattern=r"^[A-Za-z0-9_/.-]+$")] | None = None
    """Instead of `rule`: every rule with this tag."""
    api: Name | None = None
    """Only for this API."""
    endpoint: Match | None = None
    """Only for this endpoint: `METHOD /path/{template}`."""
    parameter: Annotated[str, Field(pattern=r"^[^\s|,;'\"\\%]+$")] | None = None
    """Only this parameter (`comment`, `json.user.name`), or a target such as `REQUEST_COOKIES:sid`."""
    reason: str = ""
    """For people."""
    expires: Expiry | None = None
    """When it ends."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.rule is None) == (self.tag is None):
            raise ValueError("give exactly one of rule and tag")
        return self


class VirtualPatch(Model):
    """Refuses the requests that would use a known vulnerability, until the application is fixed."""

    name: Name
    """Unique name."""
    api: Name | None = None
    """Only for this API."""
    endpoint: Match | None = None
    """Only for this endpoint."""
    parameter: Annotated[str, Field(pattern=r"^[^\s|,;'\"\\%]+$")] | None = None
    """Only this parameter; default: all parameters, and the body."""
    pattern: Annotated[str, Field(min_length=1, max_length=2000)]
    """Regular expression of what is refused; matched after URL decoding."""
    expires: Expiry
    """When it ends. It must have an end, because the application is to be fixed meanwhile."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.api is None and self.endpoint is None:
            raise ValueError("give api, endpoint or both")
        return self


class Rules(Model):
    """SecLang rules: those of OWASP CRS, Starfort's own and yours."""

    sets: list[Literal["crs"]] | None = None
    """Installed rule sets (`starfort rules install crs`); default: `crs` where it is installed."""
    profile: Literal["api", "web"] = "api"
    """The kind of traffic that CRS is set up for: `api` does not refuse what APIs ordinarily send; `web` is
    CRS unchanged, for web sites. `docs/rules.md` says what differs and why."""
    api_rules: bool = True
    """Starfort's own rules for APIs."""
    places: bool = True
    """Rules for arguments also look at path segments, credentials, custom headers and decoded values."""
    before: list[PathPattern] = []
    """Your rule files with settings, which are read before the sets. Paths or globs."""
    files: list[PathPattern] = []
    """Your rule files with rules and exclusions, which are read after the sets. Paths or globs."""
    paranoia: Paranoia = 1
    """How suspicious the rules are, 1 to 4. A higher level finds more attacks, but also more requests that
    are not attacks."""
    inbound_threshold: Threshold = 5
    """Score of a request from which it counts as an attack; one critical rule scores 5."""
    outbound_threshold: Threshold = 4
    """Score of a response from which it counts as a leak."""
    scopes: Annotated[list[RuleScope], Field(max_length=900)] = []
    """Other settings for single APIs and endpoints."""
    weigh_content: bool = True
    """Weigh by their grammar what rules find in fields where people write text; `false`: every match
    counts."""
    content_fields: Annotated[dict[FieldName, ContentKind], Field(max_length=1000)] = {}
    """The kind of text that fields of a name hold at all endpoints, in addition to the names that Starfort
    knows: `haiku: prose`."""
    exclusions: Annotated[list[RuleExclusion], Field(max_length=2000)] = []
    """Where rules are wrong."""
    patches: Annotated[list[VirtualPatch], Field(max_length=1000)] = []
    """Virtual patches."""
