"""Finds the rules that a `ctl` removes, by id, tag or message. This is done once for all requests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from starfort.threats.seclang.resolve import Rule, macro_text


class RuleIndex:
    """An index of the rules of a set, by id, tag and message."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        """Make the index.

        Args:
            rules: the rules of the set, in order.
        """
        self._ids = [rule.id for rule in rules]
        self._tags = [frozenset(rule.tags) for rule in rules]
        self._messages = [_message(rule) for rule in rules]

    def by_id(self, ranges: Iterable[tuple[int, int]]) -> list[int]:
        """Indexes of the rules whose id is in one of these ranges (both ends included)."""
        # `ranges` may be a generator, which the first rule would use up.
        wanted = list(ranges)
        return [
            index
            for index, number in enumerate(self._ids)
            if any(first <= number <= last for first, last in wanted)
        ]

    def by_tag(self, tag: str) -> list[int]:
        """Indexes of the rules that have this tag."""
        return [index for index, tags in enumerate(self._tags) if tag in tags]

    def by_message(self, text: str) -> list[int]:
        """Indexes of the rules with this message as written, in any case: names of variables have none."""
        wanted = text.lower()
        return [index for index, message in enumerate(self._messages) if message == wanted]


def _message(rule: Rule) -> str | None:
    # ModSecurity takes the first link with a message for the message of the rule.
    written = next((link.message for link in rule.links if link.message is not None), None)
    return None if written is None else macro_text(written).lower()
