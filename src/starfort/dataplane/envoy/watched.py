"""The supervisor's data: how long it waits, and which Envoys are leaving."""

from __future__ import annotations

from dataclasses import dataclass

from starfort.dataplane.envoy.process import Process


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the supervisor waits, in seconds.

    Attributes:
        accept_s: for Envoy to take a configuration.
        drain_s: for requests under way, before Envoy is ended; `None`: as the configuration says.
        end_s: for Envoy to end after the signal, before it is killed.
        restart_s: before the first restart; each further restart doubles it.
        longest_restart_s: before any restart, at most.
        stable_s: after an Envoy has run for this long, the pause is `restart_s` again.
        log_every_s: between two looks at the size of the log.
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
        ports: ports of its listeners, by which its connections are counted; empty: nobody can count them.
        idle: how many looks in a row found no connection.
    """

    process: Process
    until: float
    ports: frozenset[int]
    idle: int = 0
