"""The shapes that API and dashboard show. Field docs are the API's description of them.

All times are UTC with a zone; all shares are between 0 and 1; all durations name their unit.
"""

import json
from datetime import datetime
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from starfort.admin.decisions import DecisionCounts, counts_decisions
from starfort.base.severity import Severity
from starfort.catalogue.model import State
from starfort.store.rows import Row

Item = TypeVar("Item")


class Model(BaseModel):
    """Base of all shapes: frozen, made from attributes too."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class Page(Model, Generic[Item]):
    """A part of a list that may be long."""

    items: list[Item]
    total: Annotated[int, Field(description="How many there are in all, on every page together.")]
    limit: Annotated[int, Field(description="The most that this page may hold.")]
    offset: Annotated[int, Field(description="How many were left out before it.")]


@counts_decisions
class _Step(DecisionCounts, Model):
    """One step of a series."""

    time: Annotated[datetime, Field(description="Begin of the step.")]


class TrafficPoint(_Step):
    """Requests within one step of a series, by what was done with them."""

    errors: Annotated[int, Field(description="Of all of them, those answered with 500 or above.")] = 0

    @property
    def total(self) -> int:
        """All requests of the step."""
        return self.decided_count


@counts_decisions
class _Requests(DecisionCounts, Model):
    """How many requests there were."""

    requests: int = 0


class TrafficTotals(_Requests):
    """Requests within a window."""

    client_errors: Annotated[int, Field(description="Answered with 400 to 499.")] = 0
    server_errors: Annotated[int, Field(description="Answered with 500 or above.")] = 0
    addresses: Annotated[int, Field(description="Different client addresses (estimated, ±1.6 %).")] = 0
    p50_ms: Annotated[float, Field(description="Median time from request to answer, milliseconds.")] = 0.0
    p99_ms: Annotated[float, Field(description="99th percentile of it.")] = 0.0
    engine_p99_us: Annotated[
        float, Field(description="99th percentile of the time in Starfort, microseconds.")
    ] = 0.0

    @property
    def stopped(self) -> int:
        """Requests that did not simply pass."""
        return self.requests - self.allowed_count


class Traffic(Model):
    """Traffic within a window and in the equally long window before it."""

    since: datetime
    until: datetime
    step_s: int
    totals: TrafficTotals
    before: TrafficTotals
    points: list[TrafficPoint]


class ApiTraffic(Model):
    """One API within a window."""

    api: Annotated[str, Field(description="Its name; empty for calls that matched no API.")]
    requests: int
    stopped: int
    client_errors: int
    server_errors: int
    addresses: int
    p99_ms: float
    sparkline: Annotated[list[int], Field(description="Requests in equal steps over the window.")]


RiskLevel = Literal["none", "low", "medium", "high", "critical"]


class RiskReason(Model):
    """One reason why an endpoint or an API is a risk."""

    code: Annotated[str, Field(description="The check, or exposed_data, exposed_to_anybody.")]
    severity: Severity
    title: str
    owasp: Annotated[str, Field(description='Risk of the OWASP API Security Top 10; "" for none.')] = ""


class EndpointSummary(Model):
    """One endpoint of the catalogue, as lists show it."""

    id: str
    api: str
    host: str
    method: str
    path: Annotated[str, Field(description="Path template, such as /users/{id}.")]
    first_seen: datetime | None
    last_seen: datetime | None
    documented: bool
    state: Annotated[State, Field(description="How it stands to its API's document.")] = "learned"
    new: Annotated[bool, Field(description="First seen within the last 24 hours.")]
    authenticated: Annotated[
        bool | None, Field(description="Whether callers show credentials; null when that is not known.")
    ]
    labels: list[str]
    suggested_labels: Annotated[
        list[str], Field(description="Labels that its traffic suggests; without effect until configured.")
    ] = []
    sensitive: Annotated[list[str], Field(description="Sensitive classes seen in requests or responses.")]
    requests: Annotated[int, Field(description="Requests within the last 24 hours.")] = 0
    error_share: Annotated[float, Field(description="Share of them answered with 400 or above.")] = 0.0
    stopped: Annotated[int, Field(description="Of them, those that did not simply pass.")] = 0
    risk: Annotated[int, Field(description="0 (nothing is known) to 100, from the findings about it.")] = 0
    risk_level: Annotated[RiskLevel, Field(description="The risk in a word.")] = "none"


class ApiUsage(Model):
    """How full the catalogue is of one API, and what its limits kept out since the start."""

    api: str
    endpoints: Annotated[int, Field(description="Endpoints that only traffic shows.")]
    endpoints_limit: int
    endpoints_refused: Annotated[
        int, Field(description="Times when a new one had less evidence than all others.")
    ]
    endpoints_evicted: Annotated[
        int, Field(description="Endpoints that made way for ones with more evidence.")
    ]
    shapes: Annotated[int, Field(description="Paths with values left out, from which templates are learned.")]
    shapes_limit: int
    shapes_evicted: int


class SegmentDecision(Model):
    """What a person decided about the segments at one place of an API's paths."""

    api: str
    place: Annotated[str, Field(description="A path from the root; its last segment is `*`.")]
    segments: Annotated[str, Field(description="`words` or `values`.")]
    user: str
    created: datetime


class VersionComparison(Model):
    """What a version of an API has that the one before it has not, and the other way round."""

    api: str
    version: str
    compared_with: str
    known_versions: list[str]
    endpoints: list[str]
    endpoints_gained: list[str]
    endpoints_lost: list[str]
    parameters_gained: list[str]
    parameters_lost: list[str]
    auth_seen: Annotated[list[str], Field(description="Kinds of credential that callers of it send.")]
    auth_gained: list[str]
    auth_lost: list[str]
    opened: Annotated[
        list[str], Field(description="Endpoints that asked for credentials before, and answer without any.")
    ]
    sensitive: list[str]
    sensitive_gained: list[str]
    sensitive_lost: list[str]
    callers: Annotated[int, Field(description="Callers of the last day, about.")]
    callers_before: int


class CatalogueCounts(Model):
    """How many endpoints there are of each kind that asks for attention."""

    total: int
    new: int
    undocumented: int
    sensitive: int
    unauthenticated: int
    risky: Annotated[int, Field(description="With a risk that is high or critical.")] = 0
    shadow: Annotated[int, Field(description="Called, and not in the document that their API has.")] = 0
    orphan: Annotated[int, Field(description="Documented, and not called for 30 days.")] = 0
    zombie: Annotated[int, Field(description="Deprecated, and called.")] = 0
    drifting: Annotated[int, Field(description="Whose answered calls differ from the document.")] = 0


class TreeNode(Model):
    """One step down the tree of hosts and path segments."""

    segment: str
    prefix: Annotated[str, Field(description="Path prefix of everything below it; empty for a host.")]
    host: str
    endpoints: Annotated[int, Field(description="Endpoints at or below it.")]
    attention: Annotated[int, Field(description="Of them, those new, undocumented or open and sensitive.")]
    leaf: Annotated[bool, Field(description="Whether nothing lies below it.")]


class Tree(Model):
    """The children of one place in the tree."""

    host: str
    prefix: str
    children: list[TreeNode]
    total: Annotated[int, Field(description="Children in all; more than shown when there are many.")]


class Counted(Model):
    """A value and how often it was seen."""

    value: str
    count: int


class ContractState(Model):
    """The calls of one endpoint that break the contract of its API, and what enforcement does about them."""

    api: str
    endpoint_id: Annotated[str, Field(description="Empty for calls that belong to no known endpoint.")]
    method: str
    template: str
    calls: Annotated[int, Field(description="Calls that break the contract, by request or by answer.")]
    requests: Annotated[int, Field(description="Of them, those whose request breaks it.")]
    responses: Annotated[int, Field(description="Of them, those whose answer breaks it.")]
    refused: Annotated[int, Field(description="Calls that were refused for it.")]
    would_refuse: Annotated[int, Field(description="Calls that `mode: enforce` would have refused.")]
    succeeded: Annotated[
        int,
        Field(description="Of those, how many were answered with success: refusing them may hurt somebody."),
    ]
    addresses: Annotated[int, Field(description="Different addresses that made the calls.")]
    subjects: Annotated[int, Field(description="Different verified callers that made them.")]
    violations: Annotated[
        list[Counted], Field(description="`request:body/type:/items/*/price` and so on, most frequent first.")
    ]
    events: Annotated[list[str], Field(description="Ids of the latest events, as examples.")]
    first_seen: datetime
    last_seen: datetime


class Parameter(Model):
    """A parameter of an endpoint as seen in traffic."""

    location: str
    name: str
    types: list[str]
    count: int
    share: Annotated[float, Field(description="Share of the endpoint's requests that had it.")]


class Consumer(Model):
    """Somebody who calls an endpoint."""

    subject: str
    address: str
    fingerprint: str
    user_agent: str
    bot: str
    requests: int
    stopped: int
    last_seen: datetime


class EndpointDetail(EndpointSummary):
    """One endpoint with all that is known of it; figures are of the window asked for."""

    risk_reasons: Annotated[list[RiskReason], Field(description="Why, the most severe first.")] = []
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
    consumers_since: Annotated[
        datetime, Field(description="Callers are counted from then on: of a busy endpoint the latest calls.")
    ]


class OutlineLine(Model):
    """A parameter, or a member of a body."""

    name: str
    depth: Annotated[int, Field(description="How deep it lies; 0 is the outermost.")]
    kind: Annotated[str, Field(description="Its type or format: `integer`, `uuid`, `string or null`.")]
    facts: Annotated[str, Field(description="Its range, length, characters or values.")]
    required: Annotated[bool, Field(description="Whether each call has it.")]


class OutlineSection(Model):
    """A part of a call or of its answer."""

    title: Annotated[str, Field(description="Such as `Query` or `Answer 200, application/json`.")]
    lines: list[OutlineLine]
    left_out: Annotated[int, Field(description="Lines beyond those that are given.")] = 0


class EndpointSchema(Model):
    """What the calls of an endpoint look like, as its traffic shows it; no values."""

    confidence: Annotated[
        float,
        Field(description="How likely the next call is like that, 0 to 1; 0 when too few callers called."),
    ]
    sections: list[OutlineSection]


class Client(Model):
    """Callers that share an address, a fingerprint, a subject, a network or a class of bot."""

    key: str
    label: Annotated[str, Field(description="What is known of it: user agent or network's owner.")]
    country: str
    bot: str
    requests: int
    stopped: int
    errors: int
    addresses: int
    endpoints: int
    subjects: int
    signals: list[str]
    first_seen: datetime
    last_seen: datetime


class RuleMatch(Model):
    """A rule that matched a request, and what it matched, masked as docs/events.md says."""

    rule: int
    message: Annotated[str, Field(description="What the rule says; what it quotes is masked.")] = ""
    severity: Annotated[str, Field(description="`emergency` to `debug`, as rules have it; may be empty.")] = (
        ""
    )
    variable: Annotated[str, Field(description="`ARGS:comment`; empty when it looked at no part.")] = ""
    value: Annotated[str, Field(description="The value, masked: `9' OR 'a{6}'='a{6}`.")] = ""
    weighed: Annotated[
        bool, Field(description="It counts for nothing: what people write, and breaks out of nothing.")
    ] = False


def _matches(rows: object) -> object:
    """Matches as the store has them, a JSON object each; what is not one is left out."""
    if not isinstance(rows, list):
        return rows
    return [match for row in rows if (match := match_of(row)) is not None]


def match_of(row: object) -> RuleMatch | None:
    """A match as the store has it; `None` when it is none.

    Args:
        row: the JSON of an event's `evidence`, or what was made of it already.
    """
    try:
        return RuleMatch.model_validate(json.loads(row) if isinstance(row, str) else row)
    except (ValueError, RecursionError):  # pydantic's and json's errors are such
        return None


class Event(Model):
    """One request. See docs/events.md for what each field means."""

    time: datetime
    id: str
    node: str
    api: str
    endpoint_id: str
    method: str
    host: str
    path: str
    template: str
    protocol: str
    status: int
    upstream: str
    duration_us: int
    engine_us: int
    request_bytes: int
    response_bytes: int
    address: str
    country: str
    asn: int
    as_organization: str
    ja4: str
    fingerprint: str
    user_agent: str
    bot: str
    bot_name: str
    identity_kind: str
    identity_verified: bool
    subject: str
    identity_error: str
    auth_seen: list[str]
    credential_places: list[str]
    api_version: str
    response_traits: list[str]
    content_type: str
    response_content_type: str
    parameters: list[str]
    anomalies: list[str]
    findings: list[str]
    evidence: Annotated[
        list[RuleMatch],
        BeforeValidator(_matches),
        Field(description="Rules that matched, most severe first; at most 8."),
    ] = []
    contract: Annotated[
        list[str], Field(description="What breaks the contract: `request:body/type:/items/*/price`.")
    ] = []
    sensitive_request: list[str]
    sensitive_response: list[str]
    signals: list[str]
    action: str
    policy: str
    tags: list[str]
    observed: list[str]


class EventPage(Model):
    """Events, latest first."""

    items: list[Event]
    next: Annotated[str | None, Field(description="Give it as `before` for the next page; null at the end.")]


class Policy(Model):
    """One policy with what it did and would have done."""

    name: str
    order: int
    mode: Literal["observe", "enforce"]
    action: str
    when: str
    apis: list[str]
    endpoints: list[str]
    enforced: Annotated[int, Field(description="Requests on which it acted, last 24 hours.")]
    observed: Annotated[int, Field(description="Requests on which it would have acted, last 24 hours.")]
    last_at: Annotated[datetime | None, Field(description="The last of them.")]


class PolicyPoint(Model):
    """Hits of a policy within one step."""

    time: datetime
    enforced: int
    observed: int


class PolicyDetail(Policy):
    """One policy with its hits over time and whom they concern."""

    points: list[PolicyPoint]
    addresses: Annotated[int, Field(description="Different addresses among its hits.")]
    subjects: Annotated[int, Field(description="Different verified subjects among its hits.")]
    hit_endpoints: Annotated[list[Counted], Field(description="Endpoints most hit, `METHOD /path`.")]
    succeeded: Annotated[
        int,
        Field(description="Observe-mode hits that the API answered below 400."),
    ]


class Signal(Model):
    """What detection says of one key now."""

    kind: str
    key_type: str
    key: str
    score: float
    peak_score: float
    severity: str
    title: str
    detector: str
    first_at: datetime
    last_at: datetime
    expires_at: datetime
    raised: int
    evidence: list[Row]


class Detector(Model):
    """A detector and how it runs."""

    name: str
    kind: str
    enabled: bool
    runs: int
    failures: int
    last_error: str
    last_ms: float
    signals: int
    problem: Annotated[str, Field(description='Why it does not keep its beat; "" when it does.')] = ""
    behind_s: Annotated[float, Field(description="Age of the newest events that it judged, in seconds.")] = (
        0.0
    )
    owed: Annotated[int, Field(description="Windows that it will judge late.")] = 0
    parts: Annotated[
        int, Field(description="1 when each query judges everything; more: so much smaller, after a limit.")
    ] = 1


class QuestionSetting(Model):
    """A setting of a detector or a check: a threshold, or a detector's `probe`."""

    name: str
    value: float | int | str
    default: float | int | str
    description: str


class DetectorDetail(Model):
    """All about one detector."""

    name: str
    kind: Annotated[str, Field(description="Kind of the signals that it raises.")]
    title: Annotated[str, Field(description="Title of its alerts; `{column}` becomes the row's value.")]
    description: str
    watches: str
    key_type: Annotated[list[str], Field(description="What its signals may be about.")]
    window_s: Annotated[float, Field(description="Seconds that one run looks back.")]
    every_s: Annotated[float, Field(description="Seconds from one run to the next.")]
    ttl_s: Annotated[float, Field(description="Seconds that a signal holds without being raised again.")]
    severity: str
    score: Annotated[str, Field(description="How the score comes about.")]
    settings: list[QuestionSetting]
    sql: str
    file: Annotated[str, Field(description="Its file; empty for those that come with Starfort.")]
    builtin: bool


class DetectorHit(Model):
    """A key that a detector signals, or would have signalled."""

    kind: str
    key_type: str
    key: str
    score: Annotated[float, Field(description="The highest, from 0 to 1.")]
    title: str
    severity: str
    first_at: datetime
    last_at: datetime
    runs: Annotated[int, Field(description="Runs that had it.")]
    evidence: Annotated[list[Row], Field(description="Rows of the run with the highest score.")]


class DetectorTest(Model):
    """One run of a detector, now."""

    name: str
    took_ms: float
    left_out: Annotated[int, Field(description="Rows beyond what one run may return.")]
    hits: list[DetectorHit]


class DetectorBacktest(Model):
    """Runs of a detector over the past."""

    name: str
    since: datetime
    until: Annotated[
        datetime, Field(description="How far it came: ask again from here when it is too early.")
    ]
    runs: int
    hits: list[DetectorHit]


class Check(Model):
    """A posture check and how it runs."""

    name: str
    bastion: Annotated[str, Field(description="The bastion that it belongs to.")]
    source: Annotated[
        Literal["query", "catalogue"], Field(description="Whether a query answers it, or the catalogue.")
    ]
    severity: Annotated[list[Severity], Field(description="Severities that its findings may have.")]
    owasp: Annotated[
        str, Field(description='Risk of the OWASP API Security Top 10, such as API8:2023; "" for none.')
    ] = ""
    runs: int = 0
    failures: int = 0
    last_error: Annotated[str, Field(description='Why its last run failed; "" when it did not.')] = ""
    last_ms: float = 0.0
    last_run: Annotated[
        datetime | None, Field(description="When it ran last; null before its first run.")
    ] = None
    findings: Annotated[int, Field(description="Findings of its last run.")] = 0
    parts: Annotated[
        int,
        Field(description="1 when each query judges its whole window; more: so much less, after a limit."),
    ] = 1


class CheckDetail(Model):
    """All about one check."""

    name: str
    bastion: Annotated[str, Field(description="The bastion that it belongs to.")]
    title: Annotated[str, Field(description="Title of its findings; `{column}` becomes the row's value.")]
    why: Annotated[str, Field(description="What is wrong about its findings.")]
    fix: Annotated[str, Field(description="What to do about them.")]
    severity: Annotated[list[Severity], Field(description="Severities that its findings may have.")]
    window_s: Annotated[float, Field(description="Seconds that one run looks back; 0 without a query.")]
    every_s: Annotated[float, Field(description="Seconds from one run to the next; 0 without a query.")]
    settings: list[QuestionSetting]
    sql: Annotated[str, Field(description="Its query; empty when the catalogue answers it.")]
    file: Annotated[str, Field(description="Its file; empty for those that come with Starfort.")]
    builtin: bool


class CheckFinding(Model):
    """What a check finds in a trial run."""

    severity: Severity
    api: str
    endpoint_id: Annotated[str, Field(description="Empty when it is about the whole API.")]
    title: str
    evidence: Row
    first_seen: Annotated[datetime, Field(description="Earliest call that shows it.")]
    last_seen: Annotated[datetime, Field(description="Latest one.")]


class CheckTest(Model):
    """One run of a check, now."""

    name: str
    took_ms: float
    left_out: Annotated[int, Field(description="Rows beyond what one run may return.")]
    findings: list[CheckFinding]


class Alert(Model):
    """Something that a person should look at."""

    id: str
    kind: str
    severity: str
    title: str
    subject: str
    evidence: list[Row]
    first_at: datetime
    last_at: datetime
    count: int
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    score: Annotated[float | None, Field(description="Highest score so far; null for what has none.")] = None
    members: Annotated[int, Field(description="Keys that are part of it.")] = 1
    ended_at: Annotated[
        datetime | None, Field(description="When it ended; null while it goes on, and for what has no end.")
    ] = None
    muted: Annotated[bool, Field(description="Whether a mute keeps it from asking for attention.")] = False


class AlertPage(Model):
    """Alerts, latest first."""

    items: list[Alert]
    next_offset: Annotated[int | None, Field(description="Give it as `offset` for the next page.")]


class AlertPoint(Model):
    """Alerts first raised within one step, by severity."""

    time: datetime
    counts: dict[str, int]


class EventFinding(Model):
    """The code of a finding or an anomaly of requests, and where it was seen."""

    code: str
    source: Literal["finding", "anomaly"]
    events: int
    endpoints: int
    addresses: int
    stopped: int
    last_seen: datetime
    match: Annotated[
        RuleMatch | None, BeforeValidator(match_of), Field(description="Of a rule its latest match.")
    ] = None


class PostureFinding(Model):
    """What is wrong with one endpoint or API as it stands."""

    code: Annotated[str, Field(description="The check that found it, such as open_endpoint.")]
    bastion: Annotated[str, Field(description="The bastion whose check it is.")]
    severity: Severity
    api: str
    endpoint_id: Annotated[str, Field(description="Empty when it is about the whole API.")]
    title: str
    why: Annotated[str, Field(description="What is wrong about it and what to do.")]
    owasp: Annotated[
        str, Field(description='Risk of the OWASP API Security Top 10, such as API8:2023; "" for none.')
    ] = ""
    evidence: Row
    first_seen: Annotated[datetime, Field(description="Earliest call that shows it.")]
    last_seen: Annotated[datetime, Field(description="Latest one.")]


class Deviation(Model):
    """One way in which traffic leaves an API's document."""

    code: Annotated[str, Field(description="What it is, such as undocumented_parameter.")]
    method: str
    path: Annotated[str, Field(description="The document's template, or the one that was seen.")]
    where: Annotated[str, Field(description='The part, such as "query parameter page"; may be empty.')]
    text: Annotated[str, Field(description="A sentence about it.")]


class AttentionItem(Model):
    """One thing that waits for a person."""

    severity: Severity
    title: str
    detail: str
    link: Annotated[str, Field(description="Where the dashboard shows it.")]
    count: int = 1
