"""Proposes exclusions from observed traffic, each for one endpoint and one parameter.

Traffic cannot prove a false positive, only make it likely. An attack comes from few callers and mostly fails;
ordinary requests come from many, and the API answers them. Nothing else is looked at here, and each proposal
shows its figures, so that a person can decide.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from starfort.threats.seclang.reference import VARIABLES

MIN_REQUESTS: Final = 5
"""The least number of requests; fewer do not show anything."""

MIN_CALLERS: Final = 3
"""The least number of callers. A single caller, however busy, may be an attacker."""

MIN_SUCCEEDED: Final = 0.8
"""The least share of requests that the API answered with a status below 400; scans mostly fail."""

MAX_PAIRS: Final = 50_000
"""How many different (rule, endpoint, target) are counted, because callers choose the names of parameters."""

MAX_CALLERS: Final = 10_000
"""How many callers are remembered for each of them."""

_FINDING: Final = re.compile(r"rule:(\d{1,16})")
_EVALUATION: Final = re.compile(r"(?:949|959|980)\d{3}|95300(?:90|91)")
"""Rules that add up the scores of others. An exclusion of one of them would switch off all rules."""


@dataclass(slots=True)
class Evidence:
    """What was seen of one rule at one endpoint on one target."""

    requests: int = 0
    succeeded: int = 0
    stopped: int = 0
    bots: int = 0
    callers: set[str] = field(default_factory=set)
    subjects: set[str] = field(default_factory=set)
    first: str = ""
    last: str = ""
    samples: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)

    def add(self, event: Mapping[str, Any], value: str) -> None:
        """Count one more event.

        Args:
            event: as the API gives it.
            value: what the rule matched in it, masked; "" when that is not known.
        """
        self.requests += 1
        self.succeeded += event["status"] < 400  # noqa: PLR2004 - client errors begin there
        self.stopped += event["action"] not in {"", "allow"}
        self.bots += event["bot"] in {"bad", "tool"}
        if len(self.callers) < MAX_CALLERS:
            self.callers.add(event["address"])
        if event["subject"] and event["identity_verified"] and len(self.subjects) < MAX_CALLERS:
            self.subjects.add(event["subject"])
        time = str(event["time"])
        self.first = min(self.first or time, time)
        self.last = max(self.last, time)
        if len(self.samples) < 3:  # noqa: PLR2004 - a few to look at
            self.samples.append(event["id"])
        if value and value not in self.values and len(self.values) < 3:  # noqa: PLR2004 - likewise
            self.values.append(value)


@dataclass(frozen=True, slots=True)
class Proposal:
    """An exclusion, and why.

    Attributes:
        rule: id.
        api: name of the API.
        endpoint: `METHOD /path/{template}`.
        parameter: parameter or target; "" when it is not known.
        evidence: what was seen.
        likely: whether the figures speak for a false positive; else it is shown only when asked for.
        doubts: what speaks against it, in words.
    """

    rule: int
    api: str
    endpoint: str
    parameter: str
    evidence: Evidence
    likely: bool
    doubts: tuple[str, ...]


def propose(events: Iterable[Mapping[str, Any]]) -> list[Proposal]:
    """Exclusions for what rules found in events, most requests first.

    Args:
        events: as the API gives them.
    """
    seen: dict[tuple[int, str, str, str], Evidence] = {}
    for event in events:
        endpoint = f"{event['method']} {event['template'] or event['path']}"
        for (rule, target), value in _matches(event).items():
            key = (rule, event["api"], endpoint, target)
            if key in seen or len(seen) < MAX_PAIRS:
                seen.setdefault(key, Evidence()).add(event, value)
    found = [_proposal(*key, evidence) for key, evidence in seen.items()]
    return sorted(found, key=lambda one: (not one.likely, -one.evidence.requests, one.rule))


def _matches(event: Mapping[str, Any]) -> dict[tuple[int, str], str]:
    """Rules and targets of one event, with the masked value; without evidence the target is not known."""
    found = {(int(m["rule"]), str(m["variable"])): str(m["value"]) for m in event["evidence"]}
    told = {rule for rule, _ in found}
    named = (int(parsed[1]) for code in event["findings"] if (parsed := _FINDING.fullmatch(code)))
    found |= {(rule, ""): "" for rule in named if rule not in told}
    return {key: value for key, value in found.items() if not _EVALUATION.fullmatch(str(key[0]))}


def _proposal(rule: int, api: str, endpoint: str, target: str, evidence: Evidence) -> Proposal:
    doubts = []
    if evidence.requests < MIN_REQUESTS:
        doubts.append(f"only {evidence.requests} requests")
    # People behind one address are told apart by their verified identity.
    callers = max(len(evidence.callers), len(evidence.subjects))
    if callers < MIN_CALLERS:
        doubts.append(f"only {callers} caller{'s' if callers > 1 else ''}")
    # A request that was stopped does not show how the API would have answered.
    answered = evidence.requests - evidence.stopped
    if answered and evidence.succeeded < MIN_SUCCEEDED * answered:
        doubts.append(f"the API refused {answered - min(evidence.succeeded, answered)} of {answered}")
    if not answered:
        doubts.append("all were stopped: the API was never asked")
    # Scanners match many rules; ordinary tools may too, so this is only a doubt.
    if evidence.bots * 2 > evidence.requests:
        doubts.append("most callers are bad bots or tools")
    return Proposal(rule, api, endpoint, _parameter(target), evidence, not doubts, tuple(doubts))


def _parameter(target: str) -> str:
    """A target as the configuration names it: arguments by name alone, unless that looks like a target."""
    collection, _, name = target.partition(":")
    arguments = {"ARGS", "ARGS_GET", "ARGS_POST", "ARGS_NAMES"}
    return name if name and collection in arguments and name.partition(":")[0] not in VARIABLES else target


def as_configuration(proposals: Iterable[Proposal], messages: Mapping[int, str]) -> str:
    """Proposals as `rules.exclusions` of `starfort.yaml`, each with its figures as a comment.

    Args:
        proposals: which.
        messages: what each rule says when it matches.
    """
    lines = ["rules:", "  exclusions:"]
    for one in proposals:
        seen = one.evidence
        counted = (
            f"{seen.requests} requests, {len(seen.callers)} addresses, {seen.succeeded} answered below 400"
        )
        lines += [
            f"    # {messages.get(one.rule, '')}".rstrip(),
            f"    # {counted}",
            f"    # {seen.first} to {seen.last}, such as {', '.join(seen.samples)}",
            *(f"    # masked: {_one_line(value)}" for value in seen.values),
            f"    - rule: {one.rule}",
            *([f"      api: {_quoted(one.api)}"] if one.api else []),
            f"      endpoint: {_quoted(one.endpoint)}",
            *([f"      parameter: {_quoted(one.parameter)}"] if one.parameter else []),
        ]
    return "\n".join(lines) + "\n"


def _one_line(text: str) -> str:
    """A text that stays within its comment."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _quoted(text: str) -> str:
    """A YAML scalar, quoted where it must be (YAML 1.2.2, 7.3.2: a quote is written twice)."""
    return text if re.fullmatch(r"[A-Za-z][A-Za-z0-9_./ -]*", text) else "'" + text.replace("'", "''") + "'"
