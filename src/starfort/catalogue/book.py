"""What is known of one API: the shapes of its paths, its endpoints, and where ids of the past lead.

An API is learned by itself: what one costs depends on its own calls, and not on how many others there are.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from starfort.bundle.learned import LearnedEndpoint
from starfort.catalogue.decisions import Decisions
from starfort.catalogue.drift import Drift
from starfort.catalogue.evidence import Calls, Learned, folded
from starfort.catalogue.limits import CatalogueLimits
from starfort.catalogue.matcher import Matcher
from starfort.catalogue.model import ApiFacts, Declared, Endpoint, endpoint_id
from starfort.catalogue.observe import Observation
from starfort.catalogue.segments import SLUG
from starfort.catalogue.sightings import WORDS, Seen, ShapeKey, Sighting, Sightings, folded_shape, union
from starfort.catalogue.templates import learn, skeleton
from starfort.catalogue.version_log import VersionLog
from starfort.catalogue.versions import version_of

GROWTH: Final = 0.25
"""Templates are learned again when the evidence has grown by this share."""

LEAST_GROWTH: Final = 50
"""But not for fewer answered calls than this: a few calls decide nothing."""

FREE_S: Final = 0.5
"""Learning that takes less than this may be repeated at once."""

MOST_HOSTS: Final = 1_000
"""Host names of one API that are known; beyond, every one is new."""

PAUSE: Final = 4
"""After learning that took longer, this many times as long passes before the next, so that an API of ten
thousand shapes takes no more than a fifth of a core."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DIGIT: Final = re.compile(r"/\d")
_LOGIN: Final = ("login",)
_LOGIN_WORDS: Final = frozenset(
    {"login", "signin", "sign-in", "log-in", "logon", "token", "auth", "authenticate"}
)


def looks_like_login(method: str, template: str) -> bool:
    """Whether an endpoint's name says that people log in there."""
    return method == "POST" and template.rpartition("/")[2].lower() in _LOGIN_WORDS


class Book:
    """One API.

    Args:
        name: its name.
        limits: how much is kept.
        shapes: shapes of an earlier start.
        clock: seconds of a clock that only goes forward.
    """

    def __init__(
        self,
        name: str,
        limits: CatalogueLimits,
        shapes: dict[ShapeKey, Sighting] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.facts = ApiFacts(name)
        self.declared: dict[str, Declared] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self.merged: dict[str, str] = {}
        self.shapes = Sightings(limits.shapes, limits.hosts, shapes)
        self.changed: set[str] = set()
        """Ids of endpoints that changed or were removed."""
        self.led: set[str] = set()
        """Ids that lead to another endpoint than before, or to none, and were not saved since."""
        self._fresh_led: set[str] = set()
        self.hosts: set[str] = set()
        """Host names that its endpoints were called by."""
        self.versions = VersionLog(limits.asked)
        self.drift = Drift()
        self.dropped: Counter[str] = Counter()
        self.unsaved: set[str] = set()
        """Endpoints that were never written."""
        self.members_changed = True
        """Whether its endpoints are other ones than when the owner of this flag looked last."""
        self._made: set[str] = set()
        self._fresh_hosts: dict[str, str] = {}
        self._has_hosts = False
        self._called = False
        self._unplaced: set[ShapeKey] = set()
        self._waiting: set[ShapeKey] = set()
        self._learned: list[LearnedEndpoint] | None = None
        self._room = limits.endpoints
        self._limits, self._clock = limits, clock
        self._decided: dict[str, str] = {}
        self._decisions = Decisions()
        self._released = Decisions()
        self._matcher: Matcher | None = None
        self._words: Counter[str] = Counter()
        self._of_words: set[str] = set()
        self._folded: dict[ShapeKey, None] = {}
        self._dirty = bool(shapes)
        self.urgent = False
        """Whether calls wait for an endpoint, and not only words beside values for a judgement."""
        self._growth = 0
        self._grown = 0
        self._not_before = 0.0
        self.learned_at = 0.0
        """When templates were found the last time, by the clock."""
        self._snapshot: tuple[Endpoint, ...] | None = None

    # ------------------------------------------------------------------ what is asked

    def snapshot(self) -> tuple[Endpoint, ...]:
        """Every endpoint by path and method."""
        if self._snapshot is None:
            self._snapshot = tuple(
                sorted(self.endpoints.values(), key=lambda found: (found.template, found.method))
            )
        return self._snapshot

    def find(self, key: str) -> Endpoint | None:
        """The endpoint of an id, or the endpoint that it leads to."""
        return self.endpoints.get(self.merged.get(key, key))

    def ids(self, key: str) -> list[str]:
        """An endpoint's id and all that lead to it."""
        return [key, *sorted(old for old, new in self.merged.items() if new == key)]

    def learned(self) -> list[LearnedEndpoint]:
        """Endpoints that only traffic shows, for the compiler; by path and method."""
        if self._learned is None:
            self._learned = [
                LearnedEndpoint(found.api, found.method, found.template)
                for found in self.snapshot()
                if found.origin == "learned"
            ]
        return self._learned

    def usage(self) -> dict[str, int]:
        """How full it is, and what the limits kept out since the start."""
        learned = sum(found.origin == "learned" for found in self.endpoints.values())
        return {
            "endpoints": learned,
            "endpoints_limit": self._limits.endpoints,
            "endpoints_refused": self.dropped["endpoints"],
            "endpoints_evicted": self.dropped["evicted_endpoints"],
            "shapes": len(self.shapes),
            "shapes_limit": self._limits.shapes,
            "shapes_evicted": self.shapes.evicted,
        }

    def was_called(self, made: Collection[Endpoint]) -> bool:
        """Whether any endpoint but those that are new was called."""
        if self._called:
            return True
        new = {endpoint.id for endpoint in made}
        self._called = any(found.first_seen for found in self.endpoints.values())
        return any(found.first_seen and found.id not in new for found in self.endpoints.values())

    @property
    def watching(self) -> datetime | None:
        """When the first call of any of its endpoints was; None when there was none."""
        return min((found.first_seen for found in self.endpoints.values() if found.first_seen), default=None)

    # ------------------------------------------------------------------ what is kept

    def opened(self, kept: Mapping[str, Any]) -> None:
        """Take up work where an earlier start left off.

        Args:
            kept: what `kept` gave; empty when there is nothing.
        """
        self.hosts = {host for found in self.endpoints.values() for host in found.hosts}
        self._has_hosts = bool(self.hosts)
        self._unplaced = {key for key, found in self.shapes.items() if not found.endpoint_id}
        self._waiting = set(self._unplaced)
        # The store may be another one than the last time, so it is told all.
        self._fresh_led = set(self.merged)
        self.versions.load(kept.get("versions", {}))
        self.drift.load(kept.get("drift", {}))
        self.versions.know(self.endpoints.values(), self.facts.versions)
        # An older Starfort did not look for versions outside of paths, so all its calls count as without one.
        if "versions" not in kept:
            self.versions.plain = bool(self.endpoints)

    def kept(self) -> dict[str, Any]:
        """What is kept of the API as a whole, as JSON values."""
        return {"versions": self.versions.kept(), "drift": self.drift.kept()}

    @property
    def has_changes(self) -> bool:
        """Whether something is not written yet."""
        return bool(self.changed or self.led or self.shapes.changed)

    def saved(self) -> None:
        """Note that everything is written."""
        self.changed.clear()
        self.led.clear()
        self.shapes.changed.clear()
        self.unsaved.clear()

    # ------------------------------------------------------------------ what is declared

    def declare(self, facts: ApiFacts, declared: Mapping[str, Declared]) -> None:
        """Take over what a configuration says, in place of what the previous one said.

        Args:
            facts: the API.
            declared: documented and configured endpoints, by id.
        """
        self.facts = facts
        self._decide()
        for key in [key for key, found in self.endpoints.items() if found.origin != "learned"]:
            if key not in declared:
                self._undeclare(key)
        self.declared = dict(declared)
        for endpoint in declared.values():
            self._take_declared(endpoint)
        # Declared templates may cover learned paths now, and decisions may part or join them.
        self._dirty, self._not_before = True, 0.0
        self._folded.clear()
        self.versions.know(self.endpoints.values(), facts.versions)
        self._touch()

    def decide(self, decisions: Mapping[str, str]) -> None:
        """Take over what people decided about segments of paths; it counts more than the configuration.

        Args:
            decisions: `words` or `values` by place, `/api/*`.
        """
        self._released = self._decisions
        self._decided = dict(decisions)
        self._decide()
        self._dirty, self.urgent, self._not_before = True, True, 0.0
        self._folded.clear()

    def _decide(self) -> None:
        found = dict.fromkeys(self.facts.words, "words") | dict.fromkeys(self.facts.values, "values")
        found |= self._decided
        self._decisions = Decisions(
            [place for place, kind in found.items() if kind == "words"],
            [place for place, kind in found.items() if kind == "values"],
        )

    def _undeclare(self, key: str) -> None:
        known = self.endpoints[key]
        # Without a call it was only a line of the document. With a history it stays, as a learned endpoint.
        if known.first_seen is None:
            del self.endpoints[key]
        else:
            self.endpoints[key] = replace(known, origin="learned", deprecated=False, drift=(), told=())
        self.drift.forget(key)
        self.changed.add(key)

    def _take_declared(self, declared: Declared) -> None:
        key = declared.id
        known = self.endpoints.get(key) or Endpoint(
            key, declared.api, next(iter(self.facts.hosts), "*"), declared.method, declared.path, "documented"
        )
        self._put(
            replace(
                known,
                origin="documented" if declared.documented else "configured",
                labels=tuple(dict.fromkeys((*self.facts.labels, *declared.labels))),
                deprecated=declared.deprecated,
                told=tuple(word for word in known.told if word != "zombie" or declared.deprecated),
            )
        )
        # Its id has an endpoint of its own again, so it must not lead to another one any more.
        self._lead(key, None)

    # ------------------------------------------------------------------ what traffic shows

    def match(self, seen: Observation) -> Endpoint | None:
        """The endpoint that calls belong to as far as is known without learning."""
        if seen.endpoint_id and not (seen.shape and seen.endpoint_id in self.merged):
            found = self.find(seen.endpoint_id)
            # What people parted is not what the engine still takes it for.
            parted = found is not None and seen.shape and self._decisions.parts(found.template, seen.shape)
            return None if parted else found
        # By its shape where the engine knows no endpoint, or one that has parted since.
        if self._matcher is None:
            self._matcher = Matcher((row.method, row.template, row.id) for row in self.endpoints.values())
        return self.endpoints.get(self._matcher.find(seen.method, self._decisions.with_values(seen.shape)))

    def sight(self, seen: Observation, matched: Endpoint | None) -> None:
        """Remember the shape of a path that may be an endpoint of its own.

        Args:
            seen: what was seen.
            matched: the endpoint that it belongs to so far.
        """
        key = (seen.method, seen.shape)
        sighting = self.shapes.get(key)
        endpoint = ""
        if sighting is None and matched is not None:
            place = folded_shape(matched.template, seen.shape)
            # What a document says is a value is one. And where nothing answered, there is no other endpoint.
            if matched.origin != "learned" or not seen.answered or place in ("", seen.shape):
                return
            if matched.id in self._of_words:
                if key in self._folded or self._words[matched.id] >= 2 * WORDS:
                    self._count_together(key, (seen.method, place), seen, matched.id)
                    return
                self._words[matched.id] += 1
                endpoint = matched.id
            # Otherwise it is the first word beside numbers and ids, and learning says whether it is one of
            # them.
        sighting = self.shapes.add(key, seen, endpoint)
        self._growth += seen.answered
        if not sighting.endpoint_id:
            self._unplaced.add(key)
        if not sighting.endpoint_id and self.shapes.is_evident(key):
            self._dirty = True
            self.urgent = self.urgent or matched is None

    def _count_together(self, key: ShapeKey, place: ShapeKey, seen: Observation, endpoint: str) -> None:
        """Count one more word of a parameter that has more of them than are kept."""
        self.shapes.count_into(place, seen, words=int(key not in self._folded))
        self.shapes.kept[place].endpoint_id = endpoint
        self._growth += seen.answered
        self._remember_folded(key)

    def _remember_folded(self, key: ShapeKey) -> None:
        if len(self._folded) >= self._limits.placed:
            self._folded.pop(next(iter(self._folded)))
        self._folded[key] = None

    def endpoint_of(self, seen: Observation, matched: Endpoint | None) -> str:
        """The id of the endpoint that calls belong to; "" when it is not learned yet."""
        sighting = self.shapes.get((seen.method, seen.shape)) if seen.shape else None
        if sighting is not None:
            return sighting.endpoint_id if sighting.endpoint_id in self.endpoints else ""
        return matched.id if matched is not None and matched.id in self.endpoints else ""

    def see(self, key: str, seen: Observation) -> tuple[Endpoint, Endpoint]:
        """Add what was seen to an endpoint.

        Returns:
            The endpoint before and now.
        """
        known = self.endpoints[key]
        now = self._with(known, seen)
        if now.told and "orphan" in now.told:
            now = replace(now, told=tuple(word for word in now.told if word != "orphan"))
        self._put(now)
        return known, now

    def tell(self, key: str, word: str) -> bool:
        """Note that people are told something about an endpoint; `False` when they know."""
        known = self.endpoints[key]
        if word in known.told:
            return False
        self._put(replace(known, told=(*known.told, word)))
        return True

    def set_drift(self, key: str, codes: tuple[str, ...]) -> list[str]:
        """Note how an endpoint differs from its document; returns what is new."""
        known = self.endpoints[key]
        if known.drift == codes:
            return []
        self._put(replace(known, drift=codes))
        return sorted(set(codes) - set(known.drift))

    def take_made(self) -> list[Endpoint]:
        """The endpoints that learning has made since the last time and that replace no others."""
        made, self._made = self._made, set()
        return [self.endpoints[key] for key in made if key in self.endpoints]

    def take_hosts(self) -> list[tuple[str, Endpoint]]:
        """The host names that were new since the last time, each with an endpoint."""
        fresh, self._fresh_hosts = self._fresh_hosts, {}
        # Of the first hosts of an API nothing is known that they could differ from, so they are no news.
        first, self._has_hosts = not self._has_hosts, bool(self.hosts)
        if first:
            return []
        return [(host, self.endpoints[key]) for host, key in sorted(fresh.items()) if key in self.endpoints]

    def take_led(self) -> list[tuple[str, str, str]]:
        """Ids that lead elsewhere than the last time: id, where to, and that one's template."""
        fresh, self._fresh_led = self._fresh_led, set()
        found = []
        for old in sorted(fresh):
            into = self.endpoints.get(self.merged.get(old, ""))
            found.append((old, into.id, into.template) if into is not None else (old, "", ""))
        return found

    def take_late(self) -> dict[ShapeKey, tuple[int, str]]:
        """Shapes that have an endpoint now and were seen before the last time this was asked.

        Returns:
            Time of the first call in microseconds since 1970, and id of the endpoint, by shape.
        """
        found = {}
        for key in [key for key in self._unplaced if self._is_placed(key)]:
            self._unplaced.discard(key)
            sighting = self.shapes.get(key)
            if key in self._waiting and sighting is not None:
                found[key] = (sighting.first_us, sighting.endpoint_id)
        self._waiting = set(self._unplaced)
        return found

    def _is_placed(self, key: ShapeKey) -> bool:
        sighting = self.shapes.get(key)
        return sighting is None or bool(sighting.endpoint_id)

    # ------------------------------------------------------------------ learning

    def is_due(self) -> bool:
        """Whether there is something to learn."""
        grown = self._growth >= max(LEAST_GROWTH, GROWTH * self._grown)
        return (self._dirty or grown) and self._clock() >= self._not_before

    def learn(self) -> None:
        """Find the templates again; endpoints hand their history to those that take over."""
        began = self._clock()
        sightings = self.shapes.evident()
        learned = self._templates(sightings)
        self._move(sightings, learned)
        self._count_words(sightings, learned)
        self._dirty, self.urgent, self._growth = False, False, 0
        self.learned_at = began
        self._grown = sum(found.answered for found in sightings.values())
        took = self._clock() - began
        self._not_before = began + took + (PAUSE * took if took > FREE_S else 0.0)

    def _templates(self, sightings: Mapping[ShapeKey, Sighting]) -> dict[ShapeKey, Learned]:
        evidence: dict[str, dict[str, Calls]] = {}
        declared = {found.path for found in self.declared.values()}
        previous: dict[str, str] = {}
        shapes: dict[ShapeKey, str] = {}
        for (method, shape), sighting in sightings.items():
            declared.update(self._decisions.fixed(shape))
            declared.update(self._versioned(shape))
            decided = shapes[method, shape] = self._decisions.with_values(shape)
            calls = evidence.setdefault(decided, {})
            fresh = sighting.evidence()
            calls[method] = folded((calls[method], fresh)) if method in calls else fresh
            known = self.endpoints.get(sighting.endpoint_id)
            if known is not None and decided == shape and not self._is_released(shape):
                previous[shape] = known.template
        self._released = Decisions()
        learned = learn(evidence, declared, previous)
        return {key: learned[shape] for key, shape in shapes.items()}

    def _is_released(self, shape: str) -> bool:
        """Whether a decision about a shape was taken back, so that what came of it decides nothing."""
        return self._released.with_values(shape) != shape or any(self._released.fixed(shape))

    def _versioned(self, shape: str) -> list[str]:
        """The path to a version that could be taken for a value: a date, or any text that is configured."""
        places = self.facts.versions
        if not places.paths and _DIGIT.search(shape) is None:
            return []
        found = version_of(shape, places)
        return [] if found is None else [f"{found[0].base.rstrip('/')}/{found[0].name}"]

    def _move(self, sightings: Mapping[ShapeKey, Sighting], learned: Mapping[ShapeKey, Learned]) -> None:
        """Give each shape the endpoint of its template."""
        by_skeleton = {(found.method, skeleton(found.path)): found.id for found in self.declared.values()}
        gone: dict[str, Counter[str]] = {}
        fresh: dict[str, list[Sighting]] = {}
        kept: set[str] = set()
        weakest = self._weakest()
        for key, sighting in sightings.items():
            template = learned[key].template
            new = by_skeleton.get((key[0], skeleton(template))) or endpoint_id(
                self.facts.name, key[0], template
            )
            old = sighting.endpoint_id
            if new == old and new in self.endpoints:
                kept.add(old)
                continue
            if not self._make(new, key[0], template, sighting, weakest):
                continue
            if old in self.endpoints:
                gone.setdefault(old, Counter())[new] += max(1, sighting.calls)
            fresh.setdefault(new, []).append(sighting)
            sighting.endpoint_id = new
            self.shapes.changed.add(key)
        self._hand_over(gone, kept, fresh)

    def _hand_over(
        self, gone: Mapping[str, Counter[str]], kept: set[str], fresh: Mapping[str, list[Sighting]]
    ) -> None:
        """Move the history of endpoints whose shapes went to others."""
        for new, sightings in fresh.items():
            for sighting in sightings:
                self._put(self._with(self.endpoints[new], sighting))
        for old, shares in sorted(gone.items()):
            known = self.endpoints[old]
            moved = sum(shares.values())
            rest = max(0, known.calls - moved)
            heir = max(shares, key=lambda new: (shares[new], new))
            self._made.difference_update(shares)
            if old in kept or known.origin != "learned":
                self._put(replace(known, calls=rest))
                continue
            # What its shapes brought with them is not counted again. If only one took over, it has
            # everything.
            left = replace(known, calls=rest)
            self._put(
                _absorb(self.endpoints[heir], left if len(shares) == 1 else _bare(left), self._limits.hosts)
            )
            del self.endpoints[old]
            self.changed.add(old)
            self._lead(old, heir)
        self._touch()

    def _make(
        self,
        key: str,
        method: str,
        template: str,
        sighting: Sighting,
        weakest: list[tuple[tuple[int, int], str]],
    ) -> bool:
        """Make a learned endpoint unless it exists; `False` when too many are better proved."""
        if key in self.endpoints:
            return True
        if self._room <= 0 and not self._displace(sighting, weakest):
            self.dropped["endpoints"] += 1
            return False
        self._room -= 1
        host = next(iter(self.facts.hosts), "*")
        self.endpoints[key] = Endpoint(
            key, self.facts.name, host, method, template, "learned", self.facts.labels
        )
        self._made.add(key)
        self.unsaved.add(key)
        self.changed.add(key)
        self._lead(key, None)
        return True

    def _weakest(self) -> list[tuple[tuple[int, int], str]]:
        """Learned endpoints by what their evidence weighs, weakest last, if room is short."""
        learned = [found for found in self.endpoints.values() if found.origin == "learned"]
        self._room = self._limits.endpoints - len(learned)
        if self._room > len(self.shapes):
            return []
        return sorted((((found.callers, found.calls), found.id) for found in learned), reverse=True)

    def _displace(self, sighting: Sighting, weakest: list[tuple[tuple[int, int], str]]) -> bool:
        """Remove the learned endpoint with the least evidence if a new one has more."""
        if not weakest or sighting.strength[:2] <= weakest[-1][0]:
            return False
        _, key = weakest.pop()
        if key not in self.endpoints:
            return False
        del self.endpoints[key]
        self.changed.add(key)
        self.shapes.remove([shape for shape, found in self.shapes.items() if found.endpoint_id == key])
        self._room += 1
        self.dropped["evicted_endpoints"] += 1
        return True

    def _count_words(
        self, sightings: Mapping[ShapeKey, Sighting], learned: Mapping[ShapeKey, Learned]
    ) -> None:
        """Note which endpoints have words as values, and count those words together that are too many."""
        places = {
            key: (key[0], learned[key].shape)
            for key, found in sightings.items()
            if learned[key].shape != key[1] and found.endpoint_id
        }
        self._of_words = {found.endpoint_id for key, found in sightings.items() if SLUG in learned[key].shape}
        self._words = Counter(sightings[key].endpoint_id for key in places)
        before = set(self.shapes.kept)
        self.shapes.fold(places)
        for key in before.difference(self.shapes.kept):
            self._remember_folded(key)

    # ------------------------------------------------------------------ changing

    def _put(self, endpoint: Endpoint) -> None:
        if self.endpoints.get(endpoint.id) != endpoint:
            self._note_hosts(endpoint)
            self.endpoints[endpoint.id] = endpoint
            self.changed.add(endpoint.id)
            self._snapshot = None

    def _note_hosts(self, endpoint: Endpoint) -> None:
        if self.hosts.issuperset(endpoint.hosts):
            return
        for host in endpoint.hosts:
            if host not in self.hosts:
                self._fresh_hosts[host] = endpoint.id
                if len(self.hosts) < MOST_HOSTS:
                    self.hosts.add(host)
                else:
                    self.dropped["hosts"] += 1

    def _touch(self) -> None:
        self._matcher = self._snapshot = self._learned = None
        self.members_changed = True

    def _lead(self, old: str, new: str | None) -> None:
        """Let an id lead to another endpoint, or to none."""
        if new is None:
            if self.merged.pop(old, None) is not None:
                self._note_led(old)
            return
        # Events may still have an id from two merges ago, so every old id leads straight to the last one.
        for earlier in [key for key, into in self.merged.items() if into == old]:
            self.merged[earlier] = new
            self._note_led(earlier)
        self.merged[old] = new
        self._note_led(old)
        while len(self.merged) > self._limits.merged:
            first = next(iter(self.merged))
            del self.merged[first]
            self._note_led(first)

    def _note_led(self, old: str) -> None:
        self.led.add(old)
        self._fresh_led.add(old)

    def _with(self, known: Endpoint, seen: Seen) -> Endpoint:
        is_login = seen.logins > 0 or looks_like_login(known.method, known.template)
        opened = known.open_since
        if opened is None and seen.open_us is not None:
            opened = _time(seen.open_us)
        hosts = union(known.hosts, seen.hosts, self._limits.hosts)
        return replace(
            known,
            host=known.host if known.hosts else next(iter(hosts), known.host),
            hosts=hosts,
            first_seen=_least(known.first_seen, _time(seen.first_us)),
            last_seen=_most(known.last_seen, _time(seen.last_us)),
            calls=known.calls + seen.calls,
            auth_seen=union(known.auth_seen, seen.auth),
            sensitive=union(known.sensitive, seen.sensitive),
            suggested_labels=union(known.suggested_labels, ("login",))
            if is_login
            else known.suggested_labels,
            open_since=opened,
            caller_bits=known.caller_bits | seen.callers,
        )


def _bare(endpoint: Endpoint) -> Endpoint:
    """An endpoint with nothing but its calls: what it carried is shared out by its shapes."""
    return replace(
        endpoint, auth_seen=(), sensitive=(), hosts=(), suggested_labels=(), open_since=None, caller_bits=0
    )


def _absorb(into: Endpoint, gone: Endpoint, hosts: int) -> Endpoint:
    return replace(
        into,
        host=into.host if into.hosts else gone.host,
        hosts=union(into.hosts, gone.hosts, hosts),
        first_seen=_least(into.first_seen, gone.first_seen),
        last_seen=_most(into.last_seen, gone.last_seen),
        calls=into.calls + gone.calls,
        auth_seen=union(into.auth_seen, gone.auth_seen),
        sensitive=union(into.sensitive, gone.sensitive),
        suggested_labels=union(into.suggested_labels, gone.suggested_labels),
        open_since=_least(into.open_since, gone.open_since),
        caller_bits=into.caller_bits | gone.caller_bits,
    )


def _least(first: datetime | None, second: datetime | None) -> datetime | None:
    return min(filter(None, (first, second)), default=None)


def _most(first: datetime | None, second: datetime | None) -> datetime | None:
    return max(filter(None, (first, second)), default=None)


def _time(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
