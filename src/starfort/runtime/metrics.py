"""Everything measured, as Prometheus reads it.

docs/metrics.md says what each is; a test holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from starfort.dataplane.socket import Peer
from starfort.runtime.figures import IngestFigures
from starfort.runtime.parts import Parts
from starfort.runtime.traffic import Histogram

NANOSECONDS: Final = "_ns"
"""Ends the names of the filter's times."""


class _Families:
    """Metric families under construction, by name."""

    def __init__(self) -> None:
        self._families: list[Metric] = []

    def counter(self, name: str, about: str, rows: Iterable[tuple[dict[str, str], float]]) -> None:
        """A family of counters; every row has the same label names."""
        self._add(CounterMetricFamily, name, about, rows)

    def gauge(self, name: str, about: str, rows: Iterable[tuple[dict[str, str], float]]) -> None:
        """A family of gauges; every row has the same label names."""
        self._add(GaugeMetricFamily, name, about, rows)

    def _add(
        self,
        family: type[CounterMetricFamily | GaugeMetricFamily],
        name: str,
        about: str,
        rows: Iterable[tuple[dict[str, str], float]],
    ) -> None:
        listed = list(rows)
        made = family(f"starfort_{name}", about, labels=list(listed[0][0]) if listed else [])
        for labels, value in listed:
            made.add_metric(list(labels.values()), value)
        self._families.append(made)

    def histogram(self, name: str, about: str, values: Histogram) -> None:
        """A family with one histogram, in seconds."""
        made = HistogramMetricFamily(f"starfort_{name}", about)
        made.add_metric([], values.cumulative_seconds(), values.total_us / 1e6)
        self._families.append(made)

    def __iter__(self) -> Iterator[Metric]:
        return iter(self._families)


class StarfortCollector:
    """Reads the parts of a control plane whenever Prometheus asks.

    Args:
        parts: what is measured.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def collect(self) -> Iterator[Metric]:
        """Every family with its values now."""
        families = _Families()
        self._traffic(families)
        self._filters(families)
        self._events(families)
        self._detection(families)
        self._alerts(families)
        self._control(families)
        yield from families

    def _traffic(self, families: _Families) -> None:
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

    def _filters(self, families: _Families) -> None:
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

    def _events(self, families: _Families) -> None:
        figures = IngestFigures.of(self._parts.ingest.status())
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

    def _given_up(self, families: _Families, figures: IngestFigures) -> None:
        """What was left out because there was too much of it."""
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

    def _detection(self, families: _Families) -> None:
        states = self._parts.runner.states
        rows = [({"detector": state.detector.name}, state) for state in states]
        families.counter(
            "detector_runs", "Runs of each detector.", ((name, state.pace.runs) for name, state in rows)
        )
        families.counter(
            "detector_failures", "Runs that failed.", ((name, state.pace.failures) for name, state in rows)
        )
        families.counter(
            "detector_seconds", "Time that runs took.", ((name, state.pace.total_s) for name, state in rows)
        )
        families.counter(
            "detector_skipped",
            "Beats at which it still ran.",
            ((name, state.skipped) for name, state in rows),
        )
        families.counter(
            "detector_retries",
            "Queries that hit a limit and were tried again smaller.",
            ((name, state.pace.retries) for name, state in rows),
        )
        families.counter(
            "detector_idle",
            "Beats that needed no query, as nothing was stored.",
            ((name, state.skipped_idle) for name, state in rows),
        )
        families.counter(
            "detector_late_windows",
            "Windows judged late.",
            ((name, state.late_runs) for name, state in rows),
        )
        families.counter(
            "detector_windows_given_up",
            "Windows that were owed and became too old or too many.",
            ((name, state.backlog.given_up) for name, state in rows),
        )
        families.gauge(
            "detector_windows_owed",
            "Windows that are owed.",
            ((name, len(state.backlog)) for name, state in rows),
        )
        families.gauge(
            "detector_parts",
            "1 when each query judges everything, else how much smaller it is.",
            ((name, state.pace.parts) for name, state in rows),
        )
        now = datetime.now(UTC)
        families.gauge(
            "detector_behind_seconds",
            "Age of the newest events that were judged.",
            (
                (name, max(0.0, (now - state.judged_until).total_seconds()))
                for name, state in rows
                if state.judged_until
            ),
        )
        problems = self._parts.runner.problems()
        families.gauge(
            "detector_keeps_beat",
            "0 while a detector does not keep its beat.",
            ((name, float(state.detector.name not in problems)) for name, state in rows),
        )
        families.counter(
            "store_queries_refused",
            "Queries of pages refused as too many waited.",
            [({}, self._parts.store.refused_queries)],
        )
        families.counter(
            "detector_signals", "Signals yielded.", ((name, state.signals) for name, state in rows)
        )
        table = self._parts.signals
        active: dict[str, int] = {}
        for signal in table.active():
            active[signal.signal.kind] = active.get(signal.signal.kind, 0) + 1
        families.gauge(
            "signals_active", "Active signals.", (({"kind": kind}, n) for kind, n in sorted(active.items()))
        )
        families.counter("signals_raised", "Signals that were not active before.", [({}, table.raised_total)])
        families.counter("signals_refused", "Signals for which the table had no room.", [({}, table.refused)])

    def _alerts(self, families: _Families) -> None:
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

    def _control(self, families: _Families) -> None:
        config = self._parts.configuration.status()
        envoy = self._parts.proxy.status()
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
        self._catalogue(families)
        self._checks(families)

    def _catalogue(self, families: _Families) -> None:
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

    def _checks(self, families: _Families) -> None:
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


def _each(peers: Iterable[Peer], attribute: str) -> Iterator[tuple[dict[str, str], float]]:
    """One figure of each filter; a node's restarted ones are told apart by process."""
    for peer in peers:
        yield (
            {"node": peer.node, "pid": str(peer.pid), "instance": peer.instance},
            float(getattr(peer, attribute)),
        )


def _stats(peers: Iterable[Peer], *, gauges: bool) -> Iterator[tuple[dict[str, str], float]]:
    for peer in peers:
        for name, value in sorted((peer.gauges if gauges else peer.counters).items()):
            if gauges or not name.endswith(NANOSECONDS):
                yield {"node": peer.node, "instance": peer.instance, "name": name}, value


def _stages(peers: Iterable[Peer]) -> Iterator[tuple[dict[str, str], float]]:
    """Where the filter's time goes; over `requests` it is the mean of each stage."""
    for peer in peers:
        for name, value in sorted(peer.counters.items()):
            if name.endswith(NANOSECONDS):
                stage = name.removesuffix(NANOSECONDS)
                yield {"node": peer.node, "instance": peer.instance, "stage": stage}, value / 1e9


_UNDERSCORES: Final = re.compile(
    rb"^envoy_http[12]_(dropped_headers|requests_rejected)_with_underscores\w*\{\} (\d+)$", re.MULTILINE
)
"""Envoy drops and rejects before any filter sees the request, so only Envoy can count it."""


class EnvoyCollector:
    """Figures of Envoy's that are about what a setting of Starfort's does.

    Args:
        envoy: Envoy's own metrics as Prometheus text; empty when it does not answer.
    """

    def __init__(self, envoy: bytes) -> None:
        self._envoy = envoy

    def collect(self) -> Iterator[Metric]:
        """Every family with its values now."""
        counts = {"dropped": 0, "rejected": 0}
        for kind, count in _UNDERSCORES.findall(self._envoy):
            counts["dropped" if kind.startswith(b"dropped") else "rejected"] += int(count)
        families = _Families()
        families.counter(
            "underscore_headers",
            "Headers with underscores that were dropped, and requests rejected for one.",
            [({"action": action}, float(count)) for action, count in counts.items()],
        )
        yield from families


def render(parts: Parts) -> bytes:
    """The text of `/metrics`: Starfort's own figures, then Envoy's as Envoy wrote them."""
    envoy = parts.samples.envoy
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StarfortCollector(parts))
    registry.register(EnvoyCollector(envoy))
    return generate_latest(registry) + envoy
