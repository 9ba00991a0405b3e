"""Picks the changes that people want to hear about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from starfort.catalogue.book import Book
from starfort.catalogue.model import Endpoint, Fact, News, NewsKind
from starfort.catalogue.observe import Observation
from starfort.catalogue.templates import skeleton

FORGOTTEN_AFTER: Final = timedelta(days=30)
"""A call after such a long silence is news. It is longer than the pause of a job that runs each month."""

SETTLED_AFTER: Final = timedelta(hours=1)
"""Only from this age on is it known how an endpoint's callers authenticate. Before, too few of them have
called."""


def of_new(book: Book, made: Sequence[Endpoint]) -> list[News]:
    """News of endpoints that are new, once for each.

    Args:
        book: the API.
        made: its endpoints that were not there before, and that replace no others.
    """
    if not made:
        return []
    fresh = {endpoint.id for endpoint in made}
    methods: dict[str, set[str]] = {}
    for old in book.endpoints.values():
        if old.id not in fresh:
            methods.setdefault(skeleton(old.template), set()).add(old.method)
    found = []
    for endpoint in sorted(made, key=lambda row: (row.template, row.method)):
        known = sorted(methods.get(skeleton(endpoint.template), ()))
        kind: NewsKind = "undocumented_endpoint" if book.facts.documented else "new_endpoint"
        found.append(
            News(
                "new_method" if known else kind,
                endpoint.api,
                endpoint.title,
                endpoint,
                {"api_documented": book.facts.documented, "known_methods": known, **_facts(endpoint)},
            )
        )
    return found


def _facts(endpoint: Endpoint) -> dict[str, Fact]:
    return {
        "host": endpoint.host,
        "calls": endpoint.calls,
        "auth_seen": list(endpoint.auth_seen),
        "answers_without_credentials": endpoint.open_since is not None,
        "sensitive": list(endpoint.sensitive),
        "suggested_labels": list(endpoint.suggested_labels),
    }


def of_hosts(book: Book, fresh: Iterable[tuple[str, Endpoint]]) -> list[News]:
    """Host names by which an API was never called before, though it was called by others.

    Args:
        book: the API.
        fresh: host names that its calls had for the first time, each with an endpoint.
    """
    return [
        News(
            "new_host",
            book.name,
            host,
            endpoint,
            {"host": host, "known_hosts": sorted(book.hosts - {host})[:20]},
        )
        for host, endpoint in fresh
    ]


def of_change(known: Endpoint, now: Endpoint, seen: Observation) -> list[News]:
    """News of an endpoint that was known before.

    Args:
        known: the endpoint before.
        now: the endpoint with what was seen.
        seen: what was seen.
    """
    found = []
    days = _slept(known, now)
    if days is not None:
        found.append(News("reappeared", now.api, now.title, now, {"days_without_calls": days, **_facts(now)}))
    fresh = sorted(set(now.sensitive) - set(known.sensitive))
    if fresh and known.first_seen is not None:
        found.append(News("sensitive_class", now.api, now.title, now, {"classes": fresh, **_facts(now)}))
    # Only if callers sent credentials before: an API that never asked for any is open on purpose.
    first, last = known.first_seen, now.last_seen
    settled = first is not None and last is not None and last - first > SETTLED_AFTER
    if settled and known.auth_seen and known.open_since is None and now.open_since is not None:
        found.append(
            News(
                "answers_without_credentials",
                now.api,
                now.title,
                now,
                {"open_calls": seen.open_calls, **_facts(now)},
            )
        )
    return found


def _slept(known: Endpoint, now: Endpoint) -> int | None:
    """Days without a call before the one that was seen now; None when they were not many."""
    if known.last_seen is None or now.last_seen is None:
        return None
    away = now.last_seen - known.last_seen
    return away.days if away > FORGOTTEN_AFTER else None


def of_zombie(endpoint: Endpoint) -> News:
    """News of an endpoint that the document calls deprecated, and that is called."""
    facts: dict[str, Fact] = {"callers": endpoint.callers, **_facts(endpoint)}
    return News("zombie_endpoint", endpoint.api, endpoint.title, endpoint, facts)


def of_drift(endpoint: Endpoint, fresh: Sequence[str]) -> News:
    """News of an endpoint whose answered calls differ from its document in further ways.

    Args:
        endpoint: the endpoint now.
        fresh: the differences, as `request:query/unknown:/page`.
    """
    facts: dict[str, Fact] = {"differences": list(fresh), "callers": endpoint.callers, **_facts(endpoint)}
    return News("drifting_endpoint", endpoint.api, endpoint.title, endpoint, facts)


def of_orphan(endpoint: Endpoint, days: int) -> News:
    """News of a documented endpoint that nobody calls any more.

    Args:
        endpoint: the endpoint.
        days: since its last call, or since anybody has been watching.
    """
    return News(
        "orphan_endpoint",
        endpoint.api,
        endpoint.title,
        endpoint,
        {"days_without_calls": days, "ever_called": endpoint.first_seen is not None, **_facts(endpoint)},
    )
