"""The catalogue: what is declared, what traffic showed, and what changed.

`refresh` reads what came since the last time (README.md describes the way of an event). Each API is a `Book`,
which finds its templates again when it has something new.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Final

from sqlalchemy import Engine

from starfort.bundle.learned import LearnedEndpoint
from starfort.catalogue import news as reports
from starfort.catalogue.attribute import Attribution
from starfort.catalogue.book import Book
from starfort.catalogue.limits import CatalogueLimits
from starfort.catalogue.model import ApiFacts, Decision, Declared, Endpoint, News, Segments
from starfort.catalogue.observe import Observation, Observer, Slice
from starfort.catalogue.records import Records
from starfort.catalogue.reporter import Reporter
from starfort.store import Store

SAVE_EVERY_S: Final = 30.0
"""How often times of calls are written; new endpoints are written at once."""

SAVE_PAUSE: Final = 20
"""And not before this many times as long as writing took has passed."""

LEARN_S: Final = 0.4
"""Time in one refresh after which no further API is learned. With a refresh every two seconds that is a fifth
of a core, and a hundred APIs of a thousand endpoints have their turn within half a minute."""


class Catalogue:
    """Endpoints of every API. Safe to call from several threads.

    Args:
        store: where events are.
        engine: the state database, for what outlives events.
        limits: how much is kept of each API.
        clock: seconds of a clock that only goes forward.
    """

    def __init__(
        self,
        store: Store,
        engine: Engine,
        limits: CatalogueLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._records = Records(engine)
        self._limits, self._clock = limits or CatalogueLimits(), clock
        self._books: dict[str, Book] = {}
        self._apis: dict[str, ApiFacts] = {}
        self._lock = threading.Lock()
        self._decided: dict[str, dict[str, str]] = {}
        self._load()
        self._observer = Observer(store, self._watermark)
        self._attribution = Attribution(store)
        self._reporter = Reporter(store)
        self._save_at = clock() + SAVE_EVERY_S
        self._learned: list[LearnedEndpoint] = []
        self._shown: tuple[str, ...] = ()
        self._snapshot: tuple[Endpoint, ...] = ()
        self._publish()

    def _load(self) -> None:
        memory = self._records.load()
        self._watermark = memory.watermark
        for api, shapes in memory.shapes.items():
            self._books[api] = Book(api, self._limits, shapes, self._clock)
        for endpoint in memory.endpoints:
            self._book(endpoint.api).endpoints[endpoint.id] = endpoint
        homes = {key: book for book in self._books.values() for key in book.endpoints}
        for old, new in memory.merged.items():
            if new in homes:
                homes[new].merged[old] = new
        for book in self._books.values():
            book.opened(memory.apis.get(book.name, {}))
        for decision in self._records.decisions():
            self._decided.setdefault(decision.api, {})[decision.place] = decision.segments
        for api, decided in self._decided.items():
            self._book(api).decide(decided)

    def _book(self, api: str) -> Book:
        found = self._books.get(api)
        if found is None:
            found = self._books[api] = Book(api, self._limits, clock=self._clock)
        return found

    # ------------------------------------------------------------------ what is asked

    def endpoints(self) -> Sequence[Endpoint]:
        """Every endpoint of the APIs in force, by API, path and method."""
        return self._snapshot

    def learned_endpoints(self) -> Sequence[LearnedEndpoint]:
        """Endpoints that traffic showed and nothing declares, for the compiler; in a stable order.

        The same list as the last time while they are the same.
        """
        return self._learned

    def find(self, key: str) -> Endpoint | None:
        """The endpoint of an id, or the endpoint that it leads to."""
        for book in tuple(self._books.values()):
            found = book.find(key)
            if found is not None:
                return found
        return None

    def ids(self, key: str) -> list[str]:
        """An endpoint's id and every id that leads to it; events of the past carry these."""
        for book in tuple(self._books.values()):
            found = book.find(key)
            if found is not None:
                return book.ids(found.id)
        return [key]

    def leads(self) -> Mapping[str, str]:
        """Ids of the past, each with the id of the endpoint that it leads to."""
        return dict(chain.from_iterable(book.merged.items() for book in tuple(self._books.values())))

    def versions(self, api: str) -> dict[str, list[str]]:
        """Versions of an API by the path before them, or by where else they are asked for.

        `{"/": ["v1", "v2"], "header": ["2024-01"]}`.
        """
        book = self._books.get(api)
        return book.versions.names(book.snapshot(), book.facts.versions) if book is not None else {}

    def version_titles(self, api: str) -> list[str]:
        """Versions of an API as `compare` takes them: `/v2`, `2024-01 (header)`."""
        book = self._books.get(api)
        if book is None:
            return []
        return [version.title for version in book.versions.all(book.snapshot(), book.facts.versions)]

    def usage(self) -> dict[str, dict[str, int]]:
        """How full each API is: `endpoints` and `shapes` with their limits, and what the limits kept out."""
        return {api: book.usage() for api, book in sorted(self._books.items()) if self._is_shown(api)}

    @property
    def dropped(self) -> dict[str, int]:
        """How much the limits have kept out since the start, by reason."""
        found: Counter[str] = Counter(
            {"shapes": 0, "endpoints": 0, "evicted_endpoints": 0, "versions": 0, "unknown_ids": 0}
        )
        for book in tuple(self._books.values()):
            found.update(book.dropped)
            found["shapes"] += book.shapes.evicted
            found["versions"] += book.versions.dropped
        return {
            **found,
            "rows": self._observer.dropped_rows,
            "paths": self._observer.dropped_paths,
            "attributions": self._attribution.dropped,
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
            declared: dict[str, dict[str, Declared]] = {}
            for endpoint in endpoints:
                declared.setdefault(endpoint.api, {})[endpoint.id] = endpoint
            for api in {*self._books, *self._apis, *declared}:
                self._book(api).declare(self._apis.get(api, ApiFacts(api)), declared.get(api, {}))
            # An id that is declared leads nowhere else from now on.
            self._attribution.lead(chain.from_iterable(book.take_led() for book in self._books.values()))
            self._publish()

    def decisions(self) -> list[Decision]:
        """What people decided about segments of paths, by API and place."""
        return self._records.decisions()

    def decide(self, api: str, place: str, segments: Segments | None, user: str) -> None:
        """Note what the segments at a place of an API's paths are. The next refresh acts on it.

        Args:
            api: the API.
            place: a path from the root whose last segment is `*`.
            segments: `words`: each segment is an endpoint of its own; `values`: they are one parameter;
                None: what traffic shows.
            user: who decided.
        """
        with self._lock:
            decided = self._decided.setdefault(api, {})
            decided.pop(place, None)
            decision = None
            if segments is not None:
                decided[place] = segments
                decision = Decision(api, place, segments, user, datetime.now(UTC))
            self._records.decide(api, place, decision)
            self._book(api).decide(decided)

    def compare(self, api: str, version: str, before: str = "") -> News | None:
        """Compare two versions of an API.

        Args:
            api: the API.
            version: the newer one, as `Version.title` gives it: `/v2`, `2024-01 (header)`.
            before: the older one; "" for the one before it.

        Returns:
            The comparison in `facts`; None when the API has no such version.
        """
        with self._lock:
            book = self._books.get(api)
            return None if book is None else self._reporter.compare(book, version, before)

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
            found: list[News] = []
            for part in self._observer.read(self._apis.keys()):
                found += self._take(part)
            self._publish()
            self._save()
            return found

    def _take(self, part: Slice) -> list[News]:
        """Take over what one query read."""
        seen = [(self._book(one.api), one) for one in part.seen]
        found: list[News] = []
        for book, one in seen:
            found += self._sight(book, one)
        busy = {book.name: book for book, _ in seen}
        busy.update((book.name, book) for book in self._learn())
        if not part.live:
            return self._take_quietly(busy.values(), part)
        self._attribution.take(part, seen, busy.values())
        self._attribution.lead(chain.from_iterable(book.take_led() for book in busy.values()))
        found += self._reporter.drift(part, self._books, part.until)
        # After everything was seen, so that news of a new endpoint have its hosts and classes.
        ordered = [book for _, book in sorted(busy.items())]
        return self._reporter.report(ordered, list(self._books.values()), part.until) + found

    def _take_quietly(self, busy: Iterable[Book], part: Slice) -> list[News]:
        """Note what was imported. It says what there was, some time ago, so it is no news."""
        self._attribution.lead(chain.from_iterable(book.take_led() for book in busy))
        pending = [(book, list(book.versions.pending)) for book in busy]
        self._reporter.report(busy, [], part.until)
        for book, before in pending:
            book.versions.pending = before
        return []

    def _learn(self) -> list[Book]:
        """Find the templates of APIs that have something new, for as long as there is time."""
        due = [book for book in self._books.values() if book.is_due() and self._is_shown(book.name)]
        # First where calls have no endpoint yet, then where it was done longest ago: all get their turn.
        due.sort(key=lambda book: (not book.urgent, book.learned_at, book.name))
        began, done = self._clock(), []
        for book in due:
            book.learn()
            done.append(book)
            if self._clock() - began > LEARN_S:
                break
        return done

    def _sight(self, book: Book, seen: Observation) -> list[News]:
        matched = book.match(seen)
        if seen.shape:
            book.sight(seen, matched)
        if seen.answered:
            book.versions.ask(seen.asked, seen.first_us, seen.last_us, seen.answered, seen.callers)
        key = book.endpoint_of(seen, matched)
        if key:
            known, now = book.see(key, seen)
            return [*reports.of_change(known, now, seen), *self._reporter.zombies(book, key)]
        if seen.endpoint_id and not seen.shape:
            book.dropped["unknown_ids"] += 1
        return []

    # ------------------------------------------------------------------ keeping

    def _is_shown(self, api: str) -> bool:
        # Endpoints of an API that is no longer configured are kept, because it may return, but not shown.
        return not self._apis or api in self._apis

    def _publish(self) -> None:
        shown = [book for api, book in sorted(self._books.items()) if self._is_shown(api)]
        self._snapshot = tuple(chain.from_iterable(book.snapshot() for book in shown))
        apis = tuple(book.name for book in shown)
        if apis != self._shown or any(book.members_changed for book in shown):
            self._shown = apis
            self._learned = list(chain.from_iterable(book.learned() for book in shown))
        for book in shown:
            book.members_changed = False

    def _save(self) -> None:
        # Times change with every call and are written seldom; a new endpoint is written at once, because
        # people were told about it.
        if self._clock() >= self._save_at:
            self.save()
        else:
            self._records.save_made([book for book in self._books.values() if book.unsaved])

    def save(self) -> None:
        """Write what changed. `refresh` does so now and then, and the owner of the catalogue at the end."""
        # The watermark is never saved before what was read: a restart then reads events again.
        began = self._clock()
        self._records.save(self._books.values(), self._observer.watermark)
        now = self._clock()
        self._save_at = now + max(SAVE_EVERY_S, SAVE_PAUSE * (now - began))
