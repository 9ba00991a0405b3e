"""Attempts to prove who one is: how many an address, an account, a browser may make.

An attempt is counted **before** it is verified and given back when it proves right: guesses that arrive at
once are counted like guesses one after the other, and people who log in are never limited by having logged
in. Each limit is a pace with a burst (GCRA): after `LIMITS` failures at once, one more is let through each
`WINDOW_S / LIMITS` seconds.

Per address and account together it stops guessing one password; per address alone it stops spraying; per
account alone it slows many addresses that share the work. A stranger must not lock somebody out that way, so
the last two do not hold for a browser in which this person logged in before (OWASP, "Slow Down Online
Guessing Attacks with Device Cookies"), and the last does not for an account with a second factor, whose
password alone opens nothing.
"""

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from starfort.admin.errors import TooManyError

WINDOW_S = 300.0
MAX_KEYS = 20_000
"""How many counters are kept. Beyond it the one that was unused longest is forgotten, and counted in
`forgotten`: an attacker with many addresses must not fill the memory."""
LIMITS = {
    "pair": 5,
    "address": 20,
    "account": 50,
    "browser": 10,
    "code": 5,
    "code_account": 20,
    "token": 60,
}
"""Failures per `WINDOW_S`. OWASP ASVS 4.0.3, 2.2.1, allows at most 100 an hour for an account: 50 at once and
then one each six seconds is slower than an attacker needs and faster than a person types. Codes have a
million values of which three are right: 20 in five minutes find one in half a year."""

Key = tuple[str, ...]


class Attempt:
    """One attempt that was counted."""

    def __init__(self, limiter: "Limiter", keys: Sequence[Key]) -> None:
        self._limiter = limiter
        self._keys = keys
        self._open = True

    def succeeded(self) -> None:
        """It proved right: it does not count, and neither do this person's failures from this place."""
        self._close(forget=True)

    def withdrawn(self) -> None:
        """It was never verified: it does not count."""
        self._close(forget=False)

    def _close(self, *, forget: bool) -> None:
        if self._open:
            self._open = False
            self._limiter.give_back(self._keys, forget=forget)


class Limiter:
    """Counts attempts in memory.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._full_at: OrderedDict[Key, float] = OrderedDict()
        self._lock = threading.Lock()
        self.forgotten = 0

    def password(
        self, address: str, account: str, *, browser: str = "", second_factor: bool = False
    ) -> Attempt:
        """Count an attempt with a password.

        Args:
            address: of the caller.
            account: as typed.
            browser: key of a browser in which this account logged in before, else "".
            second_factor: whether the account has one.

        Raises:
            TooManyError: with the seconds until the next attempt is let through.
        """
        if browser:
            return self._reserve([("browser", browser)])
        # Cut, because the text is from a stranger and becomes a key in memory.
        network, account = _network(address), account[:64].lower()
        keys: list[Key] = [("pair", network, account), ("address", network)]
        return self._reserve(keys if second_factor else [*keys, ("account", account)])

    def code(self, address: str, account: str, *, browser: str = "") -> Attempt:
        """Count an attempt with a code of a second factor.

        Raises:
            TooManyError: with the seconds until the next attempt is let through.
        """
        if browser:
            return self._reserve([("code", "browser", browser)])
        return self._reserve([("code", _network(address), account), ("code_account", account)])

    def token(self, address: str) -> Attempt | None:
        """Count an attempt with an API token; `None` when there were too many wrong ones.

        A token has 256 random bits, so nobody guesses one: this keeps noise small, and a right token passes
        all the same.
        """
        try:
            return self._reserve([("token", _network(address))])
        except TooManyError:
            return None

    def _reserve(self, keys: Sequence[Key]) -> Attempt:
        now = self._clock()
        with self._lock:
            # All keys are looked at before any is counted: a refused attempt must not use up another key's
            # room.
            wait = max(self._wait(key, now) for key in keys)
            if wait > 0:
                seconds = max(1, math.ceil(wait))
                raise TooManyError(f"too many failed attempts: try again in {seconds} s", seconds)
            for key in keys:
                self._full_at[key] = max(self._full_at.get(key, now), now) + _pace(key)
                self._full_at.move_to_end(key)
            while len(self._full_at) > MAX_KEYS:
                self._full_at.popitem(last=False)
                self.forgotten += 1
        return Attempt(self, keys)

    def _wait(self, key: Key, now: float) -> float:
        # GCRA: a key's counter is the time at which it would be empty again, and each attempt moves it by a
        # pace.
        return max(self._full_at.get(key, now), now) + _pace(key) - now - WINDOW_S

    def give_back(self, keys: Sequence[Key], *, forget: bool) -> None:
        """Take an attempt back.

        Args:
            keys: what it was counted under.
            forget: forget the other failures of the same person at the same place too.
        """
        with self._lock:
            for key in keys:
                # The counters of an address or an account alone are not forgotten: one right password would
                # clear what others of the same network did, or what they tried at this account.
                if forget and key[0] in ("pair", "browser", "code"):
                    self._full_at.pop(key, None)
                elif key in self._full_at:
                    self._full_at[key] -= _pace(key)


def _pace(key: Key) -> float:
    return WINDOW_S / LIMITS[key[0]]


def _network(address: str) -> str:
    # One customer has at least a whole IPv6 /64 (RFC 6177), so its addresses count as one.
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
