"""The state of Envoy as plain data, for status, metrics and pages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EnvoyStatus:
    """The Envoy that this process started or took over.

    Attributes:
        state: `stopped`, `starting`, `running`, `backoff`.
        pid: its process id, 0 when it does not run.
        restarts: restarts since start.
        last_error: why it stopped the last time, "" when it never did.
        stale: why this Envoy should be replaced and could not be, "" when it is the right one.
        pending: what comes into force when an Envoy that was replaced has ended, "" when nothing waits.
        leaving: process ids of Envoys that were replaced and still have connections.
    """

    state: str
    pid: int
    restarts: int
    last_error: str = ""
    stale: str = ""
    pending: str = ""
    leaving: tuple[int, ...] = ()
