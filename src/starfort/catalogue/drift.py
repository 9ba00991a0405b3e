"""Keeps how answered calls of documented endpoints differ from the document, until they no longer do.

The engine compares each call with the contract and says what is wrong with it (the column `contract` of
events). What an answer has wrong, the API does itself. What a request has wrong, anybody can do: it says
something about the API only if the API takes it, from several callers or many times.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final

from starfort.catalogue.callers import count

ANSWERS: Final = 3
"""Answers with one difference that are enough: one may be a glitch."""

REQUEST_CALLERS: Final = 2
REQUEST_CALLS: Final = 100
"""A difference of requests counts from so many callers or so many calls on: somebody who tries things alone
makes no drift, and a service that is an API's only caller does."""

OVER_AFTER: Final = timedelta(days=7)
OVER_CALLS: Final = 1_000
"""A difference is over after this time without it, or after so many calls of the endpoint without it: the
document or the API was put right."""

MOST: Final = 16
"""Differences of one endpoint, as many as an event may have."""

MOST_ENDPOINTS: Final = 1_000
"""Endpoints of one API whose differences are kept."""


@dataclass(slots=True)
class Difference:
    """One way in which answered calls of one endpoint differ from the document.

    Attributes:
        calls: calls that did.
        callers: whose, as bits (`callers.py`).
        last_us: when the last one was, microseconds since 1970.
        at_calls: how many calls the endpoint had then.
    """

    calls: int = 0
    callers: int = 0
    last_us: int = 0
    at_calls: int = 0


class Drift:
    """The differences of one API, by endpoint and code."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, Difference]] = {}

    def add(self, endpoint: str, code: str, seen: Difference) -> None:
        """Count calls that differ.

        Args:
            endpoint: its id.
            code: how they differ, `WHERE:CODE:POINTER`.
            seen: how many, whose and when; `at_calls` is the endpoint's number of calls now.
        """
        if endpoint not in self._found and len(self._found) >= MOST_ENDPOINTS:
            return
        codes = self._found.setdefault(endpoint, {})
        if code not in codes and len(codes) >= MOST:
            return
        known = codes.setdefault(code, Difference())
        known.calls += seen.calls
        known.callers |= seen.callers
        known.last_us = max(known.last_us, seen.last_us)
        known.at_calls = seen.at_calls

    def codes(self, endpoint: str, calls: int, now_us: int) -> tuple[str, ...]:
        """How an endpoint drifts now, in a stable order; what is over is forgotten.

        Args:
            endpoint: its id.
            calls: how many calls it had.
            now_us: microseconds since 1970.
        """
        codes = self._found.get(endpoint)
        if codes is None:
            return ()
        for code, known in list(codes.items()):
            if (
                now_us - known.last_us > OVER_AFTER / timedelta(microseconds=1)
                or calls - known.at_calls > OVER_CALLS
            ):
                del codes[code]
        if not codes:
            del self._found[endpoint]
        return tuple(sorted(code for code, known in codes.items() if _is_proved(code, known)))

    def endpoints(self) -> Iterable[str]:
        """Ids of the endpoints that have differences, proved or not."""
        return tuple(self._found)

    def forget(self, endpoint: str) -> None:
        """Forget the differences of an endpoint that the document does not have any more."""
        self._found.pop(endpoint, None)

    def kept(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {
            endpoint: {code: list(asdict(known).values()) for code, known in codes.items()}
            for endpoint, codes in self._found.items()
        }

    def load(self, kept: dict[str, Any]) -> None:
        """Take over what `kept` gave in an earlier start."""
        for endpoint, codes in kept.items():
            self._found[endpoint] = {code: Difference(*values) for code, values in codes.items()}


def _is_proved(code: str, known: Difference) -> bool:
    if code.startswith("response:"):
        return known.calls >= ANSWERS
    several = count(known.callers) >= REQUEST_CALLERS and known.calls >= ANSWERS
    return several or known.calls >= REQUEST_CALLS
