"""How a question runs over time: what it cost, how often it failed, and how much of it is asked at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starfort.questions.ask import WHOLE, Effort
from starfort.questions.question import Question

EASY_RUNS: Final = 30
"""Runs in a row, each within a tenth of the limit, after which twice as much is asked again. Fewer would
swing back and forth between two sizes under a load that is just too high for the larger one."""

EASY_S: Final = 0.5


def one_line(error: BaseException, most: int = 500) -> str:
    """Why something failed, in one line; ClickHouse's messages have many."""
    return " ".join(str(error).split())[:most] or type(error).__name__


@dataclass(slots=True)
class Pace:
    """The runs of one question since the start.

    Attributes:
        runs: queries asked.
        failures: runs that failed.
        retries: queries that hit a limit and were asked for less.
        last_error: why the last run failed, "" when it did not.
        last_s: seconds that the last query took.
        total_s: seconds that all queries took.
        parts: how much smaller than the whole its queries are.
        slot: share of the keys that is judged next.
    """

    runs: int = 0
    failures: int = 0
    retries: int = 0
    last_error: str = ""
    last_s: float = 0.0
    total_s: float = 0.0
    parts: int = 1
    slot: int = 0
    _easy: int = 0

    @property
    def effort(self) -> Effort:
        """How much of the question the next query asks for."""
        return Effort(self.parts, self.slot) if self.parts > 1 else WHOLE

    def took(self, seconds: float) -> None:
        """Count one query, however it ended."""
        self.last_s = seconds
        self.total_s += seconds
        self.runs += 1

    def failed(self, reason: str) -> bool:
        """Count a failure.

        Returns:
            Whether its reason differs from the reason of the failure before, so that it is worth a log line.
        """
        self.failures += 1
        changed = reason != self.last_error
        self.last_error = reason
        return changed

    def answered(self) -> None:
        """Note an answered query. The next one asks for the next share of the keys, perhaps a larger one."""
        self.slot = (self.slot + 1) % max(1, self.parts)
        # One run that is not easy begins the count anew: load comes and goes, and every limit costs 5 s.
        self._easy = self._easy + 1 if self.last_s <= EASY_S else 0
        if self.parts > 1 and self._easy >= EASY_RUNS:
            self.parts //= 2
            self._easy = 0

    def slower(self, question: Question) -> bool:
        """Ask for half as much from now on; `False` when less would not make sense."""
        # `parts` doubles, because fewer steps mean fewer queries that run into the limit for 5 s each.
        self._easy = 0
        if self.parts * 2 > Effort.most(question):
            return False
        self.parts *= 2
        self.retries += 1
        return True
