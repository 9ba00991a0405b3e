"""The engine for Python: the pipeline that runs inside Envoy, on described requests.

Exceptions:

    Exception
    └── EngineError           .code: stable snake-case code, one of ERROR_CODES
        ├── BundleError       the bundle's bytes, or what they say
        └── GeoDatabaseError  a MaxMind database
"""

from collections.abc import Sequence
from typing import Any, Literal, NotRequired, TypedDict, final, type_check_only

__all__ = [
    "ERROR_CODES",
    "VERSION",
    "BundleError",
    "Engine",
    "EngineError",
    "GeoDatabaseError",
    "Recorder",
    "RuleSet",
    "check_bundle",
    "normalise_path",
]

VERSION: str
"""Version of the engine, the package's own."""

ERROR_CODES: tuple[str, ...]
"""Every `EngineError.code`."""

class EngineError(Exception):
    """The engine refused its input."""

    code: str
    """Stable snake-case code."""

class BundleError(EngineError):
    """The bundle's bytes, or what they say, are wrong."""

class GeoDatabaseError(EngineError):
    """A MaxMind database cannot be read."""

@type_check_only
class SignalDescription(TypedDict):
    """A signal, as in the control socket's `signals` frame."""

    kind: str
    """As detectors name it."""
    key_type: str
    """`address`, `network`, `fingerprint`, `ja4`, `subject`, `credential`, `account`, `password`, `session`,
    `campaign` or `stranger`."""
    key: str
    score: float
    """0 to 1."""
    ttl_ms: int
    """How long it is active, milliseconds."""
    probe: NotRequired[float]
    """Share of calls that pass, 0 to 1; default 0."""
    spare_known: NotRequired[bool]
    """Whether log-ins pass whose account succeeded before from there; default `False`."""

@type_check_only
class SignalKey(TypedDict):
    """Which signal, as in the control socket's `signals` frame."""

    kind: str
    key_type: str
    key: str

@type_check_only
class ResponseDescription(TypedDict, total=False):
    """What the upstream answers."""

    status: int
    """Default 200."""
    headers: Sequence[tuple[str | bytes, str | bytes]] | dict[str, str]
    body: str | bytes

@type_check_only
class RequestDescription(TypedDict, total=False):
    """A request as a client sends it. Every member has a default."""

    method: str
    """Default `GET`."""
    url: str | bytes
    """`https://host/path?query`, or the path alone (scheme `http`). Default `/`."""
    headers: Sequence[tuple[str | bytes, str | bytes]] | dict[str, str]
    """In the order sent. `Host` overrides the URL's; `x-starfort-*` is dropped, as Envoy drops it."""
    body: str | bytes
    address: str
    """Of the direct peer (a trusted proxy's, where one is); default `127.0.0.1`."""
    protocol: str
    """`HTTP/1.0`, `HTTP/1.1` (default), `HTTP/2` or `HTTP/3`."""
    id: str
    """`x-request-id`, which Envoy makes."""
    ja4: str
    """TLS fingerprint, which Envoy makes."""
    client_certificate: str
    """Subject of a client certificate that Envoy verified."""
    jwt_claims: dict[str, object]
    """Claims of a JWT that Envoy verified."""
    response: ResponseDescription
    """What the upstream would answer; without it, response policies are not asked."""

@type_check_only
class LocalAnswer(TypedDict):
    """An answer of Starfort's own."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

@type_check_only
class PolicyTrace(TypedDict):
    """What one policy said."""

    policy: str
    phase: Literal["request", "response"]
    mode: Literal["observe", "enforce"]
    action: Literal["allow", "tag", "limit", "block", "divert", "deceive", "delay", "mask"]
    outcome: str
    """`expired`, `not_for_this_api`, `not_for_this_endpoint`, `no_match`, `error`, `within_limit`,
    `observed`, `applied`, `not_reached` (an earlier policy ended the list) or `not_asked`
    (its phase did not come)."""
    matched: bool | None
    """Whether the condition held; `None` when it was not asked or was an error."""
    error: str
    """Why the condition was an error: `no_such_key`, `overflow`, `divide_by_zero`, `conversion` or
    `no_such_overload`; "" when it was none."""

@type_check_only
class ExplainedRequest(TypedDict):
    """The request as it was understood."""

    method: str
    scheme: str
    host: str
    path: str
    """Normalised."""
    protocol: str
    content_type: str
    api: str
    """Name, "" when none matched."""

@type_check_only
class ExplainedEndpoint(TypedDict):
    """The endpoint that was called."""

    id: str
    method: str
    path: str
    """Template."""
    labels: list[str]
    """Its own and its API's."""
    documented: bool

@type_check_only
class ExplainedReading(TypedDict):
    """Another way in which servers could read the path."""

    path: str
    endpoint: str
    """`METHOD /path/{template}` of the endpoint whose policies are asked, "" when it is of none."""

@type_check_only
class ExplainedClient(TypedDict):
    """Who called, as the network shows it."""

    address: str
    country: str
    continent: str
    asn: int
    as_organization: str
    ja4: str
    fingerprint: str
    user_agent: str
    bot: str
    bot_name: str

@type_check_only
class ExplainedIdentity(TypedDict):
    """Who called, as credentials prove it."""

    kind: Literal["none", "jwt", "api_key", "mtls"]
    verified: bool
    subject: str
    issuer: str
    provider: str
    scopes: list[str]
    error: str
    auth_seen: list[str]

@type_check_only
class ExplainedSignal(TypedDict):
    """A signal that is active for the request."""

    kind: str
    score: float

@type_check_only
class Explanation(TypedDict):
    """What Starfort did with a request, and why."""

    action: Literal["allow", "limit", "block", "divert", "deceive"]
    """What ended the list of policies; `allow` when nothing did."""
    policy: str
    """Which policy did, "" when none."""
    answer: LocalAnswer | None
    """What the client gets instead of the upstream's answer."""
    upstream: str
    """Cluster that is asked, "" when none is."""
    tags: list[list[str]]
    """Names and values of headers set for the upstream."""
    delay_ms: int
    """How long the request is held first, milliseconds."""
    masked_body: bytes | None
    """The response's body as the client gets it, when masking changed it."""
    done: list[str]
    """Actions that do not end the list and were done, `action:policy`."""
    observed: list[str]
    """What policies in observe mode would have done, `action:policy`."""
    policies: list[PolicyTrace]
    """Every policy of the bundle, in order."""
    request: ExplainedRequest
    endpoint: ExplainedEndpoint | None
    readings: list[ExplainedReading]
    client: ExplainedClient
    identity: ExplainedIdentity
    signals: list[ExplainedSignal]
    findings: list[str]
    contract: list[str]
    """What breaks the contract of the API: `request:body/type:/items/*/price`."""
    anomalies: list[str]
    sensitive_request: list[str]
    sensitive_response: list[str]
    event: dict[str, object]
    """The row that goes to the control plane, see docs/events.md; `time` in Unix microseconds, `address` as
    text."""

@type_check_only
class CheckedBundle(TypedDict):
    """A good bundle's version and the sizes of its parts."""

    version: str
    node: str
    created_ms: int
    """When it was written, Unix milliseconds."""
    apis: int
    endpoints: int
    policies: int
    lists: int
    bots: int
    responses: int
    signal_kinds: int
    rules_bytes: int

@final
class Engine:
    """The engine of one bundle, with signals and rate counters of its own. Safe to share between threads."""

    def __new__(
        cls,
        bundle: bytes,
        *,
        country: bytes | None = None,
        asn: bytes | None = None,
        every_shape: bool = True,
    ) -> Engine:
        """Compile a bundle.

        Args:
            bundle: A bundle file's bytes, header included.
            country: Bytes of a MaxMind country or city database.
            asn: Bytes of a MaxMind ASN database.
            every_shape: Whether each call has its shapes; otherwise those that show something new.

        Raises:
            BundleError: The bytes are damaged or contradict themselves.
            GeoDatabaseError: A database cannot be read.
        """

    @property
    def version(self) -> str:
        """Version of the bundle."""

    def signals(
        self,
        set: Sequence[SignalDescription],
        *,
        clear: Sequence[SignalKey] = ...,
        now_ms: int | None = None,
    ) -> int:
        """Set signals, all or none, as the control socket's `signals` frame does.

        Args:
            set: What to set; a signal of the same kind and key is replaced.
            clear: What to remove then.
            now_ms: From when their time to live counts, Unix milliseconds; default: now.

        Returns:
            How many signals the engine holds.

        Raises:
            ValueError: An unknown `key_type`, or a score or share that is not in 0..1.
        """

    def known(self, hashes: bytes) -> None:
        """Tell who logged in before, as the control socket's `known` frame does.

        A described log-in that the upstream answers with 2xx or 3xx is remembered too.

        Args:
            hashes: 8 bytes each, little endian: column `hash` of `login_known`.
        """

    def explain(self, request: RequestDescription, *, now_ms: int | None = None) -> Explanation:
        """Take a described request through the pipeline that Envoy's requests take.

        Rate limits count the request, in this engine only: asking often enough exceeds them. Other threads
        run meanwhile.

        Args:
            request: What the client sends, and what the upstream answers.
            now_ms: The time to decide at, Unix milliseconds; default: now.

        Raises:
            TypeError: A member has the wrong type.
            ValueError: A member is unknown, or is no URL, address or protocol.
        """

@type_check_only
class RecordedCall(TypedDict):
    """A call that is over, as its source describes it."""

    time_us: int
    """When the request began, Unix microseconds."""
    duration_us: int
    """At most 2^32 - 1."""
    id: bytes
    """Id of the request, where its headers have none."""
    method: bytes
    scheme: bytes
    host: bytes
    """Host, and port if there is one."""
    target: bytes
    """Path and query, as sent."""
    protocol: str
    """`HTTP/1.0`, `HTTP/1.1`, `HTTP/2` or `HTTP/3`."""
    address: str
    """Of the direct peer."""
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes
    request_bytes: int | None
    """Length of the whole body; `None`: that of `body`."""
    status: int | None
    """`None`: nothing is known of the response."""
    response_headers: Sequence[tuple[bytes, bytes]]
    response_body: bytes
    response_bytes: int | None
    unseen: Sequence[str]
    """`request_headers`, `request_body`, `response`, `response_headers`, `response_body`."""

@final
class Recorder:
    """Makes event rows of calls that passed elsewhere. No policy acts. Safe to share between threads."""

    def __new__(
        cls,
        bundle: bytes,
        *,
        country: bytes | None = None,
        asn: bytes | None = None,
        before: Recorder | None = None,
    ) -> Recorder:
        """Compile a bundle. Exceptions are those of `Engine`.

        Args:
            bundle: A bundle file's bytes, header included.
            country: Bytes of a MaxMind country or city database.
            asn: Bytes of a MaxMind ASN database.
            before: A recorder whose state goes on in this one, rules that did not change included.
        """

    @property
    def version(self) -> str:
        """Version of the bundle."""

    def record(self, calls: Sequence[RecordedCall], *, source: str, node: str = "") -> bytes:
        """The rows of some calls, in their order. Other threads run meanwhile.

        Args:
            calls: what was seen.
            source: where it was seen, column `source` of events.
            node: column `node`; "": the bundle's.

        Returns:
            An Arrow IPC stream with the columns of docs/events.md.

        Raises:
            TypeError, KeyError: a call has the wrong form.
            ValueError: an address, protocol or word is unknown.
        """

@final
class RuleSet:
    """SecLang rules over described requests, without the rest of the pipeline."""

    def __new__(cls, compiled: bytes) -> RuleSet:
        """Load compiled rules (`starfort.threats.seclang.load` makes them).

        Raises:
            ValueError: They cannot run; the message names file, line and rule.
        """

    def describe(self) -> dict[str, Any]:
        """`signatures`; how many `rules`, `chains` and `literals`; `prefilter_bytes`."""

    def inspect(
        self,
        request: dict[str, Any],
        response: dict[str, Any] | None = None,
        *,
        variables: dict[str, dict[str, str]] | None = None,
        exhaustive: bool = False,
        verbose: bool = True,
    ) -> dict[str, Any]:
        """Take a request and its response through all phases.

        Args:
            request: `method`, `uri`, `protocol`, `headers` (pairs), `body`, `remote_addr`, and optionally
                `remote_port`, `server_addr`, `server_port`, `unique_id`, `now_us`.
            response: `status`, `headers`, `body`, `protocol`, `reason`; without it there is none.
            variables: `{"tx": {name: text}}`, set before phase 1.
            exhaustive: Ask every rule, to compare with.
            verbose: Tell of rules that are not for the log too; off, rules are chosen as for traffic.

        Returns:
            `matched`, `tx`, `score`, `outbound_score`, `severity`, `interruption`, `request_body_processor`
            and `reqbody_error`.

        Raises:
            ValueError: A member has the wrong form.
        """

def check_bundle(bundle: bytes, /) -> CheckedBundle:
    """Check a bundle file's bytes as an engine that loads them would.

    Raises:
        BundleError: The bytes are damaged or contradict themselves.
    """

def normalise_path(path: str, /) -> str:
    """The path as policies and the catalogue see it: decoded once, without dot segments and empty segments.

    Args:
        path: As sent, without query; at most 16 KiB are looked at.
    """
