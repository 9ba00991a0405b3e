"""Asks the engine whether it can run rules, because only the engine can judge their patterns.

It is asked about one rule at a time, and again only when that rule has changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Final

import msgpack

from starfort import _engine
from starfort.threats.seclang import wire
from starfort.threats.seclang.accepted import Accepted

MAX_KNOWN: Final = 8192
"""How many answers are kept; CRS with every overlay has a tenth as many rules."""

_REASON: Final = re.compile(r"rule \d+: (?:.*^error: )?(?P<reason>.+)\Z", re.DOTALL | re.MULTILINE)

_FIXES: Final = {
    "look-": "write it without: what must not be there goes into a chained rule with !@rx",
    "backreference": "write it without: patterns run in linear time",
    "size limit": "write it shorter: repeat less, or name fewer alternatives",
}


_remembered: list[Accepted] = []
"""The caches of `remembering` that are in use, the innermost last."""


@contextmanager
def remembering(file: Path) -> Iterator[None]:
    """Within this context, the engine is not asked again about rules that it accepted earlier.

    This is for commands that people wait for. A start does not use it: a filter gets only rules that the
    engine was asked about.

    Args:
        file: a file of the user's own cache, see `accepted`.
    """
    accepted = Accepted(file)
    _remembered.append(accepted)
    try:
        yield
    finally:
        _remembered.pop()
        accepted.save()


def why_not(rule: wire.Rule) -> tuple[str, str] | None:
    """Why a compiled rule cannot run, and what to do; None when it can.

    Args:
        rule: the rule as the engine reads it.
    """
    # The rule is packed alone with default settings, because compiling a pattern does not depend on them.
    packed: bytes = msgpack.packb(
        {"format": wire.FORMAT, "settings": {}, "files": [], "rules": [_alone(rule)]}
    )
    if _remembered and packed in _remembered[-1]:
        return None
    reason = _refusal(packed)
    if reason is None:
        if _remembered:
            _remembered[-1].add(packed)
        return None
    # The engine reports errors in the words of its regular expressions; people need to know what to do.
    fix = next((fix for word, fix in _FIXES.items() if word in reason), "")
    return reason, fix


def _alone(rule: wire.Rule) -> wire.Rule:
    """A rule without what depends on other rules, so that an edit elsewhere does not change it."""
    links: list[wire.Link] = [
        {**link, "actions": [_without_indexes(action) for action in link["actions"]]}
        for link in rule["links"]
    ]
    return {**rule, "links": links, "notes": True, "skip_to": None, "file": 0, "line": 0}


def _without_indexes(action: wire.RuleAction) -> wire.RuleAction:
    control = action.get("ctl")
    if control is None:
        return action
    if "remove_rules" in control:
        return {"ctl": {"remove_rules": []}}
    if "remove_target" in control:
        return {"ctl": {"remove_target": ([], control["remove_target"][1])}}
    return action


@lru_cache(maxsize=MAX_KNOWN)
def _refusal(packed: bytes) -> str | None:
    try:
        _engine.RuleSet(packed)
    except ValueError as error:
        found = _REASON.search(str(error).strip())
        return " ".join((found["reason"] if found else str(error)).split()).rstrip(".")
    return None
