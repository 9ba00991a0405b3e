"""What changed, and what nobody documented or calls any more."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from starfort.base.severity import Severity
from starfort.catalogue import ApiFacts, Endpoint
from starfort.catalogue.finding import Check, Finding, Scope
from starfort.store.parameters import Value

NEW_FOR: Final = timedelta(hours=24)
"""How long an endpoint is new: a working day and its night."""

FORGOTTEN_AFTER: Final = timedelta(days=30)
"""Time without a call after which a documented endpoint is forgotten: a month's jobs run once a month."""


def _stride(scope: Scope) -> dict[str, Value]:
    return {"stride": scope.stride}


CHECKS: Final = (
    Check(
        "visibility",
        "changed_parameters",
        "{subject} is sent parameters that nobody sent before: {parameters}",
        "Either the API changed, or somebody tries what it takes (mass assignment). Compare its document.",
        _stride,
        300,
    ),
    Check(
        "visibility",
        "changed_statuses",
        "{subject} answers {classes} since now",
        "The API behaves in a new way. 5xx mean that calls break it.",
        every_s=60,
    ),
)
"""Checks of this bastion that are queries."""


OF_CATALOGUE: Final = {
    "new_endpoint": "Somebody put it live. Find out who owns it and whether it is meant to be public.",
    "undocumented_endpoint": "Nobody reviewed it against the API's document. Document it or take it down "
    "(OWASP API9:2023).",
    "forgotten_endpoint": "What nobody calls nobody maintains. Take it down, and out of the document.",
}
"""Codes of the findings that the catalogue itself shows, and what is wrong about them."""


def of_catalogue(
    endpoints: Collection[Endpoint],
    apis: Iterable[ApiFacts],
    now: datetime,
    masked: Mapping[str, Collection[str]] | None = None,
) -> list[Finding]:
    """Findings of the catalogue itself: `new_endpoint`, `undocumented_endpoint`, `forgotten_endpoint`.

    Args:
        endpoints: every endpoint.
        apis: what is configured; only documented APIs have undocumented endpoints.
        now: UTC.
        masked: classes that left an endpoint only masked, by its id; they make nothing more urgent.
    """
    masked = masked or {}
    documented = {facts.name for facts in apis if facts.documented}
    watching = min((row.first_seen for row in endpoints if row.first_seen is not None), default=now)
    found = []
    for row in endpoints:
        sensitive = bool(set(row.sensitive).difference(masked.get(row.id, ())))
        if row.first_seen is not None and row.api in documented and row.origin == "learned":
            title = f"{row.title} is called and not documented"
            found.append(
                _finding("undocumented_endpoint", "high" if sensitive else "medium", row, title, now)
            )
        if row.first_seen is not None and now - row.first_seen < NEW_FOR:
            title = f"{row.title} is called since {row.first_seen:%Y-%m-%d %H:%M} UTC"
            found.append(_finding("new_endpoint", "low" if sensitive else "info", row, title, now))
        away = now - (row.last_seen or watching)
        if row.documented and away > FORGOTTEN_AFTER:
            title = f"{row.title} is documented and was not called for {away.days} days"
            found.append(_finding("forgotten_endpoint", "low", row, title, watching))
    return found


def _finding(code: str, severity: Severity, row: Endpoint, title: str, otherwise: datetime) -> Finding:
    evidence = {
        "subject": row.title,
        "host": row.host,
        "calls": row.calls,
        "auth_seen": list(row.auth_seen),
        "sensitive": list(row.sensitive),
    }
    first, last = row.first_seen or otherwise, row.last_seen or otherwise
    return Finding(code, severity, row.api, row.id, title, evidence, first, last)
