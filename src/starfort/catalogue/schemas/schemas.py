"""Learns the schemas of endpoints from the shapes of their calls, and answers what they are.

`docs/catalogue.md`, "Schemas", explains it for users.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from sqlalchemy import Engine

from starfort.catalogue.model import Endpoint
from starfort.catalogue.schemas import shape as shapes
from starfort.catalogue.schemas.contract import is_ready, operation
from starfort.catalogue.schemas.learn import Reading
from starfort.catalogue.schemas.observe import ShapedCall, ShapeObserver
from starfort.catalogue.schemas.record import REQUEST, Record
from starfort.catalogue.schemas.records import SchemaRecords
from starfort.catalogue.schemas.support import Support, Trust
from starfort.contracts.model import Contract, Operation
from starfort.store import Store

SAVE_EVERY_S: Final = 30.0
"""How often records are written."""

MAX_WAITING: Final = 2_000
"""Calls that wait for their endpoint: the catalogue needs some calls before it believes in one."""

WAIT_S: Final = 300.0
"""How long they wait."""


class Endpoints(Protocol):
    """What is asked of the catalogue."""

    def endpoints(self) -> Sequence[Endpoint]:
        """Every endpoint."""

    def find(self, key: str) -> Endpoint | None:
        """The endpoint of an id, or the endpoint that it was merged into."""


class Schemas:
    """The schemas of all endpoints. Safe to call from several threads.

    Args:
        store: where events are.
        engine: the state database.
        endpoints: the catalogue.
        trust: when a fact is trusted.
    """

    def __init__(
        self, store: Store, engine: Engine, endpoints: Endpoints, trust: Trust | None = None
    ) -> None:
        self._records = SchemaRecords(engine, trust or Trust())
        self._observer = ShapeObserver(store, self._records.watermark())
        self._endpoints = endpoints
        self._lock = threading.Lock()
        self._waiting: list[tuple[float, ShapedCall]] = []
        self._saved_at = time.monotonic()
        self._dropped = {"waiting": 0, "unreadable": 0}

    def trust(self, trust: Trust) -> None:
        """Take over when facts are trusted. What is trusted already stays so."""
        with self._lock:
            self._records.trust = trust

    def refresh(self) -> int:
        """Take over what came since the last time.

        Returns:
            How many shapes were taken over.

        Raises:
            StoreError: the store does not answer; nothing is lost.
        """
        with self._lock:
            calls = [call for _, call in self._waiting] + list(self._observer.read())
            since = {id(call): begun for begun, call in self._waiting}
            templates = _Templates(self._endpoints.endpoints())
            now, self._waiting, taken = time.monotonic(), [], 0
            for call in calls:
                found = self._endpoint_of(call, templates)
                if found is None:
                    self._wait(call, since.get(id(call), now), now)
                else:
                    self._take(call, found)
                    taken += 1
            if now - self._saved_at > SAVE_EVERY_S:
                self._save()
            return taken

    def contract(self, api: str, reading: Reading = Reading.TRUSTED) -> Contract:
        """What was learned of an API.

        Args:
            api: its name.
            reading: `TRUSTED` is what an API may be held to: endpoints that too few callers called
                (`contract.is_ready`) are open. `SEEN` has every endpoint that was called, and everything
                seen validates.

        Returns:
            A contract with `source="learned"` and the least confidence of operations that are not open.
        """
        found = []
        for endpoint in self._endpoints.endpoints():
            if endpoint.api == api and endpoint.method != "*":
                made = self.operation(endpoint.id, reading)
                if made is not None:
                    found.append(made)
                elif reading is Reading.TRUSTED and endpoint.first_seen is not None:
                    found.append(Operation(endpoint.method, endpoint.template, confidence=0.0, is_open=True))
        least = min((one.confidence for one in found if not one.is_open), default=0.0)
        return Contract(api=api, operations=tuple(found), source="learned", confidence=least)

    def operation(self, endpoint_id: str, reading: Reading = Reading.SEEN) -> Operation | None:
        """What was learned of one endpoint, with its confidence; `None` when that is nothing."""
        endpoint = self._endpoints.find(endpoint_id)
        if endpoint is None:
            return None
        with self._lock:
            record, trust = self._records.find(endpoint.id), self._records.trust
            if record is None or (reading is Reading.TRUSTED and not is_ready(record, trust)):
                return None
            return operation(record, endpoint.method, endpoint.template, reading=reading, trust=trust)

    @property
    def dropped(self) -> Mapping[str, int]:
        """What limits kept out since the start, by reason."""
        counts = {**self._dropped, "rows": self._observer.dropped, "pruned": self._records.pruned}
        return {f"schemas_{reason}": count for reason, count in counts.items()}

    def save(self) -> None:
        """Write what is not written yet."""
        with self._lock:
            self._save()

    # ------------------------------------------------------------------ calls

    def _take(self, call: ShapedCall, endpoint: Endpoint) -> None:
        record = self._records.change(endpoint.id, endpoint.api)
        support = Support((call.caller,), call.time_s, call.time_s)
        self._add(record, REQUEST, call.request, call.content_type, support)
        self._add(record, str(call.status), call.response, call.response_content_type, support)

    def _add(self, record: Record, side: str, text: str, media_type: str, support: Support) -> None:
        if not text:
            return
        try:
            shape = shapes.read(text)
            record.add(side, shape, media_type.lower()[:100], support, self._records.trust)
        except ValueError:
            # A text that no engine of this version writes.
            self._dropped["unreadable"] += 1

    def _endpoint_of(self, call: ShapedCall, templates: _Templates) -> Endpoint | None:
        if call.endpoint_id:
            return self._endpoints.find(call.endpoint_id)
        return templates.find(call.api, call.method, call.path)

    def _wait(self, call: ShapedCall, since: float, now: float) -> None:
        if now - since > WAIT_S or len(self._waiting) >= MAX_WAITING:
            self._dropped["waiting"] += 1
        else:
            self._waiting.append((since, call))

    def _save(self) -> None:
        self._follow()
        self._records.save(self._observer.watermark)
        self._saved_at = time.monotonic()

    def _follow(self) -> None:
        """Merge the records of endpoints that became part of another one."""
        gone = []
        for key, api in list(self._records.all_ids()):
            endpoint = self._endpoints.find(key)
            if endpoint is None or endpoint.id == key:
                continue
            record = self._records.find(key)
            if record is not None:
                self._records.change(endpoint.id, api).merge(record, self._records.trust)
            gone.append(key)
        self._records.forget(gone)


class _Templates:
    """Finds the endpoint of a path, where the engine did not know it yet."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self._endpoints = endpoints
        self._by_place: dict[tuple[str, str, int], list[tuple[re.Pattern[str], Endpoint]]] | None = None

    def find(self, api: str, method: str, path: str) -> Endpoint | None:
        """The endpoint with the most fixed text that fits."""
        if self._by_place is None:
            self._by_place = {}
            # The most fixed text first (OpenAPI 3.1.0, Paths Object).
            for endpoint in sorted(self._endpoints, key=lambda one: one.template.count("{")):
                key = (endpoint.api, endpoint.method, endpoint.template.count("/"))
                self._by_place.setdefault(key, []).append((_pattern(endpoint.template), endpoint))
        for pattern, endpoint in self._by_place.get((api, method, path.count("/")), ()):
            if pattern.fullmatch(path):
                return endpoint
        return None


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{[^{}]*\}", template)
    return re.compile("[^/]+?".join(map(re.escape, parts)))
