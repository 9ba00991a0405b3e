"""Endpoints that the catalogue has learned from traffic."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LearnedEndpoint:
    """A learned endpoint. The catalogue makes it, and the compiler puts it into the bundle."""

    # Name and not index: the catalogue keeps it while the order of APIs changes.
    api: str
    """Name of its API. The compiler leaves the endpoint out when that is no longer configured."""
    method: str
    """Upper case."""
    path: str
    """Template from the root: `/users/{id}`."""
    labels: tuple[str, ...] = ()
    """Labels from people or from detection."""
