"""The answers of the admin API: the fields that commands read.

These types cost nothing at run time: a command that asks a running Starfort must not import the API's models,
which takes longer than the question. `--json` prints all of an answer, whether it is named here or not.

`NotRequired` fields are missing from the answers of an older Starfort, which `--url` may ask.
"""

from __future__ import annotations

from typing import Generic, NotRequired, TypedDict, TypeVar

Item = TypeVar("Item")


class Page(TypedDict, Generic[Item]):
    """A part of a list that goes on at `next`."""

    items: list[Item]
    next: str | None


class Counted(TypedDict):
    """A value and how often it was seen."""

    value: str
    count: int


class RuleMatch(TypedDict):
    """A rule that matched a request."""

    rule: int
    severity: str
    message: str
    variable: str
    value: str


class Event(TypedDict):
    """One request."""

    time: str
    id: str
    method: str
    host: str
    path: str
    status: int
    address: str
    country: str
    bot_name: str
    subject: str
    action: str
    policy: str
    tags: list[str]
    observed: list[str]
    findings: list[str]
    anomalies: list[str]
    signals: list[str]
    evidence: list[RuleMatch]


class Endpoint(TypedDict):
    """One endpoint of the catalogue."""

    id: str
    api: str
    method: str
    host: str
    path: str
    new: bool
    documented: bool
    state: str
    authenticated: bool | None
    labels: list[str]
    sensitive: list[str]
    first_seen: str | None
    last_seen: str | None
    requests: int
    error_share: float


class Parameter(TypedDict):
    """A parameter of an endpoint."""

    location: str
    name: str
    types: list[str]
    share: float


class Consumer(TypedDict):
    """Somebody who calls an endpoint."""

    subject: str
    address: str
    user_agent: str
    bot: str
    requests: int
    stopped: int
    last_seen: str


class EndpointDetail(Endpoint):
    """One endpoint with everything that is known about it."""

    parameters: list[Parameter]
    statuses: list[Counted]
    auth_seen: list[Counted]
    identity_errors: list[Counted]
    content_types: list[Counted]
    response_content_types: list[Counted]
    sensitive_request: list[Counted]
    sensitive_response: list[Counted]
    findings: list[Counted]
    consumers: list[Consumer]
    consumers_total: int
    consumers_since: str


class PostureFinding(TypedDict):
    """What is wrong with an API as it stands."""

    severity: str
    api: str
    code: str
    title: str
    endpoint_id: str
    why: str
    last_seen: str


class Node(TypedDict):
    """One Envoy with Starfort's filter."""

    node: str
    pid: int
    connected: bool
    requests_per_s: float
    signals_active: int
    events_dropped: int
    bundle: str
    filter_version: str
    seen_at: float
    events_waiting: NotRequired[int]
    bundle_since: NotRequired[float]
    bundle_awaited: NotRequired[str]


class DetectorStatus(TypedDict):
    """How one detector runs."""

    name: str
    runs: int
    failures: int
    last_ms: float
    last_error: str
    signals: int
    behind_s: NotRequired[float]
    problem: NotRequired[str]


class ConfigStatus(TypedDict):
    """Which configuration is in force."""

    path: str
    bundle: str
    loaded_at: float
    rules: str
    errors: int
    last_error: str
    last_error_at: float
    warnings: list[str]


class EnvoyStatus(TypedDict):
    """The Envoy that Starfort started."""

    state: str
    pid: int
    restarts: int
    pending: str
    leaving: list[int]


class StoreStatus(TypedDict):
    """How the store keeps up."""

    events_stored: int
    events_per_s: float
    events_dropped: int
    lag_s: float
    spool_bytes: int
    missing_s: NotRequired[float]
    missing_events: NotRequired[int]
    thinned: NotRequired[int]


class Status(TypedDict):
    """The state of Starfort."""

    version: str
    node: str
    pid: int
    uptime_s: float
    healthy: bool
    problems: list[str]
    config: ConfigStatus
    envoy: EnvoyStatus
    nodes: list[Node]
    store: StoreStatus
    detectors: list[DetectorStatus]
    signals_active: int
    alerts_open: dict[str, int]
    alerts_dropped: int
    endpoints: int


class ReloadResult(TypedDict):
    """What a reload did."""

    ok: bool
    bundle: str
    problems: list[str]
    refused_by: list[str]
    took_ms: float
    warnings: list[str]
    unanswered: NotRequired[list[str]]


class Account(TypedDict):
    """An account."""

    name: str
    role: str
    created: str
    password_changed: str | None
    last_login: str | None


class Token(TypedDict):
    """An API token without its text."""

    id: int
    name: str
    owner: str
    role: str
    hint: str
    created: str
    expires: str | None
    last_used: str | None


class CreatedToken(TypedDict):
    """A token that was just made."""

    token: Token
    text: str


class Secret(TypedDict):
    """The secret of a second factor that is not in force yet."""

    secret: str
    uri: str


class RecoveryCodes(TypedDict):
    """Codes that replace the second factor; each works once."""

    codes: list[str]
