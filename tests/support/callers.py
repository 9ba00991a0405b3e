"""Callers for detector tests: what people, offices, bots and campaigns do, as rows of events.

Each case has a time slot of its own in the suite's one store, so cases don't see each other.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from starfort.signals.detector import Detector
from starfort.signals.model import Signal
from starfort.signals.query import run_once
from starfort.store import Store
from tests.support.events import event, stream

_SLOTS = itertools.count(1)
Row = dict[str, Any]


def slot() -> dt.datetime:
    """A moment far from those of other cases. Detectors look back an hour at most, so cases in one store do not meet."""
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    return now - dt.timedelta(hours=3 * next(_SLOTS))


def hashed(text: str) -> str:
    """16 hexadecimal characters, as the filter's keyed hashes have."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def spread(start: dt.datetime, seconds: float, count: int) -> Iterator[dt.datetime]:
    """`count` moments, spread evenly over `seconds` from `start` on."""
    return (start + dt.timedelta(seconds=seconds * index / max(count, 1)) for index in range(count))


def address(index: int, network: str = "198.51") -> str:
    """A different address for each index below 65,536."""
    return f"{network}.{index // 256 % 256}.{index % 256}"


def login(time: dt.datetime, account: str, *, ok: bool, **fields: Any) -> Row:
    """One log-in: 200 when ok, else 401."""
    row = {
        "time": time,
        "method": "POST",
        "path": "/login",
        "template": "/login",
        "endpoint_id": "login",
        "status": 200 if ok else 401,
        "account_hash": hashed(account),
        "password_hash": hashed(f"secret of {account}"),
        "fingerprint": "people0000000000",
        "ja4": "t13d_people",
        "asn": 64500,
    }
    return event(**(row | fields))


def campaign(start: dt.datetime, attempts: int = 60, addresses: int = 60, **fields: Any) -> list[Row]:
    """Credential stuffing: each attempt has another account, addresses take turns, and all is over within 30 s."""
    tool = {"fingerprint": "tool000000000000", "ja4": "t13d_tool", "asn": 64666}
    return [
        login(time, f"leaked-{index}", ok=False, address=address(index % addresses), **(tool | fields))
        for index, time in enumerate(spread(start, 30, attempts))
    ]


def people(
    start: dt.datetime,
    count: int,
    *,
    seconds: float = 55,
    fail_every: int = 10,
    network: str = "203.0",
    **fields: Any,
) -> list[Row]:
    """Real people: each logs in once from their own address; every `fail_every`th mistypes once before."""
    rows: list[Row] = []
    for index, time in enumerate(spread(start, seconds, count)):
        mine = {"address": address(index, network)} | fields
        if fail_every and index % fail_every == 0:
            rows.append(login(time - dt.timedelta(seconds=3), f"person-{index}", ok=False, **mine))
        rows.append(login(time, f"person-{index}", ok=True, **mine))
    return rows


def read(time: dt.datetime, path: str, **fields: Any) -> Row:
    """One GET that answered 200; the last segment is the object when it is a number."""
    last = path.rsplit("/", 1)[-1]
    row = {
        "time": time,
        "path": path,
        "template": path.removesuffix(last) + "{id}" if last.isdigit() else path,
        "endpoint_id": path.split("/")[1],
        "object_hash": hashed(last) if last.isdigit() else "",
        "fingerprint": "people0000000000",
        "ja4": "t13d_people",
        "asn": 64500,
    }
    return event(**(row | fields))


def run(store: Store, detector: Detector, rows: Iterable[Row], until: dt.datetime) -> list[Signal]:
    """Insert rows and run the detector at `until`."""
    store.insert_arrow(stream(rows))
    return run_once(store, detector, until)[0]


def builtin(name: str) -> Detector:
    """A detector that comes with Starfort."""
    package = Path(__file__).parents[2] / "src" / "starfort"
    (path,) = package.glob(f"*/detectors/{name}.sql")
    return Detector.load(path, builtin=True)


def keys(signals: Iterable[Signal]) -> set[tuple[str, str]]:
    """Key type and key of each signal."""
    return {(signal.key_type, signal.key) for signal in signals}
