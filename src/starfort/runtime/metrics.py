"""Renders everything that is measured in Prometheus' text format.

docs/metrics.md explains each metric, and a test compares the two.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Final, TypeAlias

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric

from starfort.dataplane.socket import Peer
from starfort.runtime.figures import IngestFigures
from starfort.runtime.metric_families import Labelled, MetricFamilies
from starfort.runtime.parts import Parts
from starfort.signals.runner import DetectorState

NANOSECONDS: Final = "_ns"
"""The end of the names of those counters of the filter that are times."""


DetectorFigure: TypeAlias = tuple[str, str, Callable[[DetectorState], float]]
"""Name of a metric, its description, and a function that reads it."""

_DETECTOR_COUNTERS: Final[tuple[DetectorFigure, ...]] = (
    ("detector_runs", "Runs of each detector.", lambda state: state.pace.runs),
    ("detector_failures", "Runs that failed.", lambda state: state.pace.failures),
    ("detector_seconds", "Time that runs took.", lambda state: state.pace.total_s),
    ("detector_skipped", "Beats at which it still ran.", lambda state: state.skipped),
    (
        "detector_retries",
        "Queries that hit a limit and were tried again smaller.",
        lambda state: state.pace.retries,
    ),
    (
        "detector_idle",
        "Beats that needed no query, as nothing was stored.",
        lambda state: state.skipped_idle,
    ),
    ("detector_late_windows", "Windows judged late.", lambda state: state.late_runs),
    (
        "detector_windows_given_up",
        "Windows that were owed and became too old or too many.",
        lambda state: state.backlog.given_up,
    ),
    ("detector_signals", "Signals yielded.", lambda state: state.signals),
)
_DETECTOR_GAUGES: Final[tuple[DetectorFigure, ...]] = (
    ("detector_windows_owed", "Windows that are owed.", lambda state: len(state.backlog)),
    (
        "detector_parts",
        "1 when each query judges everything, else how much smaller it is.",
        lambda state: state.pace.parts,
    ),
)


class StarfortCollector:
    """Reads the parts of a control plane whenever Prometheus asks.

    Args:
        parts: what is measured.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def collect(self) -> Iterator[Metric]:
        """Every family with its values now."""
        # Made anew for each scrape, so no counter is kept twice and none can differ from the part's own.
        families = MetricFamilies()
        self._traffic(families)
        self._filters(families)
        self._events(families)
        self._detection(families)
        self._signals(families)
        self._alerts(families)
        self._control(families)
        self._envoy(families)
        self._catalogue(families)
        self._sources(families)
        self._checks(families)
        yield from families

    def _sources(self, families: MetricFamilies) -> None:
        sources = list(self._parts.sources)
        families.counter(
            "source_calls",
            "Calls of other proxies that were taken in.",
            (({"source": each.settings.name, "kind": each.kind}, each.counts.taken) for each in sources),
        )
        families.counter(
            "source_calls_dropped",
            "Calls of other proxies that were left out.",
            (
                ({"source": each.settings.name, "kind": each.kind, "reason": reason}, count)
                for each in sources
                for reason, count in sorted(each.counts.dropped.items())
            ),
        )
        families.counter(
            "source_bodies_cut",
            "Bodies of which only the beginning was looked at.",
            (({"source": each.settings.name, "kind": each.kind}, each.counts.cut) for each in sources),
        )
        families.counter("imported_calls", "Calls taken in from files.", [({}, self._parts.imports.rows)])

    def _traffic(self, families: MetricFamilies) -> None:
        counts = self._parts.traffic
        families.counter(
            "requests",
            "Requests whose events arrived.",
            (
                ({"node": node, "api": api, "status": status}, count)
                for (node, api, status), count in sorted(counts.requests.items())
            ),
        )
        families.counter(
            "decisions",
            "What policies did (mode enforce) and would have done (mode observe).",
            (
                ({"action": action, "policy": policy, "mode": mode}, count)
                for (action, policy, mode), count in sorted(counts.decisions.items())
            ),
        )
        families.histogram("engine_seconds", "Time a request spent in Starfort's filter.", counts.engine)
        families.histogram("request_seconds", "Time from request head to end of stream.", counts.duration)

    def _filters(self, families: MetricFamilies) -> None:
        peers = self._parts.socket.peers
        families.gauge(
            "filter_connected", "1 while the filter's connection stands.", _each(peers, "connected")
        )
        families.gauge(
            "filter_bundle_timestamp_seconds",
            "When the bundle in force came into force there.",
            _each(peers, "bundle_since"),
        )
        families.gauge("filter_signals", "Signals in the filter's table.", _each(peers, "signals_active"))
        families.counter("filter_batches", "Event batches taken from the filter.", _each(peers, "batches"))
        families.counter("filter_batches_resent", "Batches it sent again.", _each(peers, "duplicates"))
        families.counter(
            "filter_event_bytes", "Arrow bytes taken from the filter.", _each(peers, "event_bytes")
        )
        families.counter(
            "filter_stat", "Every other counter of the filter, by its name.", _stats(peers, gauges=False)
        )
        families.counter("filter_stage_seconds", "Time in each of the filter's hooks.", _stages(peers))
        families.gauge("filter_gauge", "Every gauge of the filter, by its name.", _stats(peers, gauges=True))
        families.counter(
            "control_connections_rejected",
            "Connections to the control socket that were not of the protocol.",
            [({}, self._parts.socket.rejected)],
        )

    def _events(self, families: MetricFamilies) -> None:
        figures = IngestFigures.of(self._parts.ingest.status())
        # Losses are one family with the place as a label, so that one alert rule sees a loss anywhere.
        families.counter("events_stored", "Events inserted into the store.", [({}, figures.inserted_rows)])
        families.counter(
            "events_dropped",
            "Events lost, by where.",
            [
                (
                    {"where": "filter"},
                    sum(p.counters.get("events_dropped", 0) for p in self._parts.socket.peers),
                ),
                ({"where": "ended"}, self._parts.horizon.ended()),
                ({"where": "refused"}, figures.refused_rows),
            ],
        )
        self._given_up(families, figures)
        self._waiting(families, figures)
        families.counter(
            "event_batches_refused", "Batches that were no events.", [({}, figures.refused_batches)]
        )
        families.counter(
            "store_insert_failures",
            "Inserts that failed and are tried again.",
            [({}, figures.insert_failures)],
        )
        families.counter(
            "spool_write_failures", "Writes to the spool that failed.", [({}, figures.write_failures)]
        )

    def _waiting(self, families: MetricFamilies, figures: IngestFigures) -> None:
        """What is not in the store yet."""
        # Overtaken events are in the spool too, so they are subtracted there and no event counts twice.
        horizon = self._parts.horizon
        families.gauge(
            "store_lag_seconds",
            "How far detection is behind: age of the oldest call that is not in the store, filters included.",
            [({}, horizon.lag_s())],
        )
        families.gauge(
            "store_missing_seconds",
            "Earlier time of which events wait that newer ones overtook.",
            [({}, figures.missing_s)],
        )
        families.gauge(
            "events_waiting",
            "Events that are not in the store, by where they wait.",
            [
                ({"where": "filter"}, horizon.waiting_calls()),
                ({"where": "spool"}, figures.spool_rows - figures.missing_rows),
                ({"where": "overtaken"}, figures.missing_rows),
            ],
        )
        families.gauge("spool_bytes", "Bytes in the spool.", [({}, figures.spool_bytes)])

    def _given_up(self, families: MetricFamilies, figures: IngestFigures) -> None:
        """Events that were thinned, because more arrived than the filter or the store could take."""
        peers = self._parts.socket.peers

        def filters(name: str) -> float:
            return sum(peer.counters.get(name, 0) for peer in peers)

        families.counter(
            "events_thinned",
            "Events whose details were left out, and calls for which others stand, by where.",
            [
                ({"where": "filter", "what": "details"}, filters("events_without_details")),
                ({"where": "filter", "what": "calls"}, filters("events_sampled_out")),
                ({"where": "store", "what": "details"}, figures.rows_without_details),
                ({"where": "store", "what": "calls"}, figures.rows_thinned_out),
            ],
        )
        families.gauge(
            "events_thinned_degree",
            "What is left out of the newest events: 0 nothing, 1 details, n all but one of n ordinary calls.",
            [({}, figures.degree)],
        )

    def _detection(self, families: MetricFamilies) -> None:
        runner = self._parts.runner
        rows = [({"detector": state.detector.name}, state) for state in runner.states]
        for name, about, figure in _DETECTOR_COUNTERS:
            families.counter(name, about, [(labels, figure(state)) for labels, state in rows])
        for name, about, figure in _DETECTOR_GAUGES:
            families.gauge(name, about, [(labels, figure(state)) for labels, state in rows])
        now = datetime.now(UTC)
        families.gauge(
            "detector_behind_seconds",
            "Age of the newest events that were judged.",
            [
                (labels, max(0.0, (now - state.judged_until).total_seconds()))
                for labels, state in rows
                if state.judged_until  # one that has judged nothing yet has no age; 0 would look healthy
            ],
        )
        problems = runner.problems()
        families.gauge(
            "detector_keeps_beat",
            "0 while a detector does not keep its beat.",
            [(labels, float(state.detector.name not in problems)) for labels, state in rows],
        )
        families.counter(
            "store_queries_refused",
            "Queries of pages that were refused because too many waited.",
            [({}, self._parts.store.refused_queries)],
        )

    def _signals(self, families: MetricFamilies) -> None:
        table = self._parts.signals
        active = Counter(each.signal.kind for each in table.active())
        families.gauge(
            "signals_active", "Active signals.", [({"kind": kind}, n) for kind, n in sorted(active.items())]
        )
        families.counter("signals_raised", "Signals that were not active before.", [({}, table.raised_total)])
        families.counter("signals_refused", "Signals for which the table had no room.", [({}, table.refused)])

    def _alerts(self, families: MetricFamilies) -> None:
        dispatcher = self._parts.dispatcher
        families.counter(
            "alerts",
            "New alerts.",
            (
                ({"kind": kind, "severity": grade}, n)
                for (kind, grade), n in sorted(dispatcher.recorded.items())
            ),
        )
        families.counter(
            "alerts_repeated", "Alerts that counted up an open one.", [({}, dispatcher.deduplicated)]
        )
        rows = [({"channel": state.channel.name}, state) for state in dispatcher.states]
        families.counter(
            "alert_deliveries", "Alerts that arrived.", ((name, state.sent) for name, state in rows)
        )
        families.counter(
            "alert_failures", "Tries that failed.", ((name, state.failures) for name, state in rows)
        )
        families.counter(
            "alerts_dropped", "Alerts that were not delivered.", [({}, dispatcher.dropped_total)]
        )

    def _control(self, families: MetricFamilies) -> None:
        config = self._parts.configuration.status()
        families.counter("config_errors", "Configurations that were refused.", [({}, config.errors)])
        families.gauge(
            "config_warnings", "What of the one in force has no effect.", [({}, len(config.warnings))]
        )
        families.gauge(
            "config_loaded_timestamp_seconds", "When the one in force came.", [({}, config.loaded_at)]
        )
        families.gauge(
            "config_last_reload_successful",
            "0 while the file as it is is refused.",
            [({}, float(not config.last_error))],
        )
        families.gauge(
            "bundle_apply_seconds",
            "From reading the file to the last filter's answer.",
            [({}, self._parts.configuration.last_apply_s)],
        )
        families.gauge("start_timestamp_seconds", "When Starfort started.", [({}, self._parts.started_at)])
        families.counter(
            "document_refreshes",
            "Looks at fetched documents, by result.",
            [({"result": result}, count) for result, count in sorted(self._parts.documents.results.items())],
        )
        disks = [({"path": each.path}, each) for each in self._parts.disks.found]
        families.gauge(
            "disk_free_bytes", "Room where Starfort writes.", ((at, each.free_bytes) for at, each in disks)
        )
        families.gauge("disk_size_bytes", "Size of that disk.", ((at, each.size_bytes) for at, each in disks))
        families.counter(
            "background_failures",
            "Work of the control plane that failed and was begun again.",
            [({"work": name}, failed.count) for name, failed in sorted(self._parts.failures().items())],
        )

    def _envoy(self, families: MetricFamilies) -> None:
        envoy = self._parts.proxy.status()
        families.gauge("envoy_up", "1 while Envoy runs.", [({}, float(envoy.state == "running"))])
        families.counter("envoy_restarts", "Restarts of Envoy.", [({}, envoy.restarts)])
        families.gauge(
            "envoy_stale", "1 while another Envoy should run and does not.", [({}, float(bool(envoy.stale)))]
        )
        families.gauge(
            "envoy_leaving",
            "Envoys that were replaced and still have connections.",
            [({}, len(envoy.leaving))],
        )

    def _catalogue(self, families: MetricFamilies) -> None:
        catalogue = self._parts.catalogue
        families.gauge(
            "catalogue_endpoints", "Endpoints in the catalogue.", [({}, len(catalogue.endpoints()))]
        )
        families.counter(
            "catalogue_failures",
            "Looks at traffic that failed.",
            [({}, self._parts.catalogue_watch.failures)],
        )
        families.counter(
            "catalogue_dropped",
            "What limits kept out of the catalogue, by reason.",
            (({"reason": reason}, n) for reason, n in sorted(catalogue.dropped().items())),
        )

    def _checks(self, families: MetricFamilies) -> None:
        rows = [({"check": state.check.name}, state.pace) for state in self._parts.catalogue.board.states()]
        families.counter(
            "check_runs", "Queries of each posture check.", ((name, pace.runs) for name, pace in rows)
        )
        families.counter(
            "check_seconds", "Time that they took.", ((name, pace.total_s) for name, pace in rows)
        )
        families.counter(
            "check_failures", "Runs that failed.", ((name, pace.failures) for name, pace in rows)
        )


def _each(peers: Iterable[Peer], attribute: str) -> Iterator[Labelled]:
    """One figure of each filter. The process id tells the filters of one node apart after a restart."""
    for peer in peers:
        yield (
            {"node": peer.node, "pid": str(peer.pid), "instance": peer.instance},
            float(getattr(peer, attribute)),
        )


def _stats(peers: Iterable[Peer], *, gauges: bool) -> Iterator[Labelled]:
    for peer in peers:
        for name, value in sorted((peer.gauges if gauges else peer.counters).items()):
            # Times are a family of their own, in seconds as Prometheus asks for.
            if gauges or not name.endswith(NANOSECONDS):
                yield {"node": peer.node, "instance": peer.instance, "name": name}, value


def _stages(peers: Iterable[Peer]) -> Iterator[Labelled]:
    """The time in each stage of the filter. Divided by `requests`, it is the mean of the stage."""
    for peer in peers:
        for name, value in sorted(peer.counters.items()):
            if name.endswith(NANOSECONDS):
                stage = name.removesuffix(NANOSECONDS)
                yield {"node": peer.node, "instance": peer.instance, "stage": stage}, value / 1e9


_UNDERSCORES: Final = re.compile(
    rb"^envoy_http[12]_(dropped_headers|requests_rejected)_with_underscores\w*\{\} (\d+)$", re.MULTILINE
)
"""Envoy's own counters: it drops and rejects before a filter sees the request, so only Envoy can count."""


class EnvoyCollector:
    """Figures of Envoy that show what one of Starfort's settings does.

    Args:
        envoy: Envoy's own metrics as Prometheus text; empty when it does not answer.
    """

    def __init__(self, envoy: bytes) -> None:
        self._envoy = envoy

    def collect(self) -> Iterator[Metric]:
        """Every family with its values now."""
        # Both exist from the start: Prometheus sees no growth in a counter that begins with its first value.
        counts = {"dropped": 0, "rejected": 0}
        for kind, count in _UNDERSCORES.findall(self._envoy):
            counts["dropped" if kind.startswith(b"dropped") else "rejected"] += int(count)
        families = MetricFamilies()
        families.counter(
            "underscore_headers",
            "Headers with underscores that were dropped, and requests rejected for one.",
            [({"action": action}, float(count)) for action, count in counts.items()],
        )
        yield from families


def render(parts: Parts) -> bytes:
    """The text of `/metrics`: Starfort's own figures, then Envoy's as Envoy wrote them."""
    envoy = parts.samples.envoy
    # A registry of our own: the global one has figures of Python, and keeps collectors for ever.
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StarfortCollector(parts))
    registry.register(EnvoyCollector(envoy))
    return generate_latest(registry) + envoy
