"""Filters are told who logged in before."""

from __future__ import annotations

import datetime as dt
import hashlib

from starfort.signals.known import REBUILD_EVERY_S, KnownLogins, Part
from starfort.store import Store
from tests.support.callers import hashed, login, slot
from tests.support.events import stream


class Filters:
    """What filters were told."""

    def __init__(self) -> None:
        self.told: list[tuple[bytes, Part]] = []
        self.pauses: list[float] = []

    async def take(self, hashes: bytes, part: Part) -> None:
        """One push."""
        self.told.append((hashes, part))

    async def pause(self, seconds: float) -> None:
        """Wait for nothing."""
        self.pauses.append(seconds)

    def hashes(self) -> set[int]:
        """Everything told."""
        return {
            int.from_bytes(told[i : i + 8], "little") for told, _ in self.told for i in range(0, len(told), 8)
        }


def known(*parts: str) -> int:
    """The hash that stands for a log-in."""
    return int.from_bytes(hashlib.sha256("|".join(parts).encode()).digest()[:8], "little")


async def test_filters_are_told_who_succeeded_from_where(store: Store) -> None:
    """Account with address, account with network and tool, account, network with tool; of failures nothing."""
    now = slot()
    account, other = hashed("known-ann"), hashed("known-eve")
    rows = [
        login(now, "known-ann", ok=True, address="192.0.2.77", asn=64511, fingerprint="f1"),
        login(now, "known-eve", ok=False, address="192.0.2.78", asn=64511, fingerprint="f2"),
        login(now, "known-eve", ok=True, address="2001:db8:7:8::9", asn=0, fingerprint="f3"),
        login(now, "known-bob", ok=True, action="deceive", address="192.0.2.79"),
    ]
    store.insert_arrow(stream(rows))
    filters = Filters()
    await KnownLogins(store, filters.take).refresh()
    told = filters.hashes()
    assert {
        known("address", account, "192.0.2.77"),
        known("device", account, "asn:64511", "f1"),
        known("account", account),
        known("network", "asn:64511", "f1"),
        known("address", other, "2001:db8:7:8::"),
        known("device", other, "2001:db8:7::/48", "f3"),
    } <= told
    assert known("address", other, "192.0.2.78") not in told
    assert known("account", hashed("known-bob")) not in told


async def test_what_is_new_follows_and_what_is_gone_is_forgotten(store: Store) -> None:
    """First all, as a rebuild; then what came since; after six hours all anew, which lets filters forget."""
    filters, times = Filters(), [slot().timestamp()]
    logins = KnownLogins(store, filters.take, lambda: times[-1], filters.pause)
    await logins.refresh()
    assert filters.told[0] == (b"", Part.FIRST)
    assert filters.told[-1] == (b"", Part.LAST)
    before = len(logins.chunks())
    filters.told.clear()
    later = dt.datetime.fromtimestamp(times[-1] + 30, dt.UTC)
    store.insert_arrow(stream([login(later, "known-new", ok=True)]))
    times.append(times[-1] + 60)
    await logins.refresh()
    assert known("account", hashed("known-new")) in filters.hashes()
    assert {part for _, part in filters.told} == {Part.MORE}
    assert len(logins.chunks()) == before + 1
    assert not filters.pauses
    filters.told.clear()
    times.append(times[-1] + REBUILD_EVERY_S)
    await logins.refresh()
    assert [part for _, part in filters.told if part is not Part.MORE] == [Part.FIRST, Part.LAST]
    assert filters.pauses, "what filters saw before the rebuild began is in the store first"
