"""Keeps what is known of schemas in the state database, for longer than events are kept."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Engine, delete, insert, select

from starfort.catalogue.schemas.record import Record
from starfort.catalogue.schemas.support import Trust
from starfort.state.tables import CATALOGUE_SCHEMAS, CATALOGUE_STATE

_WATERMARK: Final = "schemas_watermark_us"

IN_MEMORY: Final = 2_000
"""Records that are kept in memory, those used last; the others are read when they are needed."""

MAX_TEXT: Final = 400_000
"""Bytes of one record. One that grows beyond loses what is not trusted: a busy endpoint has some 20,000."""


class SchemaRecords:
    """The table `catalogue_schemas`. One thread at a time.

    Args:
        engine: the state database.
        trust: when a fact is trusted.
    """

    def __init__(self, engine: Engine, trust: Trust) -> None:
        self._engine = engine
        self.trust = trust
        self._recent: OrderedDict[str, Record] = OrderedDict()
        self._changed: dict[str, str] = {}
        self.pruned = 0

    def watermark(self) -> datetime | None:
        """Up to when shapes were read."""
        with self._engine.connect() as connection:
            mark = connection.execute(
                select(CATALOGUE_STATE.c.value).where(CATALOGUE_STATE.c.name == _WATERMARK)
            ).scalar()
        return None if mark is None else datetime.fromtimestamp(int(mark) / 1_000_000, UTC)

    def ids(self, api: str) -> list[str]:
        """Endpoints of an API with a record."""
        with self._engine.connect() as connection:
            kept = connection.execute(
                select(CATALOGUE_SCHEMAS.c.endpoint_id).where(CATALOGUE_SCHEMAS.c.api == api)
            ).scalars()
            return sorted({*kept, *(key for key, of in self._changed.items() if of == api)})

    def find(self, endpoint_id: str) -> Record | None:
        """What is known of an endpoint."""
        known = self._recent.get(endpoint_id)
        if known is None:
            with self._engine.connect() as connection:
                text = connection.execute(
                    select(CATALOGUE_SCHEMAS.c.record).where(CATALOGUE_SCHEMAS.c.endpoint_id == endpoint_id)
                ).scalar()
            if text is None:
                return None
            known = Record.from_json(json.loads(text))
        self._remember(endpoint_id, known)
        return known

    def change(self, endpoint_id: str, api: str) -> Record:
        """The record of an endpoint, which is about to change; a new one when there is none."""
        record = self.find(endpoint_id) or Record()
        self._remember(endpoint_id, record)
        self._changed[endpoint_id] = api
        return record

    def forget(self, endpoint_ids: Iterable[str]) -> None:
        """Remove the records of endpoints."""
        gone = list(endpoint_ids)
        for key in gone:
            self._recent.pop(key, None)
            self._changed.pop(key, None)
        if gone:
            with self._engine.begin() as connection:
                connection.execute(delete(CATALOGUE_SCHEMAS).where(CATALOGUE_SCHEMAS.c.endpoint_id.in_(gone)))

    def all_ids(self) -> Iterator[tuple[str, str]]:
        """Endpoint and API of every record that was saved."""
        with self._engine.connect() as connection:
            for row in connection.execute(select(CATALOGUE_SCHEMAS.c.endpoint_id, CATALOGUE_SCHEMAS.c.api)):
                yield row.endpoint_id, row.api

    def save(self, watermark: datetime | None) -> None:
        """Write what changed, in one transaction."""
        rows = [
            {
                "endpoint_id": key,
                "api": api,
                "updated_ms": time.time_ns() // 1_000_000,
                "record": self._text(key),
            }
            for key, api in self._changed.items()
        ]
        keys = [row["endpoint_id"] for row in rows]
        with self._engine.begin() as connection:
            if rows:
                connection.execute(delete(CATALOGUE_SCHEMAS).where(CATALOGUE_SCHEMAS.c.endpoint_id.in_(keys)))
                connection.execute(insert(CATALOGUE_SCHEMAS), rows)
            if watermark is not None:
                connection.execute(delete(CATALOGUE_STATE).where(CATALOGUE_STATE.c.name == _WATERMARK))
                mark = {"name": _WATERMARK, "value": str(int(watermark.timestamp() * 1_000_000))}
                connection.execute(insert(CATALOGUE_STATE), [mark])
        self._changed.clear()
        while len(self._recent) > IN_MEMORY:
            self._recent.popitem(last=False)

    def _text(self, endpoint_id: str) -> str:
        record = self._recent[endpoint_id]
        text = json.dumps(record.to_json(), separators=(",", ":"))
        if len(text) > MAX_TEXT:
            record.prune(self.trust)
            self.pruned += 1
            text = json.dumps(record.to_json(), separators=(",", ":"))
        return text

    def _remember(self, endpoint_id: str, record: Record) -> None:
        self._recent[endpoint_id] = record
        self._recent.move_to_end(endpoint_id)
