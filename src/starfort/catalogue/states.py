"""How an endpoint stands to its API's document: documented, shadow, orphan, zombie or drifting.

| state | meaning |
|---|---|
| `documented` | the document has it, and nothing is wrong |
| `configured` | only the configuration names it |
| `learned` | only traffic shows it, and its API has no document |
| `shadow` | it is called, and its API's document does not have it |
| `orphan` | the document has it, and nobody has called it for `ORPHAN_AFTER` |
| `zombie` | the document says that it is deprecated, and it is called |
| `drifting` | answered calls differ from what the document says |
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from starfort.catalogue.model import Endpoint, State

ORPHAN_AFTER: Final = timedelta(days=30)
"""Time without a call after which a documented endpoint is an orphan: a month's jobs run once a month."""


def state_of(endpoint: Endpoint, *, api_documented: bool, watching: datetime | None, now: datetime) -> State:
    """The state of an endpoint.

    Args:
        endpoint: the endpoint.
        api_documented: whether its API has a document.
        watching: when the first call of any endpoint of its API was, before which silence says nothing; None
            when there was none.
        now: UTC.
    """
    if endpoint.origin == "learned":
        return "shadow" if api_documented else "learned"
    if endpoint.origin == "configured":
        return "configured"
    away = silence(endpoint, watching, now)
    if away > ORPHAN_AFTER:
        return "orphan"
    if endpoint.deprecated and endpoint.last_seen is not None:
        return "zombie"
    return "drifting" if endpoint.drift else "documented"


def silence(endpoint: Endpoint, watching: datetime | None, now: datetime) -> timedelta:
    """How long nobody has called an endpoint, as far as anybody was watching."""
    since = endpoint.last_seen or watching
    return now - since if since is not None else timedelta()
