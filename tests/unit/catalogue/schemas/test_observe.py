"""Reading shapes forward through the store."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest

from starfort.catalogue.schemas import observe
from starfort.catalogue.schemas.observe import ShapeObserver
from starfort.store import Store
from tests.support.events import event, stream

_numbers = itertools.count()


def _insert(store: Store, *addresses: str, **fields: object) -> str:
    api = f"observed-shapes-{next(_numbers)}"
    rows = [
        event(api=api, address=address, id=f"{api}-{n}", **{"shape_request": "{}", **fields})
        for n, address in enumerate(addresses)
    ]
    store.insert_arrow(stream(rows), token=api)
    return api


def test_callers_are_subjects_or_addresses(store: Store) -> None:
    """Addresses of IPv4 count each, those of IPv6 by their network; a verified subject counts wherever it is."""
    observer = ShapeObserver(store, None)
    one = _insert(store, "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "2001:db8:1::1")
    two = _insert(store, "192.0.2.1", "192.0.2.2", subject_hash="00ff")
    seen = list(observer.read())
    assert len({call.caller for call in seen if call.api == one}) == 4
    assert len({call.caller for call in seen if call.api == two}) == 1


def test_calls_without_shapes_are_not_read(store: Store) -> None:
    """Only rows with a shape are read."""
    observer = ShapeObserver(store, dt.datetime.now(dt.UTC))
    api = _insert(store, "192.0.2.1", shape_request="")
    assert api not in {call.api for call in observer.read()}


def test_a_look_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more rows than one look takes, some are read, and the others are counted."""
    monkeypatch.setattr(observe, "MAX_ROWS", 2)
    monkeypatch.setattr(observe, "OVERLAP", dt.timedelta(0))
    observer = ShapeObserver(store, dt.datetime.now(dt.UTC))
    _insert(store, "192.0.2.1", "192.0.2.2", "192.0.2.3")
    assert len(list(observer.read())) == 2
    assert observer.dropped == 1
