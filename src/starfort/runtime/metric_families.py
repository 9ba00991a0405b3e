"""Builds metric families in the shape that Prometheus' client library takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from starfort.runtime.traffic import Histogram

Labelled: TypeAlias = tuple[dict[str, str], float]
"""One value with its labels."""


class MetricFamilies:
    """Metric families under construction, by name."""

    def __init__(self) -> None:
        self._families: list[Metric] = []

    def counter(self, name: str, about: str, rows: Iterable[Labelled]) -> None:
        """A family of counters; every row has the same label names."""
        self._add(CounterMetricFamily, name, about, rows)

    def gauge(self, name: str, about: str, rows: Iterable[Labelled]) -> None:
        """A family of gauges; every row has the same label names."""
        self._add(GaugeMetricFamily, name, about, rows)

    def _add(
        self,
        family: type[CounterMetricFamily | GaugeMetricFamily],
        name: str,
        about: str,
        rows: Iterable[Labelled],
    ) -> None:
        # Prometheus' client needs label names before values, and some rows are generators.
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
