"""Login attempts: how many failures an address and an account may have.

A sliding window over failures only: people who log in are never limited by having logged in. Per address and
account together it stops guessing one password; per address alone it stops spraying; per account alone it
slows many addresses that share the work, without letting a stranger lock somebody out for long.
"""

import ipaddress
import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from starfort.admin.errors import TooManyError

WINDOW_S = 300.0
MAX_KEYS = 20_000
"""Windows kept; beyond it the longest unused is forgotten (and counted in `forgotten`)."""
LIMITS = {"pair": 5, "address": 20, "account": 50}
"""Failures per `WINDOW_S`. OWASP ASVS 5.0 section 6.3.1 asks for a limit and leaves the figures open."""


class LoginLimiter:
    """Counts failures in memory.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[tuple[str, ...], deque[float]] = OrderedDict()
        self._lock = threading.Lock()
        self.forgotten = 0

    def check(self, address: str, account: str) -> None:
        """Refuse the attempt when there were too many failures.

        Raises:
            TooManyError: with the seconds until the oldest failure leaves the window.
        """
        now = self._clock()
        with self._lock:
            for key in _keys(address, account):
                times = self._recent(key, now)
                if len(times) >= LIMITS[key[0]]:
                    wait = max(1, math.ceil(times[0] + WINDOW_S - now))
                    raise TooManyError(f"too many failed logins: try again in {wait} s", wait)

    def failed(self, address: str, account: str) -> None:
        """Count a failure."""
        now = self._clock()
        with self._lock:
            for key in _keys(address, account):
                self._recent(key, now).append(now)
                self._failures.move_to_end(key)
            while len(self._failures) > MAX_KEYS:
                self._failures.popitem(last=False)
                self.forgotten += 1

    def succeeded(self, address: str, account: str) -> None:
        """Forget the failures of this person at this address (not those of the whole address)."""
        with self._lock:
            self._failures.pop(_keys(address, account)[0], None)

    def _recent(self, key: tuple[str, ...], now: float) -> deque[float]:
        times = self._failures.setdefault(key, deque(maxlen=LIMITS[key[0]]))
        while times and times[0] <= now - WINDOW_S:
            times.popleft()
        return times


def _keys(address: str, account: str) -> list[tuple[str, ...]]:
    network = _network(address)
    account = account[:64].lower()
    return [("pair", network, account), ("address", network), ("account", account)]


def _network(address: str) -> str:
    # One customer has a whole IPv6 /64, so its addresses count as one.
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
