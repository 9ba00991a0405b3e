"""What people write in `starfort.yaml`; `docs/configuration.md` is made from the descriptions here."""

from __future__ import annotations

import platform
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from starfort.config.action import Action
from starfort.config.connections import Connections, ProxyProtocol
from starfort.config.fields import (
    Address,
    Duration,
    Expiry,
    HeaderName,
    HeaderValue,
    Model,
    Name,
    Network,
    Size,
)


def _host(value: str) -> str:
    """As requests name it once the engine has read them: lower case, without the root's dot."""
    return value.lower().removesuffix(".")


class Secret(Model):
    """A secret, by file or environment variable; never inline."""

    file: Path | None = None
    """File whose content (without the last line end) is the secret."""
    env: str | None = None
    """Environment variable that holds it."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.file is None) == (self.env is None):
            raise ValueError("give exactly one of file and env")
        return self


class ListenerTls(Model):
    """TLS towards clients. Files are read by Envoy, which notices when they are replaced."""

    certificate: Path
    """PEM chain."""
    key: Path
    """PEM private key."""
    client_ca: Path | None = None
    """PEM of the authorities that client certificates are verified against."""
    client_certificate: Literal["optional", "required"] = "optional"
    """Whether clients must show a certificate; needs `client_ca`."""
    min_version: Literal["1.2", "1.3"] = "1.2"
    """Lowest TLS version."""


class Listener(Model):
    """Where clients connect."""

    name: Name
    """Unique name."""
    address: Address
    """Host and port to listen on."""
    tls: ListenerTls | None = None
    """Without it the listener speaks plain HTTP."""
    http2: bool = True
    """Offer HTTP/2 (by ALPN; without TLS by prior knowledge)."""
    proxy_protocol: ProxyProtocol | None = None
    """The PROXY protocol, which load balancers speak that pass connections on; default: not spoken."""


class Retries(Model):
    """When a request is sent to an upstream again."""

    attempts: Annotated[int, Field(ge=0, le=10)] = 0
    """Tries after the first."""
    on: list[
        Literal[
            "connect-failure",
            "refused-stream",
            "reset-before-request",
            "gateway-error",
            "5xx",
            "retriable-4xx",
        ]
    ] = ["connect-failure", "refused-stream"]
    """Envoy's retry conditions."""


class HealthCheck(Model):
    """How an upstream's members are found to be alive."""

    path: Annotated[str, Field(pattern=r"^/")] = "/"
    """What is asked with GET."""
    interval: Duration = timedelta(seconds=5)
    """Time between checks."""
    timeout: Duration = timedelta(seconds=1)
    """How long an answer may take."""
    healthy: Annotated[int, Field(ge=1, le=100)] = 2
    """Answers in a row that bring a member back."""
    unhealthy: Annotated[int, Field(ge=1, le=100)] = 3
    """Failures in a row that take a member out."""


class UpstreamTls(Model):
    """TLS towards an upstream."""

    server_name: str | None = None
    """SNI, and the name that the certificate must have."""
    ca: Path | None = None
    """PEM of the authorities; default: the system's."""
    certificate: Path | None = None
    """Client certificate to show, with `key`."""
    key: Path | None = None
    """Its key."""

    @model_validator(mode="after")
    def _pair(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together")
        return self


class Upstream(Model):
    """Servers that answer."""

    name: Name
    """Unique name; Envoy's cluster has it too."""
    addresses: Annotated[list[Address], Field(min_length=1, max_length=1000)]
    """`host:port` of each member."""
    connect_timeout: Duration = timedelta(seconds=5)
    """How long a connection may take."""
    timeout: Duration = timedelta(seconds=15)
    """How long a whole answer may take; 0s: no limit (streams)."""
    retries: Retries = Retries()
    """Trying again."""
    health_check: HealthCheck | None = None
    """Without it members are trusted to be alive."""
    tls: UpstreamTls | None = None
    """Without it plain HTTP."""
    http2: bool = False
    """Speak HTTP/2 to it."""


OverLimit = Annotated[
    Literal["refuse", "pass"],
    BeforeValidator(lambda value: "refuse" if value == "reject" else value),
]
"""What becomes of a request that is over a limit; `reject` is the older word for `refuse`."""

_Uri = Annotated[Size, Field(ge=1, le=1 << 20)]
_Headers = Annotated[int, Field(ge=1, le=1000)]
_Body = Annotated[Size, Field(ge=0, le=256 << 20)]
_Decompressed = Annotated[Size, Field(ge=0, le=1 << 30)]
_Ratio = Annotated[int, Field(ge=1, le=10_000)]
_Depth = Annotated[int, Field(ge=1, le=10_000)]
_Count = Annotated[int, Field(ge=1, le=1_000_000)]
_Parts = Annotated[int, Field(ge=1, le=10_000)]
_Rate = Annotated[Size, Field(ge=0, le=1 << 30)]
_Work = Annotated[int, Field(ge=1, le=10_000_000_000)]


class Limits(Model):
    """How much of a request is inspected.

    What is over a limit is a finding (`over_limit`, with the anomaly that names the limit), and `over_limit`
    says what becomes of the request. The defaults are so large that ordinary traffic does not meet them.
    """

    uri: _Uri = 16 * 1024
    """Bytes of path and query. Common servers and load balancers take 8 to 16 KiB."""
    headers: _Headers = 100
    """Number of request headers; as many as Apache httpd takes (LimitRequestFields)."""
    header: _Uri = 16 * 1024
    """Bytes of one header. Common servers and load balancers take 8 to 16 KiB."""
    request_body: _Body = 2 << 20
    """Bytes of a request body that are held and inspected: twice what bulk imports send."""
    response_body: _Body = 1 << 20
    """Bytes of a response body that are inspected."""
    decompressed: _Decompressed = 8 << 20
    """Bytes after decompression: four times `request_body`, as JSON and text compress well."""
    decompression_ratio: _Ratio = 100
    """Decompressed over compressed size, from 64 KiB on; text compresses to a tenth, logs to a thirtieth."""
    depth: _Depth = 64
    """Nesting of JSON and XML; documents of real APIs have 20 levels at most."""
    query_parameters: _Count = 1000
    """Parameters of the query; 16 KiB hold few more."""
    cookies: _Count = 200
    """Cookies; browsers keep 50 to 180 for a site (RFC 6265 asks for 50)."""
    body_parameters: _Count = 200_000
    """Parameters of the body (fields, JSON leaves, XML texts); 2 MiB of coordinates in JSON have 170,000."""
    multipart_parts: _Parts = 1000
    """Parts of a multipart body."""
    work: _Work = 200_000_000
    """Units of work for one request and its response; one is one to two nanoseconds of one core. 1 MiB of
    prose takes 80 to 150 million, 2 MB of JSON in a bulk import about 130 million; raise it where longer
    texts are ordinary."""
    over_limit: OverLimit = "refuse"
    """A request over a limit, of a type that is read (JSON, XML, form, fields of multipart, GraphQL, text):
    refuse it (413, 414, 431), or let it pass, with what is beyond inspected as far as it can be."""
    over_limit_files: OverLimit = "pass"
    """A file (a type that is not read, or in multipart) over `request_body`: let it pass, or answer 413."""
    body_wait: Duration = timedelta(seconds=30)
    """How long a request body is waited for before `body_rate` counts. A phone may lose its network on the
    way; Apache httpd waits 20 s (mod_reqtimeout)."""
    body_rate: _Rate = 240
    """Least bytes of a request body per second. Each one earns the body more time beyond `body_wait`, so that
    a pause does no harm to who sent enough before. Slower: 408. IIS and Kestrel ask for as much; the slowest
    mobile networks (GPRS) carry ten times more. 0: any rate. gRPC, WebSocket and answers that have begun
    have no such limit."""
    body_time: Duration = timedelta(hours=6)
    """How long a whole request body may take, however much comes; longer: 408. 2 GB take 6 hours at 800
    kbit/s. 0s: any time."""


class ScopedLimits(Model):
    """Limits of one API or endpoint; what is not said is as in `limits`, for an endpoint as in its API."""

    uri: _Uri | None = None
    """Bytes of path and query."""
    headers: _Headers | None = None
    """Number of request headers."""
    header: _Uri | None = None
    """Bytes of one header."""
    request_body: _Body | None = None
    """Bytes of a request body that are held and inspected."""
    response_body: _Body | None = None
    """Bytes of a response body that are inspected."""
    decompressed: _Decompressed | None = None
    """Bytes after decompression."""
    decompression_ratio: _Ratio | None = None
    """Decompressed over compressed size."""
    depth: _Depth | None = None
    """Nesting of JSON and XML."""
    query_parameters: _Count | None = None
    """Parameters of the query."""
    cookies: _Count | None = None
    """Cookies."""
    body_parameters: _Count | None = None
    """Parameters of the body."""
    multipart_parts: _Parts | None = None
    """Parts of a multipart body."""
    work: _Work | None = None
    """Units of work for one request and its response."""
    over_limit: OverLimit | None = None
    """What becomes of a request of a type that is read."""
    over_limit_files: OverLimit | None = None
    """What becomes of a file."""
    body_wait: Duration | None = None
    """How long a request body is waited for before `body_rate` counts."""
    body_rate: _Rate | None = None
    """Least bytes of a request body per second; 0: any rate."""
    body_time: Duration | None = None
    """How long a whole request body may take; 0s: any time."""

    def over(self, wider: Limits) -> Limits:
        """These limits, with what they do not say taken from wider ones."""
        given = {
            name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None
        }
        return wider.model_copy(update=given)


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
    openapi: Path | None = None
    """OpenAPI 3 document, JSON or YAML."""
    labels: list[Name] = []
    """Labels of all its endpoints."""
    authentication: list[Name] = []
    """JWT providers whose tokens it accepts."""
    endpoints: list[EndpointSettings] = []
    """Endpoints with labels or limits."""
    limits: ScopedLimits | None = None
    """Limits of its own, for all its endpoints."""


class JwtProvider(Model):
    """An issuer of JWTs. Envoy verifies signature, issuer, audience and times."""

    name: Name
    """Unique name."""
    issuer: str
    """`iss` of its tokens."""
    audiences: list[str] = []
    """Accepted `aud`; none: any."""
    jwks_file: Path | None = None
    """Keys as a file."""
    jwks_url: Annotated[str, Field(pattern=r"^https?://")] | None = None
    """Keys to fetch, and to fetch again as they rotate."""
    jwks_ca: Path | None = None
    """PEM of the authorities for `jwks_url`; default: the system's."""
    subject_claim: str = "sub"
    """Claim that names the subject."""
    scopes_claim: str = "scope"
    """Claim with the scopes."""
    clock_skew: Duration = timedelta(seconds=60)
    """How far clocks may differ."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.jwks_file is None) == (self.jwks_url is None):
            raise ValueError("give exactly one of jwks_file and jwks_url")
        return self


class ApiKeySource(Model):
    """Where API keys are looked for: one of the three."""

    header: HeaderName | None = None
    """Header name."""
    query: str | None = None
    """Query parameter."""
    cookie: str | None = None
    """Cookie."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(value is not None for value in (self.header, self.query, self.cookie)) != 1:
            raise ValueError("give exactly one of header, query and cookie")
        return self


class ApiKey(Model):
    """A known API key, by its hash: `starfort apikey create` makes both."""

    subject: Annotated[str, Field(min_length=1, max_length=256)]
    """Who it belongs to."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the key, hexadecimal."""
    scopes: list[str] = []
    """What it may do."""
    expires: Expiry | None = None
    """When it ends."""


class ApiKeys(Model):
    """API keys."""

    sources: list[ApiKeySource] = [ApiKeySource(header="x-api-key")]
    """Where they are looked for, in order."""
    keys: list[ApiKey] = []
    """Known keys."""
    keys_file: Path | None = None
    """More of them: a YAML list in a file of its own."""


class Identity(Model):
    """How callers prove who they are."""

    jwt: list[JwtProvider] = []
    """JWT providers."""
    api_keys: ApiKeys | None = None
    """API keys."""
    mtls: bool = False
    """Accept the subject of a client certificate that a listener verified."""


class GeoFiles(Model):
    """MaxMind databases (GeoLite2, GeoIP2, or others in their format)."""

    country: Path | None = None
    """Country or City database."""
    asn: Path | None = None
    """ASN database."""


class AddressList(Model):
    """A named list of addresses and networks."""

    name: Name
    """Unique name, for `in_list(client.address, "NAME")`."""
    addresses: list[Network] = []
    """Addresses and networks."""
    file: Path | None = None
    """More of them, one a line; `#` begins a comment. At most a million in all."""


class CannedResponse(Model):
    """An answer for `deceive`."""

    name: Name
    """Unique name."""
    status: Annotated[int, Field(ge=200, le=599)]
    """HTTP status."""
    headers: dict[HeaderName, HeaderValue] = {}
    """Header names and values."""
    body: str = ""
    """Body."""


class Policy(Model):
    """When something is so, do something. First match by order."""

    name: Name
    """Unique name."""
    description: str = ""
    """For people."""
    apis: list[Name] | None = None
    """Only for these APIs."""
    endpoints: list[Annotated[str, Field(pattern=r"^([A-Z]+|\*) /\S*$")]] | None = None
    """Only for these endpoints: `METHOD /path/{template}`."""
    when: Annotated[str, Field(min_length=1, max_length=10_000)] = "true"
    """CEL condition, see docs/policies.md."""
    action: Action
    """What to do."""
    mode: Literal["observe", "enforce"] = "observe"
    """Only record what would be done, or do it."""
    expires: Expiry | None = None
    """When it ends."""


class Sensitive(Model):
    """Sensitive data that is looked for."""

    classes: list[str] = [
        "card_number",
        "iban",
        "email",
        "phone",
        "us_ssn",
        "jwt",
        "private_key",
        "cloud_key",
    ]
    """Classes; an empty list switches the stage off."""


class QuestionSettings(Model):
    """Queries that run again and again: which of them, and with which thresholds."""

    disabled: list[str] = []
    """Names of those that do not run."""
    files: list[str] = []
    """Your own ones: paths or globs of `.sql` files."""
    settings: dict[str, dict[str, float | int | str]] = {}
    """Thresholds, by the name of the detector or check."""


class Detectors(QuestionSettings):
    """Detectors, which look for abuse (docs/detectors.md)."""


class Checks(QuestionSettings):
    """Posture checks, which look for what is wrong with an API as it stands (docs/checks.md)."""


class LogAlerts(Model):
    """Alerts as JSON lines in the log."""


class WebhookAlerts(Model):
    """Alerts as HTTP POST."""

    url: Annotated[str, Field(pattern=r"^https?://")]
    """Where to."""
    secret_file: Path | None = None
    """Key of the HMAC-SHA-256 signature header."""
    secret_env: str | None = None
    """The same, by environment variable."""


class SyslogAlerts(Model):
    """Alerts as CEF over syslog (UDP, RFC 5424)."""

    address: Address
    """Where to."""


class AlertChannel(Model):
    """One channel."""

    log: LogAlerts | None = None
    """Log lines."""
    webhook: WebhookAlerts | None = None
    """HTTP."""
    syslog: SyslogAlerts | None = None
    """CEF."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("give exactly one of log, webhook and syslog")
        return self


class AdminTls(ListenerTls):
    """TLS of dashboard and REST API. Read at the start: after a change run `starfort restart`."""


class Admin(Model):
    """REST API and dashboard."""

    address: Address = "127.0.0.1:9443"
    """Where they listen. Read at the start: after a change run `starfort restart`."""
    metrics: bool = True
    """Serve `/metrics` there, without login."""
    tls: AdminTls | None = None
    """Certificate for it; without it plain HTTP. Where clients must show one of their own, Prometheus needs
    it too, and the command line works on this machine only."""
    hosts: list[
        Annotated[str, Field(pattern=r"^(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$", max_length=253)]
    ] = []
    """Names under which people reach it, besides addresses, localhost, this machine's own name and the names
    in `tls`'s certificate; `*.example.com` for one label. A request to any other name is refused (DNS
    rebinding)."""
    trusted_proxies: list[Network] = []
    """Addresses of proxies in front of it whose X-Forwarded-For and X-Forwarded-Proto are believed. Read at
    the start: after a change run `starfort restart`."""
    second_factor: list[Literal["viewer", "operator", "admin"]] = []
    """Roles that must have a second factor: who has none can do nothing but set one up."""


class Retention(Model):
    """How long things are kept."""

    events: Annotated[Duration, Field(ge=timedelta(seconds=1))] = timedelta(days=7)
    """Single events, sums by second, and everything that names callers."""
    rollups: Annotated[Duration, Field(ge=timedelta(seconds=1))] = timedelta(days=90)
    """Sums by minute and hour, which name no callers."""


class Health(Model):
    """When `starfort status` says that something needs a person."""

    lag: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(seconds=10)
    """Not healthy when a call that ended longer ago than this is not in the store, so that detection does not
    see it; and when events of more time than this wait that newer ones overtook. Detection is meant to judge
    within 3 s of an attack's first call; a busy machine takes longer now and then."""


Match = Annotated[str, Field(pattern=r"^([A-Z]+|\*) /\S*$")]
Paranoia = Annotated[int, Field(ge=1, le=4)]
Threshold = Annotated[int, Field(ge=1, le=10_000)]


class RuleScope(Model):
    """Rule settings of one API or one endpoint; what is not given is as for all."""

    api: Name | None = None
    """Name of an API."""
    endpoint: Match | None = None
    """`METHOD /path/{template}`; with `api` only there."""
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
    """Where a rule is wrong. The narrower the better: `starfort rules tune` proposes them."""

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
    """Refuses what a known hole needs, until the application is mended."""

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
    """When it ends: a patch is no place to stay."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.api is None and self.endpoint is None:
            raise ValueError("give api, endpoint or both")
        return self


class Rules(Model):
    """SecLang rules: OWASP CRS, Starfort's own, yours."""

    sets: list[Literal["crs"]] | None = None
    """Installed rule sets (`starfort rules install crs`); default: `crs` where it is installed."""
    profile: Literal["api", "web"] = "api"
    """The kind of traffic that CRS is set up for: `api` lets what APIs ordinarily send pass; `web` is CRS as
    it comes, for web sites. `docs/rules.md` says what differs and why."""
    api_rules: bool = True
    """Starfort's own rules for APIs."""
    places: bool = True
    """Rules for arguments also look at path segments, credentials, custom headers and decoded values."""
    before: list[str] = []
    """Your rule files that are read before the sets: settings. Paths or globs."""
    files: list[str] = []
    """Your rule files that are read after the sets: rules and exclusions. Paths or globs."""
    paranoia: Paranoia = 1
    """How suspicious the rules are, 1 to 4; more find more, and more that is no attack."""
    inbound_threshold: Threshold = 5
    """Score of a request from which it counts as an attack; one critical rule scores 5."""
    outbound_threshold: Threshold = 4
    """Score of a response from which it counts as a leak."""
    scopes: Annotated[list[RuleScope], Field(max_length=900)] = []
    """Other settings for single APIs and endpoints."""
    weigh_content: bool = True
    """Weigh by grammar what rules find in fields where people write; off: every match counts."""
    content_fields: Annotated[dict[FieldName, ContentKind], Field(max_length=1000)] = {}
    """What fields of a name hold at all endpoints, beside the names that are known: `haiku: prose`."""
    exclusions: Annotated[list[RuleExclusion], Field(max_length=2000)] = []
    """Where rules are wrong."""
    patches: Annotated[list[VirtualPatch], Field(max_length=1000)] = []
    """Virtual patches."""


class Drain(Model):
    """How long connections and requests live on that Starfort would rather end."""

    handover: Duration = timedelta(minutes=10)
    """Connections of an Envoy or a listener that was replaced. Never less than the longest `timeout` of an
    upstream; choose more than the longest stream (WebSocket, server-sent events) that must not be cut."""
    stop: Duration = timedelta(seconds=10)
    """Requests under way when Starfort is stopped."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not timedelta(seconds=1) <= self.handover <= timedelta(days=1):
            raise ValueError("handover must be between 1s and 1d")
        if not timedelta(0) <= self.stop <= timedelta(hours=1):
            raise ValueError("stop must be between 0s and 1h")
        return self


class Config(Model):
    """The whole file."""

    version: Literal[1]
    """Version of this format."""
    node: Name = Field(
        default_factory=lambda: re.sub(r"[^A-Za-z0-9_.-]", "-", platform.node())[:63] or "node"
    )
    """Name of this node; default: the host's."""
    data_dir: Path = Path("./var")
    """Store, spool, bundle, sockets. To move it, stop Starfort, move the folder, and start."""
    failure_mode: Literal["open", "closed"] = "open"
    """When the engine itself fails: let requests pass, or refuse them."""
    workers: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Envoy's worker threads; default: one a core."""
    drain: Drain = Drain()
    """How long the old lives beside the new."""
    listeners: Annotated[list[Listener], Field(min_length=1)]
    """Where clients connect."""
    upstreams: Annotated[list[Upstream], Field(min_length=1)]
    """Who answers."""
    apis: Annotated[list[Api], Field(min_length=1)]
    """The APIs."""
    identity: Identity = Identity()
    """How callers prove who they are."""
    trusted_proxies: list[Network] = []
    """Whose X-Forwarded-For is believed."""
    geo: GeoFiles = GeoFiles()
    """Country and network of addresses."""
    connections: Connections = Connections()
    """What clients' connections may do."""
    limits: Limits = Limits()
    """How much is inspected."""
    lists: list[AddressList] = []
    """Address lists."""
    responses: list[CannedResponse] = []
    """Canned answers."""
    sensitive: Sensitive = Sensitive()
    """Sensitive data."""
    rules: Rules = Rules()
    """SecLang rules."""
    policies: list[Policy] = []
    """Policies, in order."""
    detectors: Detectors = Detectors()
    """Detection."""
    checks: Checks = Checks()
    """Posture checks."""
    alerts: list[AlertChannel] = [AlertChannel(log=LogAlerts())]
    """Where alerts go."""
    admin: Admin = Admin()
    """REST API and dashboard."""
    retention: Retention = Retention()
    """How long things are kept."""
    health: Health = Health()
    """When status says that something is wrong."""
