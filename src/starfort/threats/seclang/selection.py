"""Which rules a `ctl` takes out: by id, by tag or by message, answered once for all requests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from starfort.threats.seclang.resolve import Rule, macro_text


class RuleIndex:
    """The rules of a set, to be found by what a `ctl` says of them."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        """Keep what rules are found by."""
        self._ids = [rule.id for rule in rules]
        self._tags = [frozenset(rule.tags) for rule in rules]
        self._messages = [_message(rule) for rule in rules]

    def by_id(self, ranges: Iterable[tuple[int, int]]) -> list[int]:
        """Indexes of the rules whose id is in one of these ranges (both ends included)."""
        # A generator would be used up by the first rule.
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
    # The first link that has one: what ModSecurity calls the rule's message.
    written = next((link.message for link in rule.links if link.message is not None), None)
    return None if written is None else macro_text(written).lower()
