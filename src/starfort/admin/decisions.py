"""Requests counted by what was done with them: one field for each action that can decide.

The API names these fields in the past (`blocked`), SQL counts by the word that events carry (`block`); the
table of actions has both.
"""

from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, create_model

from starfort.base.actions import ALLOW, decisions, past_of

Counts = TypeVar("Counts", bound="DecisionCounts")


class DecisionCounts(BaseModel):
    """Base of shapes that count by decision; `counts_decisions` gives them the fields."""

    def count(self, word: str) -> int:
        """Requests with which this was done.

        Args:
            word: of an action, such as `block`.
        """
        found = getattr(self, past_of(word), 0)
        return found if isinstance(found, int) else 0

    @property
    def allowed_count(self) -> int:
        """Requests that simply passed."""
        return self.count(ALLOW)

    @property
    def decided_count(self) -> int:
        """Requests of all decisions together."""
        return sum(self.count(action.word) for action in decisions())


def counts_decisions(kind: type[Counts]) -> type[Counts]:
    """Give a shape a field for each decision, behind those that it has.

    A class decorator. Put further fields into a subclass: JSON has the fields in this order, and clients have
    always seen the time first, the counts next and the rest behind them.
    """
    fields: dict[str, Any] = {action.past: (int, 0) for action in decisions()}
    return create_model(
        kind.__name__, __base__=kind, __doc__=kind.__doc__ or "", __module__=kind.__module__, **fields
    )


def by_name(counted: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Counts by the name of their field.

    Args:
        counted: words and counts, as ClickHouse gives a map. A word that is no decision here (an event of a
            newer filter) has no field: it counts among all requests only.
    """
    found = dict(counted)
    return {action.past: int(found.get(action.word, 0)) for action in decisions()}
