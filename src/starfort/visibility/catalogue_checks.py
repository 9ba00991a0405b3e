"""Checks that the catalogue answers: endpoints that are new, undocumented, or no longer called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from starfort.base.severity import Severity
from starfort.catalogue.model import Endpoint
from starfort.catalogue.versions import Version, version_of
from starfort.posture.catalogue_check import CatalogueCheck, CatalogueView
from starfort.posture.finding import PostureFinding

NEW_FOR: Final = timedelta(hours=24)
"""How long an endpoint is new: a working day and its night."""

FORGOTTEN_AFTER: Final = timedelta(days=30)
"""Time without a call after which a documented endpoint is forgotten: a month's jobs run once a month."""

STILL_CALLED: Final = timedelta(days=7)
"""A call within this time shows that somebody still uses an endpoint: a week's jobs run once a week."""

LIVE_FOR: Final = timedelta(days=30)
"""So long callers may take to move to a new version before the one before it counts as old."""

MOST_NAMED: Final = 10
"""Endpoints of an old version that a finding names."""

_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)

_DATA_CHECK: Final = "sensitive_data"
"""The check that says which classes of data leave an endpoint, and which of them unmasked."""


def _undocumented(view: CatalogueView) -> Iterable[PostureFinding]:
    """Endpoints that are called although the document of their API does not have them."""
    # Without a document every endpoint would be undocumented, which says nothing about any of them.
    documented = {facts.name for facts in view.apis if facts.documented}
    only_masked = _only_masked(view)
    for row in view.endpoints:
        if row.first_seen is not None and row.api in documented and row.origin == "learned":
            severity: Severity = "high" if _leaks(row, only_masked) else "medium"
            title = f"{row.title} is called and not documented"
            yield _finding("undocumented_endpoint", severity, row, title, view.now)


def _new(view: CatalogueView) -> Iterable[PostureFinding]:
    """Endpoints whose first call is not long ago."""
    only_masked = _only_masked(view)
    for row in view.endpoints:
        if row.first_seen is not None and view.now - row.first_seen < NEW_FOR:
            severity: Severity = "low" if _leaks(row, only_masked) else "info"
            title = f"{row.title} is called since {row.first_seen:%Y-%m-%d %H:%M} UTC"
            yield _finding("new_endpoint", severity, row, title, view.now)


def _forgotten(view: CatalogueView) -> Iterable[PostureFinding]:
    """Documented endpoints without a call for a long time."""
    # An endpoint that was never called is away since the first call to any endpoint: before that, nobody was
    # watching, and silence says nothing.
    watching = min((row.first_seen for row in view.endpoints if row.first_seen is not None), default=view.now)
    for row in view.endpoints:
        away = view.now - (row.last_seen or watching)
        if row.documented and away > FORGOTTEN_AFTER:
            title = f"{row.title} is documented and was not called for {away.days} days"
            yield _finding("forgotten_endpoint", "low", row, title, watching)


def _zombies(view: CatalogueView) -> Iterable[PostureFinding]:
    """Endpoints that the document calls deprecated, and that somebody still calls."""
    only_masked = _only_masked(view)
    for row in view.endpoints:
        if row.deprecated and row.last_seen is not None and view.now - row.last_seen < STILL_CALLED:
            severity: Severity = "medium" if _leaks(row, only_masked) or row.open_since else "low"
            title = f"{row.title} is deprecated and still called"
            yield _finding("zombie_endpoint", severity, row, title, view.now)


def _old_versions(view: CatalogueView) -> Iterable[PostureFinding]:
    """Versions of an API that are still called although a newer one has been live for some time."""
    places = {facts.name: facts.versions for facts in view.apis}
    apis: dict[str, dict[Version, list[Endpoint]]] = {}
    for row in view.endpoints:
        found = version_of(row.template, places[row.api]) if row.api in places else None
        if found is not None and row.first_seen is not None:
            apis.setdefault(row.api, {}).setdefault(found[0], []).append(row)
    for api, versions in sorted(apis.items()):
        for version, endpoints in sorted(versions.items()):
            newer = [
                other
                for other, rows in versions.items()
                if other.family == version.family
                and other.age > version.age
                and view.now - min(_first(row) for row in rows) > LIVE_FOR
            ]
            called = [row for row in endpoints if view.now - _last(row) < STILL_CALLED]
            if newer and called:
                yield _old_version(api, version, max(newer, key=lambda other: other.age), called)


def _old_version(api: str, version: Version, newest: Version, called: Sequence[Endpoint]) -> PostureFinding:
    exposed = any(row.open_since is not None and row.sensitive for row in called)
    evidence = {
        "subject": version.title,
        "newest": newest.title,
        "endpoints": len(called),
        "called": [row.title for row in called[:MOST_NAMED]],
        "sensitive": sorted({name for row in called for name in row.sensitive}),
    }
    return PostureFinding(
        "old_version_alive",
        "medium" if exposed else "low",
        api,
        "",
        f"Version {version.title} is still called beside {newest.title}",
        evidence,
        min(_first(row) for row in called),
        max(_last(row) for row in called),
    )


def _first(row: Endpoint) -> datetime:
    return row.first_seen or _NEVER


def _last(row: Endpoint) -> datetime:
    return row.last_seen or _NEVER


CATALOGUE_CHECKS: Final = (
    CatalogueCheck(
        "undocumented_endpoint",
        "visibility",
        "{subject} is called and not documented",
        "Nobody reviewed it against the API's document.",
        "Document it or take it down.",
        _undocumented,
        owasp="API9:2023",
    ),
    CatalogueCheck(
        "new_endpoint",
        "visibility",
        "{subject} is called since less than a day",
        "Somebody put it live.",
        "Find out who owns it and whether it is meant to be public.",
        _new,
        owasp="API9:2023",
    ),
    CatalogueCheck(
        "forgotten_endpoint",
        "visibility",
        "{subject} is documented and was not called for 30 days",
        "What nobody calls nobody maintains.",
        "Take it down, and out of the document.",
        _forgotten,
        owasp="API9:2023",
    ),
    CatalogueCheck(
        "zombie_endpoint",
        "visibility",
        "{subject} is deprecated and still called",
        "What is deprecated is maintained less, and its mistakes stay.",
        "Tell its callers by when it goes, and take it down then.",
        _zombies,
        owasp="API9:2023",
    ),
    CatalogueCheck(
        "old_version_alive",
        "visibility",
        "Version {subject} is still called beside {newest}",
        "What was put right in the newest version is often still wrong in the one before it.",
        "Move its callers, then take it down, or hold it to the same policies.",
        _old_versions,
        owasp="API9:2023",
    ),
)
"""Every check that the catalogue answers."""


def _only_masked(view: CatalogueView) -> Mapping[str, set[str]]:
    """Classes that left an endpoint only masked, by its id; they make nothing more urgent.

    The catalogue keeps which classes it ever saw in an endpoint's traffic, and not whether a policy masked
    them. The check of the data bastion has the latest answer to that.
    """
    latest = {row.endpoint_id: row.evidence for row in view.findings if row.code == _DATA_CHECK}
    found: dict[str, set[str]] = {}
    for endpoint_id, evidence in latest.items():
        classes, unmasked = evidence.get("classes"), evidence.get("unmasked_classes")
        # A finding of an older version has no `unmasked_classes`. Then no class counts as masked.
        if endpoint_id and isinstance(classes, list) and isinstance(unmasked, list):
            found[endpoint_id] = set(classes).difference(unmasked)
    return found


def _leaks(row: Endpoint, only_masked: Mapping[str, set[str]]) -> bool:
    """Whether sensitive data leaves an endpoint unmasked."""
    return bool(set(row.sensitive).difference(only_masked.get(row.id, ())))


def _finding(code: str, severity: Severity, row: Endpoint, title: str, otherwise: datetime) -> PostureFinding:
    evidence = {
        "subject": row.title,
        "host": row.host,
        "calls": row.calls,
        "auth_seen": list(row.auth_seen),
        "sensitive": list(row.sensitive),
    }
    first, last = row.first_seen or otherwise, row.last_seen or otherwise
    return PostureFinding(code, severity, row.api, row.id, title, evidence, first, last)
