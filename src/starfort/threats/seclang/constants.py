"""Finds rules that never need to run: earlier rules always skip them, or constants never match them.

The Core Rule Set is divided by paranoia level, `SecRule TX:DETECTION_PARANOIA_LEVEL "@lt 2" "skipAfter:X"`,
and constants set the level. This module follows the `TX` variables through the phases. A variable that
depends on a request is unknown from that rule on, and so is everything that depends on it. A rule is left
out when every transaction skips it, when it matches in none, or when it only skips such rules.

Rules at the beginning that always set variables to constants are left out too, and the variables have these
values from the start.

Callers that set `TX` variables of their own (`RuleSet.inspect(variables=…)`) run all rules, so these answers
need not hold for them. A value that cannot be worked out counts as unknown, which costs time but no match.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from starfort.threats.seclang.macros import is_pattern
from starfort.threats.seclang.matched import texts
from starfort.threats.seclang.wire import (
    Constant,
    Constants,
    Link,
    Part,
    Rule,
    RuleAction,
    SetVariable,
    Text,
    literal,
)

GIVEN: Final = "starfort_"
"""The prefix of variables that the engine sets for each request, so that their values are unknown."""

_CAPTURES: Final = tuple(str(digit) for digit in range(10))
"""The variables that `capture` sets."""

_INTEGER_LIMIT: Final = 2**63 - 1
"""The engine counts in 64 bits and stops at the limits, so this module does the same."""

_PHASES: Final = (1, 2, 3, 4, 5)

Value = str | int | None
"""The value of a variable; None when it is not set. A sum stays a number."""


class _Unknown:
    """A value that depends on the transaction."""


_UNKNOWN: Final = _Unknown()

Known = Value | _Unknown
Variables = dict[str, Known]
"""What is known about each variable that rules name."""


def constants(rules: list[Rule]) -> Constants:
    """Follow the variables through all rules.

    Args:
        rules: the rules in the order in which they run, as the engine reads them.
    """
    follower = _Follower(rules)
    for phase in _PHASES:
        follower.follow(phase)
    return {
        # Sorted, so that the same rules always give the same bundle.
        "dead": sorted(follower.dead),
        "initial": [
            (name, _constant(value)) for name, value in sorted(follower.initial.items()) if value is not None
        ],
    }


def _constant(value: str | int) -> Constant:
    return {"integer": value} if isinstance(value, int) else {"text": value}


@dataclass(slots=True)
class _Follower:
    rules: list[Rule]
    known: Variables = field(default_factory=dict)
    landings: list[int] = field(default_factory=list)
    """The indexes at which this phase would go on after rules that may skip."""
    ended: bool = False
    """Whether the phase may have ended, or may not have begun."""
    dead: set[int] = field(default_factory=set)
    touched: set[str] | None = field(default_factory=set)
    """The variables that a rule of phase 1 which is not left out may read or set; None means any variable."""
    initial: dict[str, Value] = field(default_factory=dict)
    """The variables that rules which are left out would have set."""
    removals: list[tuple[int, frozenset[int]]] = field(default_factory=list)
    """The rules that remove other rules, and the rules that each of them removes."""
    places: dict[int, list[int]] = field(default_factory=dict)
    """The indexes of the rules of each phase."""

    def __post_init__(self) -> None:
        self.known = {name: None for rule in self.rules for name in _names(rule)}
        # The engine sets these for each request, so a rule that reads one must stay.
        for name in self.known:
            if name.startswith(GIVEN):
                self.known[name] = _UNKNOWN
        # Removals of all phases are needed at once: a rule may be removed before its phase begins.
        self.removals = list(_removals(self.rules))
        for index, rule in enumerate(self.rules):
            self.places.setdefault(rule["phase"], []).append(index)

    def follow(self, phase: int) -> None:
        """Follow the rules of a phase."""
        # `ended` stays: a phase that an earlier one ended does not run at all.
        self.landings = []
        start = 0
        for index in self.places.get(phase, ()):
            if index >= start:
                start = self._step(index) or start

    def _step(self, index: int) -> int | None:
        """Follow one rule.

        Returns:
            The index at which the phase goes on, if the rule is known to skip; None otherwise.
        """
        rule = self.rules[index]
        # The state is copied, because after a rule that may not run its changes are unknown.
        before = self.known.copy()
        # This is asked before the actions are followed, because they may change what the rule compares with.
        if self._times(rule["links"][0]) == 0:
            self.dead.add(index)
        matches = self._run(rule)
        is_sure = not (
            self.ended or any(index < landing for landing in self.landings) or self._may_be_removed(index)
        )
        if not is_sure:
            self._forget_changes(before)
        # Nothing runs before phase 1. Rules of later phases may see variables that a request has set.
        if rule["phase"] == 1 and index not in self.dead:
            if is_sure and matches is True and self._only_sets_constants(rule):
                self._set_initially(index, rule)
            else:
                self._touch(rule)
        target = self._skip(index, rule, matches)
        if matches is not False:
            if rule["skip"] > 0:
                self.landings.append(self._after_skip(index, rule))
            # Any action but `pass` may end the phase, and later rules then run only perhaps.
            self.ended = self.ended or rule["disruptive"] != "pass"
        return target

    def _skip(self, index: int, rule: Rule, matches: bool | None) -> int | None:
        """Follow `skipAfter` of a rule: the rules between are never run, or may be skipped."""
        target = rule["skip_to"]
        if target is None or matches is False:
            return None
        if matches is None or not self._always_skips(index, target):
            self.landings.append(target)
            return None
        # These rules run in no transaction, so their actions are not followed either.
        self.dead.update(other for other in self.places[rule["phase"]] if index < other < target)
        if _is_silent(rule) and not any(link["actions"] for link in rule["links"]):
            self.dead.add(index)
        return target

    def _after_skip(self, index: int, rule: Rule) -> int:
        """The index at which the phase goes on after `skip` of a rule."""
        later = [other for other in self.places[rule["phase"]] if other > index]
        return later[rule["skip"] - 1] + 1 if rule["skip"] <= len(later) else len(self.rules)

    def _always_skips(self, index: int, target: int) -> bool:
        """Whether a rule that always matches also always skips: nothing earlier leaves out only this rule."""
        if any(index < landing < target for landing in self.landings):
            return False
        between = [other for other in self.places[self.rules[index]["phase"]] if index < other < target]
        return not any(
            index in removed and any(other not in removed for other in between)
            for _, removed in self.removals
        )

    def _may_be_removed(self, index: int) -> bool:
        """Whether a `ctl` that runs before a rule may remove it."""
        phase = self.rules[index]["phase"]
        return any(
            index in removed and (self.rules[by]["phase"], by) < (phase, index)
            for by, removed in self.removals
        )

    def _forget_changes(self, before: Variables) -> None:
        """Make unknown what a rule that may not have run would have changed."""
        for name, value in before.items():
            if not _is_same(self.known[name], value):
                self.known[name] = _UNKNOWN

    def _only_sets_constants(self, rule: Rule) -> bool:
        """Whether everything that a rule does can be done before phase 1. The rule always matches.

        This is so if it sets variables to known values, and no earlier rule needs one of them.
        """
        if self.touched is None or not _is_silent(rule) or rule["skip_to"] is not None:
            return False
        for action in _actions(rule):
            name = _set_name(action)
            if name is None or name in self.touched or isinstance(self.known[name], _Unknown):
                return False
        return True

    def _set_initially(self, index: int, rule: Rule) -> None:
        self.dead.add(index)
        for action in _actions(rule):
            name = _set_name(action)
            if name is not None and not isinstance(value := self.known[name], _Unknown):
                self.initial[name] = value

    def _touch(self, rule: Rule) -> None:
        """Note the variables that a rule may read or set."""
        if self.touched is not None:
            names = _touched(rule)
            self.touched = None if names is None else self.touched | names

    def _run(self, rule: Rule) -> bool | None:
        """Follow the actions of a rule.

        Returns:
            Whether it matches; None when that depends on the transaction.
        """
        for position, link in enumerate(rule["links"]):
            times = self._times(link)
            if times == 0:
                return False
            if times is None:
                for later in rule["links"][position:]:
                    self._forget(later)
                return None
            # Actions run at each match, so `setvar:tx.x=+1` with two targets adds 2.
            for _ in range(times):
                for action in link["actions"]:
                    self._act(action)
        return True

    def _times(self, link: Link) -> int | None:
        """How often a link matches and its actions run; None when that depends on the transaction."""
        if not any(not target["exclude"] for target in link["targets"]):
            return 1
        # Transformations and captures need the engine, so such a link is not followed.
        is_simple = not (link["transformations"] or link["multi_match"] or link["capture"])
        argument = self._expand(link["operator"]["argument"])
        holds = _OPERATORS.get(link["operator"]["kind"])
        if holds is None or argument is None or not is_simple:
            return None
        times = 0
        for target in link["targets"]:
            name = _member(target["variable"], target["selector"])
            if target["exclude"] or name is None:
                return None
            value = self.known[name]
            # One unknown target makes the number of matches unknown, and so the effect of the actions.
            if isinstance(value, _Unknown):
                return None
            if target["count"]:
                value = int(value is not None)
            if value is not None:
                times += holds(str(value), argument) != link["negated"]
        return times

    def _expand(self, text: Text) -> str | None:
        out = ""
        for part in text:
            if "text" in part:
                out += part["text"]
                continue
            name = _named(*part["var"])
            value = _UNKNOWN if name is None else self.known[name]
            if isinstance(value, _Unknown):
                return None
            out += "" if value is None else str(value)
        return out

    def _act(self, action: RuleAction) -> None:
        """Follow an action of a link that matches in every transaction."""
        name = _set_name(action)
        if name is None:
            self._forget_action(action)
            return
        change = action["set_var"]
        value = self._expand(change["value"])
        self.known[name] = _UNKNOWN if value is None else _changed(self.known[name], change["op"], value)

    def _forget(self, link: Link) -> None:
        """Make unknown what a link that may match captures and sets."""
        if link["capture"]:
            self.known.update(dict.fromkeys(_CAPTURES, _UNKNOWN))
        for action in link["actions"]:
            self._forget_action(action)

    def _forget_action(self, action: RuleAction) -> None:
        change = _sets_variable(action)
        if change is None:
            return
        name = _set_name(action)
        if name is not None:
            self.known[name] = _UNKNOWN
            return
        # The rest of the name is made while rules run, so any variable with this beginning may be meant.
        prefix = change["key"][0].get("text", "").lower() if change["key"] else ""
        for known in self.known:
            if known.startswith(prefix):
                self.known[known] = _UNKNOWN


def _names(rule: Rule) -> Iterator[str]:
    """The names of all `TX` variables that a rule names."""
    yield from _CAPTURES
    for link in rule["links"]:
        for target in link["targets"]:
            name = _member(target["variable"], target["selector"])
            if name is not None:
                yield name
        for action in link["actions"]:
            name = _set_name(action)
            if name is not None:
                yield name
            removal = action.get("ctl", {}).get("remove_target")
            if removal is not None:
                yield from filter(None, [_member(removal[1]["variable"], removal[1]["selector"])])
    for part in _tx_parts(rule):
        name = _named(*part["var"])
        if name is not None:
            yield name


def _texts(rule: Rule) -> Iterator[Text]:
    """All texts of a rule that may contain variables."""
    if not isinstance(rule["disruptive"], str):
        yield from rule["disruptive"].values()
    for link in rule["links"]:
        yield link["operator"]["argument"]
        yield link["msg"] or []
        yield link["logdata"] or []
        for action in link["actions"]:
            yield from texts(action)


def _named(variable: str, key: str | None) -> str | None:
    """The `TX` variable that a text names; None for other variables and for a choice by pattern."""
    return key.lower() if variable == "TX" and key is not None and not is_pattern(key) else None


def _member(variable: str, selector: dict[str, str] | None) -> str | None:
    """The `TX` variable that a target names; None for other targets."""
    name = None if variable != "TX" or selector is None else selector.get("name")
    return None if name is None else name.lower()


def _actions(rule: Rule) -> Iterator[RuleAction]:
    for link in rule["links"]:
        yield from link["actions"]


def _sets_variable(action: RuleAction) -> SetVariable | None:
    """The change of a `TX` variable that an action is, if it is one."""
    change = action.get("set_var")
    return change if change is not None and change["collection"] == "tx" else None


def _set_name(action: RuleAction) -> str | None:
    """The `TX` variable that an action sets; None when it sets none, or makes the name while rules run."""
    change = _sets_variable(action)
    name = None if change is None else literal(change["key"])
    return None if name is None else name.lower()


def _removals(rules: list[Rule]) -> Iterator[tuple[int, frozenset[int]]]:
    for index, rule in enumerate(rules):
        for action in _actions(rule):
            removed = action.get("ctl", {}).get("remove_rules")
            if removed is not None:
                yield index, frozenset(removed)


def _is_silent(rule: Rule) -> bool:
    """Whether a match of a rule is reported nowhere, and the phase goes on after it."""
    return (
        not (rule["log"] or rule["audit_log"])
        and rule["severity"] is None
        and rule["skip"] == 0
        and rule["disruptive"] == "pass"
        and not any(link["capture"] for link in rule["links"])
    )


def _touched(rule: Rule) -> set[str] | None:
    """The variables that a rule may read or set; None when it may be any variable."""
    names: set[str] = set()
    for link in rule["links"]:
        if link["capture"]:
            names.update(_CAPTURES)
        for target in link["targets"]:
            if target["variable"] == "TX":
                name = _member(target["variable"], target["selector"])
                if name is None:
                    return None
                names.add(name)
    for action in _actions(rule):
        if _sets_variable(action) is not None:
            name = _set_name(action)
            if name is None:
                return None
            names.add(name)
    read = [_named(*part["var"]) for part in _tx_parts(rule)]
    return None if None in read else names | {name for name in read if name is not None}


def _tx_parts(rule: Rule) -> Iterator[Part]:
    """The pieces of a rule's texts that stand for `TX` variables."""
    for text in _texts(rule):
        for part in text:
            if "var" in part and part["var"][0] == "TX":
                yield part


def _is_same(one: Known, other: Known) -> bool:
    """Whether two values are the same: the number 1 and the text "1" are not."""
    return type(one) is type(other) and one == other


def _changed(old: Known, operation: str, value: str) -> Known:
    """The value of a variable after `setvar`."""
    if operation == "set":
        return value
    if operation == "unset":
        return None
    if isinstance(old, _Unknown):
        return _UNKNOWN
    start = 0 if old is None else _integer(str(old))
    by = _integer(value)
    # Python's integers do not overflow, so the engine's limits are applied afterwards.
    total = start + by if operation == "add" else start - by
    return max(-_INTEGER_LIMIT - 1, min(_INTEGER_LIMIT, total))


def _integer(text: str) -> int:
    """The number at the beginning of a text, 0 without one, as the engine's numeric operators read it."""
    text = text.lstrip(" \t\n\f\r")
    is_negative = text.startswith("-")
    if text[:1] in {"-", "+"}:
        text = text[1:]
    digits = len(text) - len(text.lstrip("0123456789"))
    value = min(int(text[:digits] or "0"), _INTEGER_LIMIT)
    return -value if is_negative else value


_OPERATORS: Final[dict[str, Callable[[str, str], bool]]] = {
    "eq": lambda value, argument: _integer(value) == _integer(argument),
    "ge": lambda value, argument: _integer(value) >= _integer(argument),
    "gt": lambda value, argument: _integer(value) > _integer(argument),
    "le": lambda value, argument: _integer(value) <= _integer(argument),
    "lt": lambda value, argument: _integer(value) < _integer(argument),
    "streq": lambda value, argument: value == argument,
    "contains": lambda value, argument: argument in value,
    "beginsWith": lambda value, argument: value.startswith(argument),
    "endsWith": lambda value, argument: value.endswith(argument),
    "within": lambda value, argument: value in argument,
    "unconditionalMatch": lambda _value, _argument: True,
    "noMatch": lambda _value, _argument: False,
}
"""The operators that need no matcher.

The answer of any other operator counts as unknown: only the engine can judge a pattern, and no rule set asks
a pattern about a constant.
"""
