"""Compares a version of an API with the one before it: what people want to know when a new version goes live.

In the first minute only a few endpoints of a new version were called, so the comparison is made again after
some time, and its alert is brought up to date. Only after `SETTLED` are endpoints that nobody called said to
be lost.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from starfort.base.sql import load_sql
from starfort.catalogue.book import Book
from starfort.catalogue.model import Endpoint, Fact, News
from starfort.catalogue.templates import skeleton
from starfort.catalogue.versions import Version, version_of
from starfort.store import Store, StoreError
from starfort.store.parameters import Value
from starfort.store.reach import is_far

AGAIN_AFTER: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 24 * 60))
"""When the comparison is made again, counted from the first call of the new version."""

SETTLED: Final = timedelta(hours=1)
"""From then on, what nobody called is lost; before, it was not called yet."""

WINDOW: Final = timedelta(days=1)
BUSY_WINDOW: Final = timedelta(minutes=10)
"""How far back calls are compared; less where a day has more events than can be read in time."""

MOST_NAMES: Final = 20
"""Names in one fact of an alert."""

MOST_ENDPOINTS: Final = 1_000
"""Endpoints of each version whose calls are compared."""

_REQUEST_HEADERS: Final = frozenset({
    "accept", "accept-encoding", "accept-language", "authorization", "connection", "content-length",
    "content-type", "cookie", "host", "user-agent",
})  # fmt: skip
"""Headers that any client sends, so that they are no parameters of an API."""


@dataclass(slots=True)
class Side:
    """What is known of one version.

    Attributes:
        endpoints: by method and template without the version: `GET /orders/{}`.
        parameters: `query:page`, by the same.
        auth: kinds of credential.
        open: endpoints that answered without credentials.
        guarded: endpoints that were called with credentials only.
        sensitive: classes of data in answers.
        callers: how many different callers, about.
    """

    endpoints: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, set[str]] = field(default_factory=dict)
    auth: set[str] = field(default_factory=set)
    open: set[str] = field(default_factory=set)
    guarded: set[str] = field(default_factory=set)
    sensitive: set[str] = field(default_factory=set)
    callers: int = 0


def compare(new: Side, old: Side, *, settled: bool) -> dict[str, Fact]:
    """What a version has that the one before it has not, and the other way round.

    Args:
        new: the new version.
        old: the one before it.
        settled: whether it has been live for long enough to miss something in it.
    """
    both = new.endpoints.keys() & old.endpoints.keys()
    missing = _names(old.endpoints[key] for key in old.endpoints.keys() - new.endpoints.keys())
    fresh, gone = set(), set()
    for key in both:
        before, after = old.parameters.get(key, set()), new.parameters.get(key, set())
        fresh |= {f"{new.endpoints[key]} {name}" for name in after - before}
        gone |= {f"{new.endpoints[key]} {name}" for name in before - after}
    return {
        "endpoints": _names(new.endpoints.values()),
        "endpoints_gained": _names(new.endpoints[key] for key in new.endpoints.keys() - old.endpoints.keys()),
        "endpoints_lost": missing if settled else [],
        "endpoints_not_called_yet": [] if settled else missing,
        "parameters_gained": _names(fresh),
        "parameters_lost": _names(gone) if settled else [],
        "auth_seen": _names(new.auth),
        "auth_gained": _names(new.auth - old.auth),
        "auth_lost": _names(old.auth - new.auth) if settled else [],
        # Asked for credentials before, and answers without any now.
        "opened": _names(new.endpoints[key] for key in both & new.open & old.guarded),
        "sensitive": _names(new.sensitive),
        "sensitive_gained": _names(new.sensitive - old.sensitive),
        "sensitive_lost": _names(old.sensitive - new.sensitive) if settled else [],
        "callers": new.callers,
        "callers_before": old.callers,
    }


def _names(names: Iterable[str]) -> list[str]:
    found = sorted(set(names))
    return found if len(found) <= MOST_NAMES else [*found[:MOST_NAMES], f"and {len(found) - MOST_NAMES} more"]


class Comparer:
    """Makes comparisons from the catalogue and from the events of both versions.

    Args:
        store: where events are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def news(self, book: Book, new: Version, others: Collection[Version | None], *, settled: bool) -> News:
        """What there is to say about a version that is new.

        Args:
            book: its API.
            new: the version.
            others: versions of the same family that were there before; None stands for calls without a
                version.
            settled: whether it has been live for long enough to miss something in it.
        """
        # The newest of the others that is not newer than this one; an old version may come back to life.
        named = sorted((other for other in others if other is not None), key=lambda other: other.age)
        older = [other for other in named if other.age < new.age]
        before = next(reversed(older or named), None)
        sides = self._sides(book, new, before)
        facts: dict[str, Fact] = {
            "version": new.name,
            "place": new.place,
            "known_versions": [other.name for other in named],
            "compared_with": before.title if before is not None else "calls without a version",
            **compare(*sides, settled=settled),
        }
        first = next((row for row in book.snapshot() if row.title in sides[0].endpoints.values()), None)
        return News("new_version", book.name, new.title, first, facts)

    def _sides(self, book: Book, new: Version, old: Version | None) -> tuple[Side, Side]:
        if new.place == "path":
            return self._by_path(book, new, old)
        return self._by_request(book, new, old)

    def _by_path(self, book: Book, new: Version, old: Version | None) -> tuple[Side, Side]:
        sides = (Side(), Side())
        keys: dict[str, tuple[Side, str]] = {}
        tails = {}
        for endpoint in book.snapshot():
            found = version_of(endpoint.template, book.facts.versions)
            version, tail = found or (None, skeleton(endpoint.template))
            key = f"{endpoint.method} {tail}"
            if version == new:
                tails[key] = endpoint
            side = sides[0] if version == new else sides[1] if version == old else None
            # Without a version before it, only what the new one replaces is compared: an API may have much
            # else.
            if side is not None and (side is sides[0] or old is not None or key in tails):
                keys[endpoint.id] = (side, key)
                _add(side, key, endpoint)
        if old is None:
            self._add_unversioned(book, sides[1], tails, keys)
        ids = [
            [key for key, (side, _) in keys.items() if side is wanted][:MOST_ENDPOINTS] for wanted in sides
        ]
        self._add_calls(book, {"new_ids": ids[0], "old_ids": ids[1], "new": "", "old": ""}, sides, keys)
        return sides

    @staticmethod
    def _add_unversioned(
        book: Book, side: Side, tails: Mapping[str, Endpoint], keys: dict[str, tuple[Side, str]]
    ) -> None:
        for endpoint in book.snapshot():
            key = f"{endpoint.method} {skeleton(endpoint.template)}"
            if key in tails and endpoint.id not in keys:
                keys[endpoint.id] = (side, key)
                _add(side, key, endpoint)

    def _by_request(self, book: Book, new: Version, old: Version | None) -> tuple[Side, Side]:
        sides = (Side(), Side())
        keys: dict[str, tuple[Side, str]] = {}
        asked = f"{new.place}:{new.name}", f"{old.place}:{old.name}" if old is not None else ""
        ids = [row.id for row in book.snapshot() if row.first_seen is not None][:MOST_ENDPOINTS]
        given: dict[str, Value] = {"new_ids": ids, "old_ids": ids, "new": asked[0], "old": asked[1]}
        self._add_calls(book, given, sides, keys)
        return sides

    def _add_calls(
        self,
        book: Book,
        given: Mapping[str, Value],
        sides: tuple[Side, Side],
        keys: Mapping[str, tuple[Side, str]],
    ) -> None:
        """Add what events say, where they can be read in time."""
        try:
            now = self._store.settled()
            since = now - (BUSY_WINDOW if is_far(self._store, now - WINDOW) else WINDOW)
            scope: dict[str, Value] = {"api": book.name, "since": since, **given}
            rows = self._store.query(load_sql("catalogue", "queries/version_calls"), scope)
        except StoreError:
            return
        for row in rows:
            side = sides[0] if row["side"] == "new" else sides[1]
            if row["endpoint_id"] == "":  # the row over all endpoints
                side.callers = row["callers"]
                continue
            endpoint = book.find(row["endpoint_id"])
            if endpoint is None:
                continue
            key = (
                keys[endpoint.id][1]
                if endpoint.id in keys
                else f"{endpoint.method} {skeleton(endpoint.template)}"
            )
            if endpoint.id not in keys:
                side.endpoints[key] = endpoint.title
                side.auth.update(row["auth"])
                side.sensitive.update(row["sensitive"])
                (side.open if row["open_calls"] else side.guarded).add(key)
            side.parameters.setdefault(key, set()).update(_parameters(row["parameters"]))


def _add(side: Side, key: str, endpoint: Endpoint) -> None:
    side.endpoints[key] = endpoint.title
    side.auth.update(endpoint.auth_seen)
    side.sensitive.update(endpoint.sensitive)
    if endpoint.open_since is not None:
        side.open.add(key)
    elif endpoint.auth_seen:
        side.guarded.add(key)


def _parameters(seen: Sequence[str]) -> set[str]:
    """Names of parameters, `query:page`, without those of the path, which belong to the template."""
    found = set()
    for text in seen:
        place, _, rest = text.partition(":")
        name = rest.rpartition(":")[0]
        if (
            name
            and place != "path"
            and not (place in ("header", "cookie") and name.lower() in _REQUEST_HEADERS)
        ):
            found.add(f"{place}:{name}")
    return found
