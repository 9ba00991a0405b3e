"""Collects the problems that need the attention of a person, a sentence for each."""

from __future__ import annotations

from collections.abc import Iterator

from starfort.dataplane.socket import Peer
from starfort.runtime.figures import detector_statuses
from starfort.runtime.horizon import HealthLimits
from starfort.runtime.parts import Parts


def problems(parts: Parts) -> list[str]:
    """Everything that is wrong now, the most serious first."""
    # People read the first lines. Without a configuration or Envoy nothing works, so these come first, and
    # slow detectors last.
    return [
        *_of_configuration(parts),
        *(each.problem for each in parts.disks.found if each.problem),
        *_of_background(parts),
        *_of_filters(parts),
        *(f"source {each.settings.name}: {each.error}" for each in parts.sources if each.error),
        *_of_store(parts),
        *parts.horizon.problems(HealthLimits(parts.configuration.config.health.lag.total_seconds())),
        *_of_detectors(parts),
    ]


def _of_configuration(parts: Parts) -> Iterator[str]:
    config, envoy = parts.configuration.status(), parts.proxy.status()
    if config.last_error:
        yield f"{config.path} is refused, the configuration before it stays: {config.last_error}"
    if envoy.state != "running":
        yield f"Envoy is {envoy.state}: {envoy.last_error or 'it has not said why'}"
    if envoy.stale:
        yield f"Envoy is not the one that it should be: {envoy.stale}"
    yield from parts.configuration.problems()
    yield from parts.documents.problems()


def _of_background(parts: Parts) -> Iterator[str]:
    for name, failed in sorted(parts.failures().items()):
        if failed.recent():
            yield f"{name} failed and was begun again ({failed.count} times): {failed.error}"


def _of_filters(parts: Parts) -> Iterator[str]:
    connected = parts.socket.connected
    # While Envoy starts, its filter is not connected yet; Envoy's own state says so already.
    if parts.proxy.status().state == "running" and not connected:
        yield "Envoy runs and its filter is not connected; nothing is seen and no change reaches it"
    for peer in connected:
        if peer.bundle_error:
            yield f"{peer.node or 'the filter'} ({peer.pid}) refused the bundle: {peer.bundle_error}"
    passing = parts.configuration.config.failure_mode == "open"
    yield from (_without_bundle(peer, passing=passing) for peer in connected if not peer.bundle)


def _without_bundle(peer: Peer, *, passing: bool) -> str:
    does = "pass without any policy" if passing else "are refused with 503"
    mode = "open" if passing else "closed"
    return f"the filter of process {peer.pid} has no bundle: requests {does} (failure_mode: {mode})"


def _of_store(parts: Parts) -> Iterator[str]:
    if error := str(parts.ingest.status()["error"]):
        yield f"the store does not take events: {error}"
    if error := parts.store.upkeep_figures.error:
        yield f"the store's upkeep fails, so pages of long ranges lag and old rows stay: {error}"


def _of_detectors(parts: Parts) -> Iterator[str]:
    for row in detector_statuses(parts.runner):
        if row.problem:
            yield f"detector {row.name} does not keep its beat: {row.problem}"
        elif row.last_error:
            yield f"detector {row.name} fails: {row.last_error}"
