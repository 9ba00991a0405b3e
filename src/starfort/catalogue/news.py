"""Picks the changes that people want to hear about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Final

from starfort.catalogue.model import ApiFacts, Endpoint, Fact, News
from starfort.catalogue.observe import Observation
from starfort.catalogue.segments import ROOT_WORDS, is_version
from starfort.catalogue.templates import skeleton

FORGOTTEN_AFTER: Final = timedelta(days=30)
"""A call after such a long silence is news. It is longer than the pause of a job that runs each month."""

SETTLED_AFTER: Final = timedelta(hours=1)
"""Only from this age on is it known how an endpoint's callers authenticate. Before, too few of them have
called."""

_VERSION_DEPTH: Final = 3
"""Segments among which a version stands: `/v1`, `/api/v1`, `/shop/api/v1`."""

_LOGIN_WORDS: Final = frozenset(
    {"login", "signin", "sign-in", "log-in", "logon", "token", "auth", "authenticate"}
)


def version_of(template: str) -> tuple[str, str] | None:
    """The place of an API's version in a template, and the version: `("/api", "v1")`; `None` without one."""
    parts = template.strip("/").split("/")
    for index, part in enumerate(parts[:_VERSION_DEPTH]):
        dated = index == 0 or parts[index - 1] in ROOT_WORDS
        if is_version(part) or (dated and part[:1].isdigit()):
            return "/" + "/".join(parts[:index]), part
    return None


def looks_like_login(method: str, template: str) -> bool:
    """Whether an endpoint's name says that people log in there."""
    return method == "POST" and template.rpartition("/")[2].lower() in _LOGIN_WORDS


def of_new(
    before: Mapping[str, Endpoint], after: Mapping[str, Endpoint], apis: Mapping[str, ApiFacts]
) -> list[News]:
    """News of endpoints that are new, once for each, and of versions and hosts that came with them.

    Args:
        before: endpoints before the refresh.
        after: endpoints now. One that replaces others, and so has their first call, is not new.
        apis: the configured APIs.
    """
    found: list[News] = []
    gone = [old for old in before.values() if old.id not in after]
    methods: dict[tuple[str, str], set[str]] = {}
    for old in before.values():
        methods.setdefault((old.api, skeleton(old.template)), set()).add(old.method)
    for endpoint in sorted(after.values(), key=lambda row: (row.api, row.template, row.method)):
        if endpoint.id in before or endpoint.origin != "learned" or endpoint.first_seen is None:
            continue
        if any(_is_within(old, endpoint) for old in gone):
            continue
        known = methods.get((endpoint.api, skeleton(endpoint.template)), set())
        found.append(_of_endpoint(endpoint, sorted(known), apis.get(endpoint.api)))
    # Versions and hosts come first, because they explain the endpoints that came with them.
    return [*_of_versions(found, before.values()), *_of_hosts(before, after), *found]


def _is_within(old: Endpoint, new: Endpoint) -> bool:
    """Whether an endpoint that was removed is one of those that the new one replaces."""
    if (old.api, old.method) != (new.api, new.method):
        return False
    was, now = skeleton(old.template).split("/"), skeleton(new.template).split("/")
    return len(was) == len(now) and all(a == b or b.startswith("{}") for a, b in zip(was, now, strict=True))


def _of_endpoint(endpoint: Endpoint, methods: list[str], facts: ApiFacts | None) -> News:
    documented = facts is not None and facts.documented
    kind = "undocumented_endpoint" if documented else "new_endpoint"
    return News(
        "new_method" if methods else kind,  # type: ignore[arg-type]  # one of NewsKind's
        endpoint.api,
        endpoint.title,
        endpoint,
        {"api_documented": documented, "known_methods": methods, **_facts(endpoint)},
    )


def _facts(endpoint: Endpoint) -> dict[str, Fact]:
    return {
        "host": endpoint.host,
        "calls": endpoint.calls,
        "auth_seen": list(endpoint.auth_seen),
        "answers_without_credentials": endpoint.open_since is not None,
        "sensitive": list(endpoint.sensitive),
        "suggested_labels": list(endpoint.suggested_labels),
    }


def _of_versions(new: Iterable[News], before: Iterable[Endpoint]) -> list[News]:
    known: dict[tuple[str, str], set[str]] = {}
    for endpoint in before:
        version = version_of(endpoint.template)
        if version is not None:
            known.setdefault((endpoint.api, version[0]), set()).add(version[1])
    fresh: dict[tuple[str, str, str], list[Endpoint]] = {}
    for news in new:
        version = version_of(news.endpoint.template) if news.endpoint is not None else None
        others = known.get((news.api, version[0]), set()) if version else set()
        if version and news.endpoint and others and version[1] not in others:
            fresh.setdefault((news.api, *version), []).append(news.endpoint)
    return [
        News(
            "new_version",
            api,
            f"{base.rstrip('/')}/{name}",
            endpoints[0],
            {
                "version": name,
                "known_versions": sorted(known[(api, base)]),
                "endpoints": [endpoint.title for endpoint in endpoints[:20]],
                "sensitive": sorted({item for endpoint in endpoints for item in endpoint.sensitive}),
                "auth_seen": sorted({item for endpoint in endpoints for item in endpoint.auth_seen}),
            },
        )
        for (api, base, name), endpoints in sorted(fresh.items())
    ]


def _of_hosts(before: Mapping[str, Endpoint], after: Mapping[str, Endpoint]) -> list[News]:
    """Host names by which an API was never called before, if it was called by others."""
    # For the first host of an API nothing is known that it could differ from, so it is no news.
    known: dict[str, set[str]] = {}
    for endpoint in before.values():
        known.setdefault(endpoint.api, set()).update(endpoint.hosts)
    fresh: dict[tuple[str, str], Endpoint] = {}
    for endpoint in sorted(after.values(), key=lambda row: (row.api, row.template, row.method)):
        others = known.get(endpoint.api)
        for host in endpoint.hosts if others else ():
            if host not in (others or ()):
                fresh.setdefault((endpoint.api, host), endpoint)
    return [
        News("new_host", api, host, endpoint, {"host": host, "known_hosts": sorted(known[api])[:20]})
        for (api, host), endpoint in sorted(fresh.items())
    ]


def of_change(known: Endpoint, now: Endpoint, seen: Observation) -> list[News]:
    """News of an endpoint that was known before.

    Args:
        known: the endpoint before.
        now: the endpoint with what was seen.
        seen: what was seen.
    """
    found = []
    if known.last_seen is not None and seen.last_seen - known.last_seen > FORGOTTEN_AFTER:
        away = (seen.last_seen - known.last_seen).days
        found.append(News("reappeared", now.api, now.title, now, {"days_without_calls": away, **_facts(now)}))
    fresh = sorted(set(now.sensitive) - set(known.sensitive))
    if fresh and known.first_seen is not None:
        found.append(News("sensitive_class", now.api, now.title, now, {"classes": fresh, **_facts(now)}))
    # Only if callers sent credentials before: an API that never asked for any is open on purpose.
    settled = known.first_seen is not None and seen.last_seen - known.first_seen > SETTLED_AFTER
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
