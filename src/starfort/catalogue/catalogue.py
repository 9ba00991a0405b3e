"""The catalogue: what is declared, what traffic showed, and what changed.

`refresh` reads what came since the last time (README.md describes the way of an event), and `learn` finds the
templates of each API that has something new. When an endpoint's template changes, its history goes with it.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Engine

from starfort.bundle.learned import LearnedEndpoint
from starfort.catalogue import news as reports
from starfort.catalogue.evidence import Calls
from starfort.catalogue.model import ApiFacts, Declared, Endpoint, News, endpoint_id
from starfort.catalogue.observe import Observation, Observer
from starfort.catalogue.records import Records, ShapeKey, Sighting
from starfort.catalogue.segments import SLUG
from starfort.catalogue.templates import learn, skeleton
from starfort.store import Store

SAVE_EVERY_S: Final = 30.0
"""How often times of calls are written; new endpoints are written at once."""

MIN_WEAK_CALLS: Final = 10
"""A path that was only refused (401, 403), redirected or failed is an endpoint after this many calls.
Gateways in front of APIs give these answers for any path, so one call of a scanner proves nothing."""


@dataclass(frozen=True, slots=True)
class CatalogueLimits:
    """How much the catalogue keeps at most.

    Attributes:
        shapes: shapes of one API, without words that are values of a parameter; beyond it new ones are
            dropped.
        endpoints: learned endpoints of one API.
        merged: ids of endpoints that were merged into others.
        hosts: hosts of one endpoint.
        placed: paths whose endpoint is remembered, so that they need no learning again.
    """

    shapes: int = 10_000
    endpoints: int = 5_000
    merged: int = 20_000
    hosts: int = 20
    placed: int = 50_000


class Catalogue:
    """Endpoints of every API. Safe to call from several threads.

    Args:
        store: where events are.
        engine: the state database, for what outlives events.
        limits: how much is kept.
    """

    def __init__(self, store: Store, engine: Engine, limits: CatalogueLimits | None = None) -> None:
        self._records = Records(engine)
        self._memory = self._records.load()
        self._observer = Observer(store, self._memory.watermark)
        self._limits = limits or CatalogueLimits()
        self._lock = threading.Lock()
        self._apis: dict[str, ApiFacts] = {}
        self._declared: dict[str, Declared] = {}
        self._placed: dict[ShapeKey, str] = {}
        self._of_words = {found.endpoint_id for key, found in self._memory.shapes.items() if SLUG in key[2]}
        self._count()
        self._dirty: set[str] = set()
        self._changed: set[str] = set()
        self._changed_shapes: set[ShapeKey] = set()
        self._saved_at = time.monotonic()
        self._dropped = {"shapes": 0, "endpoints": 0, "unknown_ids": 0}
        self._snapshot: tuple[Endpoint, ...] = ()
        self._publish()

    # ------------------------------------------------------------------ what is asked

    def endpoints(self) -> Sequence[Endpoint]:
        """Every endpoint of the APIs in force, by API, path and method."""
        return self._snapshot

    def learned_endpoints(self) -> list[LearnedEndpoint]:
        """Endpoints that traffic showed and nothing declares, for the compiler; in a stable order."""
        return [
            LearnedEndpoint(endpoint.api, endpoint.method, endpoint.template)
            for endpoint in self._snapshot
            if endpoint.origin == "learned"
        ]

    def find(self, key: str) -> Endpoint | None:
        """The endpoint of an id, or the endpoint that it was merged into."""
        return self._memory.endpoints.get(self._memory.merged.get(key, key))

    def versions(self, api: str) -> dict[str, list[str]]:
        """Versions of an API by the path before them: `{"/": ["v1", "v2"]}`."""
        found: dict[str, set[str]] = {}
        for endpoint in self._snapshot:
            version = reports.version_of(endpoint.template) if endpoint.api == api else None
            if version is not None:
                found.setdefault(version[0], set()).add(version[1])
        return {base: sorted(names) for base, names in sorted(found.items())}

    @property
    def dropped(self) -> dict[str, int]:
        """How much the limits have kept out since the start, by reason."""
        return {
            **self._dropped,
            "rows": self._observer.dropped_rows,
            "paths": self._observer.dropped_paths,
        }

    # ------------------------------------------------------------------ what is declared

    def declare(self, apis: Iterable[ApiFacts], endpoints: Iterable[Declared]) -> None:
        """Take over what a configuration names, in place of what the previous one named.

        An endpoint that is no longer declared stays as a learned one if it was ever called.

        Args:
            apis: every API.
            endpoints: documented and configured endpoints.
        """
        with self._lock:
            self._apis = {facts.name: facts for facts in apis}
            declared = {endpoint.id: endpoint for endpoint in endpoints}
            for key in self._declared.keys() - declared.keys():
                self._undeclare(key)
            self._declared = declared
            for key in [key for key, found in self._memory.endpoints.items() if found.origin != "learned"]:
                if key not in declared:  # declared by a configuration of an earlier start
                    self._undeclare(key)
            for endpoint in declared.values():
                self._take_declared(endpoint)
            # Declared templates may cover learned paths now, so every API is learned again.
            self._dirty.update(self._apis)
            self._placed.clear()
            self._publish()

    def _undeclare(self, key: str) -> None:
        known = self._memory.endpoints.get(key)
        if known is None:
            return
        # Without a call it was only a line of the document. With a history it stays, as a learned endpoint.
        if known.first_seen is None:
            del self._memory.endpoints[key]
        else:
            self._memory.endpoints[key] = replace(known, origin="learned")
        self._changed.add(key)

    def _take_declared(self, declared: Declared) -> None:
        facts = self._apis.get(declared.api, ApiFacts(declared.api))
        labels = tuple(dict.fromkeys((*facts.labels, *declared.labels)))
        key = declared.id
        known = self._memory.endpoints.get(key) or Endpoint(
            key, declared.api, next(iter(facts.hosts), "*"), declared.method, declared.path, "documented"
        )
        endpoint = replace(known, origin="documented" if declared.documented else "configured", labels=labels)
        if endpoint != self._memory.endpoints.get(key):
            self._memory.endpoints[key] = endpoint
            self._changed.add(key)
        # Its id has an endpoint of its own again, so it must not lead to another one any more.
        self._memory.merged.pop(key, None)

    # ------------------------------------------------------------------ what traffic shows

    def refresh(self) -> list[News]:
        """Take over what came since the last time.

        Returns:
            What changed.

        Raises:
            StoreError: the store does not answer; nothing is lost.
        """
        # One lock guards everything that changes; pages read a snapshot and never wait for it.
        with self._lock:
            before = dict(self._memory.endpoints)
            self._count()
            seen = list(self._observer.read(self._apis.keys()))
            for observation in seen:
                self._sight(observation)
            found: list[News] = []
            for api in sorted(self._dirty):
                self._learn(api)
            self._dirty.clear()
            for observation in seen:
                key = self._endpoint_of(observation)
                if key is not None:
                    found += self._see(key, observation, before)
            # Only now, so that it is never saved before what was read: a restart then reads events again.
            self._memory.watermark = self._observer.watermark
            # After everything was seen, so that news of a new endpoint have its hosts and classes.
            found += reports.of_new(before, self._memory.endpoints, self._apis)
            self._publish()
            self._save(before)
            return found

    def _count(self) -> None:
        self._shape_count = Counter(key[0] for key in self._memory.shapes)
        self._learned_count = Counter(
            found.api for found in self._memory.endpoints.values() if found.origin == "learned"
        )

    def _sight(self, seen: Observation) -> None:
        """Remember the shape of a path that may be an endpoint of its own."""
        key = (seen.api, seen.method, seen.shape)
        if not seen.shape or key in self._placed:
            return
        matched = self._resolve(seen.endpoint_id)
        if seen.endpoint_id and (
            matched is None
            or matched.origin != "learned"
            or matched.id in self._of_words
            or not seen.answered
        ):
            # The segment looks like a fixed word, and a document or earlier traffic has a parameter there. So
            # it is one more value and no endpoint of its own.
            return
        known = self._memory.shapes.get(key)
        if known is None:
            if self._shape_count[seen.api] >= self._limits.shapes:
                self._dropped["shapes"] += 1
                return
            self._shape_count[seen.api] += 1
            known = self._memory.shapes[key] = Sighting(seen.first_seen, seen.last_seen)
        known.first_seen = min(known.first_seen, seen.first_seen)
        known.last_seen = max(known.last_seen, seen.last_seen)
        known.calls += seen.calls
        known.answered += seen.answered
        self._changed_shapes.add(key)
        if not known.endpoint_id and _is_evident(known):
            self._dirty.add(seen.api)

    def _learn(self, api: str) -> None:
        """Find the templates of an API again; endpoints whose template changed are merged into new ones."""
        sightings = {
            key: found for key, found in self._memory.shapes.items() if key[0] == api and _is_evident(found)
        }
        evidence: dict[str, dict[str, Calls]] = {}
        for (_, method, shape), sighting in sightings.items():
            evidence.setdefault(shape, {})[method] = Calls(sighting.answered)
        declared = {found.path for found in self._declared.values() if found.api == api}
        by_skeleton = {
            (found.method, skeleton(found.path)): found.id
            for found in self._declared.values()
            if found.api == api
        }
        learned = learn(evidence, declared)
        moved: dict[str, str] = {}
        for key, sighting in sightings.items():
            _, method, shape = key
            place = learned[shape]
            wanted = by_skeleton.get((method, skeleton(place.template)))
            new = wanted or endpoint_id(api, method, place.template)
            if not self._make(new, api, method, place.template):
                continue
            if sighting.endpoint_id and sighting.endpoint_id != new:
                moved[sighting.endpoint_id] = new
            sighting.endpoint_id = new
            self._changed_shapes.add(key)
            self._place(key, new)
            if SLUG in place.shape:
                self._of_words.add(new)
            self._keep_as(key, (api, method, place.shape))
        self._merge(api, moved)

    def _make(self, key: str, api: str, method: str, template: str) -> bool:
        """Make a learned endpoint unless it exists; `False` when the API has too many."""
        if key in self._memory.endpoints:
            return True
        if self._learned_count[api] >= self._limits.endpoints:
            self._dropped["endpoints"] += 1
            return False
        self._learned_count[api] += 1
        facts = self._apis.get(api, ApiFacts(api))
        host = next(iter(facts.hosts), "*")
        self._memory.endpoints[key] = Endpoint(key, api, host, method, template, "learned", facts.labels)
        self._memory.merged.pop(key, None)
        self._changed.add(key)
        return True

    def _place(self, key: ShapeKey, endpoint: str) -> None:
        if len(self._placed) >= self._limits.placed:
            # The oldest is dropped. Learning finds it again, which takes some time and loses nothing.
            self._placed.pop(next(iter(self._placed)))
        self._placed[key] = endpoint

    def _keep_as(self, old: ShapeKey, new: ShapeKey) -> None:
        """Keep words that were found to be values as one shape, so that thousands of them take one row."""
        if old == new:
            return
        sighting = self._memory.shapes.pop(old)
        known = self._memory.shapes.get(new)
        if known is None:
            self._memory.shapes[new] = sighting
        else:
            known.first_seen = min(known.first_seen, sighting.first_seen)
            known.last_seen = max(known.last_seen, sighting.last_seen)
            known.calls += sighting.calls
            known.answered += sighting.answered
            known.endpoint_id = sighting.endpoint_id
        self._changed_shapes.update((old, new))

    def _merge(self, api: str, moved: dict[str, str]) -> None:
        """Merge endpoints that have no shape any more into those that their shapes went to."""
        in_use = {found.endpoint_id for key, found in self._memory.shapes.items() if key[0] == api}
        for old, new in sorted(moved.items()):
            gone = self._memory.endpoints.get(old)
            if gone is None or gone.origin != "learned" or old in in_use:
                continue
            self._memory.endpoints[new] = _absorb(self._memory.endpoints[new], gone, self._limits.hosts)
            del self._memory.endpoints[old]
            # Events may still have an id from two merges ago, so every old id leads straight to the last one.
            for earlier in [key for key, into in self._memory.merged.items() if into == old]:
                self._memory.merged[earlier] = new
            self._memory.merged[old] = new
            self._changed.update((old, new))
        while len(self._memory.merged) > self._limits.merged:
            self._memory.merged.pop(next(iter(self._memory.merged)))

    def _resolve(self, key: str) -> Endpoint | None:
        return self._memory.endpoints.get(self._memory.merged.get(key, key))

    def _endpoint_of(self, seen: Observation) -> str | None:
        if seen.shape:
            key = (seen.api, seen.method, seen.shape)
            sighting = self._memory.shapes.get(key)
            placed = self._placed.get(key) or (sighting.endpoint_id if sighting else "")
            if placed:
                return self._memory.merged.get(placed, placed)
        found = self._resolve(seen.endpoint_id) if seen.endpoint_id else None
        if found is None and seen.endpoint_id:
            self._dropped["unknown_ids"] += 1
        return found.id if found else None

    def _see(self, key: str, seen: Observation, before: dict[str, Endpoint]) -> list[News]:
        """Add what was seen to an endpoint, and give the news about one that was known before."""
        known = self._memory.endpoints.get(key)
        if known is None:
            return []
        endpoint = _with(known, seen, self._limits.hosts)
        if endpoint == known:
            return []
        self._memory.endpoints[key] = endpoint
        self._changed.add(key)
        return reports.of_change(known, endpoint, seen) if key in before else []

    # ------------------------------------------------------------------ keeping

    def _publish(self) -> None:
        # Endpoints of an API that is no longer configured are kept, because it may return, but not shown.
        found = [
            endpoint
            for endpoint in self._memory.endpoints.values()
            if not self._apis or endpoint.api in self._apis
        ]
        self._snapshot = tuple(sorted(found, key=lambda found: (found.api, found.template, found.method)))

    def _save(self, before: dict[str, Endpoint]) -> None:
        due = time.monotonic() - self._saved_at >= SAVE_EVERY_S
        # Times change with every call and are written seldom; a new endpoint is written at once, because
        # people were told about it.
        if not due and before.keys() == self._memory.endpoints.keys():
            return
        self.save()

    def save(self) -> None:
        """Write what changed. `refresh` does so now and then, and the owner of the catalogue at the end."""
        self._records.save(self._memory, self._changed, self._changed_shapes)
        self._changed.clear()
        self._changed_shapes.clear()
        self._saved_at = time.monotonic()


def _is_evident(seen: Sighting) -> bool:
    return seen.answered > 0 or seen.calls >= MIN_WEAK_CALLS


def _union(first: Iterable[str], second: Iterable[str], most: int = 32) -> tuple[str, ...]:
    # Old values stay: people know what was seen first, and the limit must not push it out.
    kept = tuple(first)
    return (kept + tuple(sorted(set(second) - set(kept))))[:most]


def _with(known: Endpoint, seen: Observation, hosts: int) -> Endpoint:
    is_login = seen.logins > 0 or reports.looks_like_login(known.method, known.template)
    return replace(
        known,
        host=known.host if known.hosts else next(iter(seen.hosts), known.host),
        hosts=_union(known.hosts, seen.hosts, hosts),
        first_seen=min(filter(None, (known.first_seen, seen.first_seen))),
        last_seen=max(filter(None, (known.last_seen, seen.last_seen))),
        calls=known.calls + seen.calls,
        auth_seen=_union(known.auth_seen, seen.auth),
        sensitive=_union(known.sensitive, seen.sensitive),
        suggested_labels=_union(known.suggested_labels, ("login",) if is_login else ()),
        open_since=known.open_since or (seen.first_seen if seen.open_calls else None),
    )


def _absorb(into: Endpoint, gone: Endpoint, hosts: int) -> Endpoint:
    first = [time for time in (into.first_seen, gone.first_seen) if time]
    last = [time for time in (into.last_seen, gone.last_seen) if time]
    opened = [time for time in (into.open_since, gone.open_since) if time]
    return replace(
        into,
        host=into.host if into.hosts else gone.host,
        hosts=_union(into.hosts, gone.hosts, hosts),
        first_seen=min(first, default=None),
        last_seen=max(last, default=None),
        calls=into.calls + gone.calls,
        auth_seen=_union(into.auth_seen, gone.auth_seen),
        sensitive=_union(into.sensitive, gone.sensitive),
        suggested_labels=_union(into.suggested_labels, gone.suggested_labels),
        open_since=min(opened, default=None),
    )
