"""Says what is new of the APIs that a refresh has changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from starfort.base.sql import load_sql
from starfort.catalogue import news
from starfort.catalogue.book import Book
from starfort.catalogue.comparison import AGAIN_AFTER, SETTLED, Comparer
from starfort.catalogue.drift import Difference
from starfort.catalogue.model import News
from starfort.catalogue.observe import Slice
from starfort.catalogue.states import ORPHAN_AFTER, silence
from starfort.catalogue.version_log import Pending
from starfort.catalogue.versions import Version
from starfort.store import Store

LOOK_EVERY: Final = timedelta(hours=1)
"""How often documented endpoints that nobody calls are looked for: that goes through all of them, and a state
that takes a month to come may be told an hour late."""

MOST_DIFFERENCES: Final = 20_000
"""Rows of one query about differences from documents."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Reporter:
    """Makes news.

    Args:
        store: where events are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._comparer = Comparer(store)
        self._looked_at: datetime | None = None

    def report(self, busy: Iterable[Book], books: Iterable[Book], now: datetime) -> list[News]:
        """What is new.

        Args:
            busy: the APIs that were called or learned since the last time.
            books: every API.
            now: up to when events were read, UTC.
        """
        found: list[News] = []
        now_us = (now - _EPOCH) // timedelta(microseconds=1)
        for book in busy:
            made = book.take_made()
            hosts = book.take_hosts()
            first = not book.was_called(made)
            book.versions.found(made, book.facts.versions, now_us, first=first)
            # Hosts come first, because they explain the endpoints that came with them; versions do so too.
            found += news.of_hosts(book, hosts)
            found += news.of_new(book, [endpoint for endpoint in made if endpoint.origin == "learned"])
        versions = [item for book in books for item in self._versions(book, now_us)]
        return [*versions, *found, *self._orphans(books, now)]

    def _versions(self, book: Book, now_us: int) -> list[News]:
        found = []
        for pending in list(book.versions.pending):
            item = self._compared(book, pending, now_us)
            if item is not None:
                found.append(item)
        return found

    def _compared(self, book: Book, pending: Pending, now_us: int) -> News | None:
        """The comparison of a new version if it is due, and says something that the last one did not."""
        stages = (timedelta(), *AGAIN_AFTER)
        age = timedelta(microseconds=now_us - pending.began_us)
        if age < stages[pending.stage]:
            return None
        # After a pause, several may be due; one says it all.
        while pending.stage < len(stages) and age >= stages[pending.stage]:
            pending.stage += 1
        if pending.stage >= len(stages):
            book.versions.pending.remove(pending)
        item = self._comparer.news(book, pending.version, pending.others, settled=age >= SETTLED)
        said = {name: value for name, value in item.facts.items() if not name.startswith("callers")}
        digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
        if digest == pending.told:
            return None
        pending.told = digest
        return item

    def compare(self, book: Book, version: str, before: str) -> News | None:
        """Compare two versions that may be known for long.

        Args:
            book: the API.
            version: title of the newer one.
            before: title of the older one; "" for the one before it.
        """
        known = book.versions.all(book.snapshot(), book.facts.versions)
        new = next((one for one in known if one.title == version), None)
        old = next((one for one in known if one.title == before), None)
        if new is None or (before and old is None):
            return None
        others: list[Version | None] = [old] if old is not None else [None]
        if not before:
            others = [one for one in known if one.family == new.family and one != new] or [None]
        return self._comparer.news(book, new, others, settled=True)

    def zombies(self, book: Book, key: str) -> list[News]:
        """The news that a called endpoint is deprecated, once."""
        endpoint = book.endpoints[key]
        if not endpoint.deprecated or endpoint.last_seen is None or not book.tell(key, "zombie"):
            return []
        return [news.of_zombie(book.endpoints[key])]

    def drift(self, part: Slice, books: dict[str, Book], now: datetime) -> list[News]:
        """Take over how calls differ from documents.

        Args:
            part: what one query read.
            books: every API, by name.
            now: up to when events were read, UTC.

        Returns:
            News of endpoints that drift in further ways.

        Raises:
            StoreError: the store does not answer.
        """
        window = {name: part.window[name] for name in ("since", "until", "oldest", "table")}
        rows = self._store.query(load_sql("catalogue", "queries/drift"), window | {"most": MOST_DIFFERENCES})
        touched = {book.name: set(book.drift.endpoints()) for book in books.values()}
        for row in rows:
            book = books.get(row["api"])
            endpoint = book.find(row["endpoint_id"]) if book is not None else None
            if book is not None and endpoint is not None and endpoint.origin == "documented":
                seen = Difference(row["calls"], row["callers"], row["last_us"], endpoint.calls)
                book.drift.add(endpoint.id, row["code"], seen)
                touched[book.name].add(endpoint.id)
        found = []
        now_us = (now - _EPOCH) // timedelta(microseconds=1)
        for api, keys in sorted(touched.items()):
            for key in sorted(keys & books[api].endpoints.keys()):
                book = books[api]
                fresh = book.set_drift(key, book.drift.codes(key, book.endpoints[key].calls, now_us))
                if fresh:
                    found.append(news.of_drift(book.endpoints[key], fresh))
        return found

    def _orphans(self, books: Iterable[Book], now: datetime) -> list[News]:
        if self._looked_at is not None and now - self._looked_at < LOOK_EVERY:
            return []
        self._looked_at = now
        found = []
        for book in books:
            watching = book.watching
            for endpoint in list(book.endpoints.values()):
                if not endpoint.documented:
                    continue
                away = silence(endpoint, watching, now)
                if away > ORPHAN_AFTER and book.tell(endpoint.id, "orphan"):
                    found.append(news.of_orphan(endpoint, away.days))
        return found
