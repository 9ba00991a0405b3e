"""What the supervisor knows and is told of the Envoys that it watches."""

from __future__ import annotations

from dataclasses import dataclass

from starfort.dataplane.envoy.process import Process


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the supervisor waits, in seconds.

    Attributes:
        accept_s: for Envoy to take a configuration.
        drain_s: for requests under way to end before Envoy is ended; `None`: as the configuration says.
        end_s: for Envoy to end when told to, before it is killed.
        restart_s: before the first restart; doubled with each that follows soon.
        longest_restart_s: at most before a restart.
        stable_s: an Envoy that ran this long begins at `restart_s` again.
        log_every_s: between looks at the log's size.
    """

    accept_s: float = 30.0
    drain_s: float | None = None
    end_s: float = 15.0
    restart_s: float = 0.1
    longest_restart_s: float = 30.0
    stable_s: float = 10.0
    log_every_s: float = 5.0


@dataclass(slots=True)
class Leaving:
    """An Envoy that was replaced and still has connections.

    Attributes:
        process: the process.
        until: Unix seconds when it is ended even if it still has connections.
        ports: ports of its listeners, by which its connections are counted; empty: they cannot be.
        idle: looks in a row that found no connection.
    """

    process: Process
    until: float
    ports: frozenset[int]
    idle: int = 0
