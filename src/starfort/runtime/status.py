"""The answers of `Runtime.status()` and similar methods, as plain data for API, dashboard and CLI."""

from __future__ import annotations

from dataclasses import dataclass, field

from starfort.dataplane.envoy.status import EnvoyStatus

__all__ = [
    "ConfigStatus",
    "DetectorStatus",
    "EnvoyStatus",
    "NodeStatus",
    "PolicyStatus",
    "ReloadResult",
    "Status",
    "StoreStatus",
]


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """One Envoy with Starfort's filter.

    Attributes:
        node: its name.
        pid: process id of Envoy.
        connected: whether its filter's connection stands.
        filter_version: version of the filter.
        envoy_abi: ABI string of its Envoy.
        bundle: version of the bundle in force there.
        bundle_error: why the last bundle was refused, "" when it was not.
        seen_at: Unix seconds of its last frame.
        requests_per_s: requests a second over the last seconds.
        events_dropped: events that its buffer had no room for.
        signals_active: signals in its table.
        counters: every counter of its filter.
        bundle_since: Unix seconds when that bundle came into force there, 0 when this is not known.
        bundle_awaited: version that it was asked to load and has not answered about, "" when there is none.
        events_waiting: calls whose events are still in the filter.
    """

    node: str
    pid: int
    connected: bool
    filter_version: str
    envoy_abi: str
    bundle: str
    bundle_error: str
    seen_at: float
    requests_per_s: float
    events_dropped: int
    signals_active: int
    counters: dict[str, float] = field(default_factory=dict)
    bundle_since: float = 0.0
    bundle_awaited: str = ""
    events_waiting: int = 0


@dataclass(frozen=True, slots=True)
class ConfigStatus:
    """Which configuration is in force, and whether a newer one was refused.

    Attributes:
        path: the file.
        bundle: version of the bundle that was made from it.
        loaded_at: Unix seconds when it came into force.
        errors: how often a newer one was refused since start.
        last_error: why the file as it is now was refused; "" when it is in force.
        last_error_at: Unix seconds of that refusal, 0 without one.
        rules: versions of the rule sets in it.
        warnings: its parts that have no effect and may be meant to have one.
    """

    path: str
    bundle: str
    loaded_at: float
    errors: int
    last_error: str
    last_error_at: float
    rules: str = ""
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """How well the store keeps up with events.

    Attributes:
        events_stored: rows stored since start.
        events_per_s: rows stored a second over the last seconds.
        events_dropped: calls whose events were lost since start, in filters or on the way to the store.
        lag_s: seconds that detection is behind: the time since the end of the oldest call that is not in the
            store, including calls whose events wait in filters.
        spool_bytes: bytes that wait in the spool.
        error: why the last insert failed, "" when it did not.
        events_waiting: calls whose events wait in connected filters.
        missing_s: seconds of earlier time whose events still wait, because newer ones were stored first.
        missing_events: how many events these are.
        thinned: what is left out of the newest events: 0 nothing, 1 details, n all but one of n ordinary
            calls.
    """

    events_stored: int
    events_per_s: float
    events_dropped: int
    lag_s: float
    spool_bytes: int
    error: str = ""
    events_waiting: int = 0
    missing_s: float = 0.0
    missing_events: int = 0
    thinned: int = 0


@dataclass(frozen=True, slots=True)
class DetectorStatus:
    """How one detector runs.

    Attributes:
        name: its name.
        kind: what it signals.
        enabled: whether it runs.
        runs: runs since start.
        failures: runs that failed since start.
        last_error: why the last run failed, "" when it did not.
        last_ms: duration of the last run.
        signals: signals that it raised since start.
        problem: why it does not keep its beat, "" when it does.
        behind_s: age of the newest events that it judged, 0 before it judged any.
        owed: windows that it will still judge, because of a pause or because events came late.
        parts: 1 when each query judges everything; n when each judges one part of n, after one hit a limit.
    """

    name: str
    kind: str
    enabled: bool
    runs: int
    failures: int
    last_error: str
    last_ms: float
    signals: int
    problem: str = ""
    behind_s: float = 0.0
    owed: int = 0
    parts: int = 1


@dataclass(frozen=True, slots=True)
class PolicyStatus:
    """One policy with what it did, or would have done.

    Attributes:
        name: its name.
        order: place in the list, from 0.
        mode: `observe` or `enforce`.
        action: name of its action: `block`, `limit`.
        when: its condition, as written.
        apis: APIs it is for; empty: all.
        endpoints: endpoints it is for, as written; empty: all.
        enforced: requests on which it acted within the last day.
        observed: requests on which it would have acted within the last day.
        last_at: Unix seconds of the last of them, 0 without one.
    """

    name: str
    order: int
    mode: str
    action: str
    when: str
    apis: list[str]
    endpoints: list[str]
    enforced: int
    observed: int
    last_at: float


@dataclass(frozen=True, slots=True)
class Status:
    """Everything that `starfort status` shows.

    Attributes:
        version: version of Starfort.
        node: name of this node.
        pid: this process.
        started_at: Unix seconds.
        uptime_s: seconds since then.
        healthy: whether nothing needs the attention of a person.
        problems: everything that needs it, a sentence for each.
        config: the configuration.
        envoy: the state of Envoy.
        nodes: filters that are or were connected.
        store: the store.
        detectors: the detectors.
        signals_active: active signals.
        alerts_open: alerts that nobody has acknowledged, by severity.
        alerts_dropped: alerts that a channel did not take.
        endpoints: endpoints in the catalogue.
    """

    version: str
    node: str
    pid: int
    started_at: float
    uptime_s: float
    healthy: bool
    problems: list[str]
    config: ConfigStatus
    envoy: EnvoyStatus
    nodes: list[NodeStatus]
    store: StoreStatus
    detectors: list[DetectorStatus]
    signals_active: int
    alerts_open: dict[str, int]
    alerts_dropped: int
    endpoints: int


@dataclass(frozen=True, slots=True)
class ReloadResult:
    """The result of a reload.

    Attributes:
        ok: whether the file as it is now is in force.
        bundle: version of the bundle in force.
        problems: why it was refused, as shown to people; empty when ok.
        refused_by: filters that refused the bundle, `node (pid): why`.
        took_ms: from reading the file to the last filter's answer.
        unanswered: filters that have not answered yet and are asked again, `node (pid): why`.
        warnings: parts of the file that have no effect and may be meant to have one.
    """

    ok: bool
    bundle: str
    problems: list[str]
    refused_by: list[str]
    took_ms: float
    unanswered: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
