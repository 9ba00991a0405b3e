"""Endpoints that the catalogue has learned from traffic."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LearnedEndpoint:
    """An endpoint that was learned: the catalogue makes it, the compiler puts it into the bundle."""

    api: str
    """Name of its API; one that is no longer configured is left out."""
    method: str
    """Upper case."""
    path: str
    """Template from the root: `/users/{id}`."""
    labels: tuple[str, ...] = ()
    """What people or detection call it."""
