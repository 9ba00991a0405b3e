"""Describes a rule in words: what it looks at, why it is there, what it scores, and how to exclude it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starfort.threats.seclang.model import Operator, Variable
from starfort.threats.seclang.reference import OPERATORS, SEVERITIES, TRANSFORMATIONS, VARIABLES
from starfort.threats.seclang.resolve import Link, Rule, macro_text

MAX_COMMENT_LINES: Final = 60
"""How many lines of the comment above a rule are shown; the longest comments of CRS have about 40."""

_PHASES: Final = {
    1: "request headers",
    2: "request body",
    3: "response headers",
    4: "response body",
    5: "logging",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """A rule in words.

    Attributes:
        id: the number of the rule.
        location: the file and line of the rule.
        message: what the rule reports when it matches.
        why: the comment above the rule in its file; "" when there is none.
        looks_at: what each link of the chain looks at, in words.
        does: what happens at a match, in words.
        score: what the rule adds to which score, such as `inbound_anomaly_score_pl1 +critical`.
        paranoia: the paranoia level from which the rule runs, by its tag; None without such a tag.
        severity: the name of the severity; "" when there is none.
        tags: the tags of the rule.
        exclusion: an exclusion for one endpoint, as YAML for `rules:`.
    """

    id: int
    location: str
    message: str
    why: str
    looks_at: tuple[str, ...]
    does: tuple[str, ...]
    score: tuple[str, ...]
    paranoia: int | None
    severity: str
    tags: tuple[str, ...]
    exclusion: str


def explain(rule: Rule) -> Explanation:
    """Describe a rule in words."""
    return Explanation(
        id=rule.id,
        location=f"{rule.location.file}:{rule.location.line}",
        message=rule.message,
        why=_comment(rule.location.file, rule.location.line),
        looks_at=tuple(_link(link) for link in rule.links),
        does=tuple(_effects(rule)),
        score=tuple(_scores(rule)),
        paranoia=paranoia_level(rule),
        severity="" if rule.severity is None else SEVERITIES[rule.severity].lower(),
        tags=rule.tags,
        exclusion=_exclusion(rule),
    )


def paranoia_level(rule: Rule) -> int | None:
    """The paranoia level from which a rule runs, as its tag says; None without such a tag."""
    levels = (re.fullmatch(r"paranoia-level/([1-4])", tag) for tag in rule.tags)
    return next((int(found[1]) for found in levels if found), None)


def _link(link: Link) -> str:
    # A `SecAction` has no condition.
    if link.operator is None:
        return "always"
    wanted = [variable for variable in link.variables if not variable.exclude]
    unwanted = [variable for variable in link.variables if variable.exclude]
    text = "; ".join(_target(variable) for variable in wanted)
    if unwanted:
        text += "; but not " + ", ".join(str(variable).lstrip("!") for variable in unwanted)
    if link.transformations:
        text += "; after " + ", ".join(
            f"{name} ({_what(TRANSFORMATIONS[name].what)})" for name in link.transformations
        )
    return f"{text}; {_test(link.operator)}"


def _target(variable: Variable) -> str:
    text = f"{variable!s} ({_what(VARIABLES[variable.name].what)})"
    return f"the number of {text[1:]}" if variable.count else text


def _what(text: str) -> str:
    # The reference says the main thing before the semicolon; the rest is detail.
    return text.partition(";")[0]


def _test(operator: Operator) -> str:
    sense = "does not hold" if operator.negated else "holds"
    about = OPERATORS[operator.name].what.partition(";")[0]
    argument = f" {operator.argument}" if operator.argument else ""
    return f"where @{operator.name}{argument} {sense} ({about})"


def _effects(rule: Rule) -> Iterator[str]:
    disruptive = {
        "pass": "goes on",
        "deny": f"asks to refuse with {rule.status or 403}",
        "drop": "asks to refuse",
    }
    if rule.disruptive in disruptive:
        yield disruptive[rule.disruptive]
    elif rule.disruptive == "redirect":
        yield f"asks to redirect to {rule.redirect}"
    else:
        yield "ends rule processing"
    yield f"in phase {rule.phase} ({_PHASES[rule.phase]})"
    if not rule.log:
        yield "without a finding"
    if rule.skip_to is not None:
        yield "then goes on behind a marker"
    for link in rule.links:
        if link.log_data:
            yield f"shows {macro_text(link.log_data)}"
        for effect in link.effects:
            # Scores are listed separately (see `_scores`).
            if "anomaly_score_pl" not in effect.argument:
                yield f"{effect.name}:{effect.argument}"


_SCORE: Final = re.compile(
    r"tx\.((?:in|out)bound_anomaly_score_pl\d)=\+(?:%\{tx\.(\w+)_anomaly_score\}|(\d+))", re.IGNORECASE
)


def _scores(rule: Rule) -> Iterator[str]:
    for link in rule.links:
        for effect in link.effects:
            if found := _SCORE.fullmatch(effect.argument):
                yield f"{found[1].lower()} +{found[2] or found[3]}"


def _comment(file: Path, line: int) -> str:
    """The comment directly above a line, without `#`, rulers and blank lines at the ends."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()[: line - 1]
    except (OSError, UnicodeDecodeError):
        return ""
    found: list[str] = []
    for text in reversed(lines[-MAX_COMMENT_LINES:]):
        if not text.lstrip().startswith("#"):
            # A blank line may stand between the comment and the rule, but not within the comment.
            if text.strip() or found:
                break
            continue
        found.append(text.lstrip().lstrip("#").removeprefix(" ").rstrip())
    # CRS draws rulers of dashes between sections, which say nothing about the rule.
    kept = [text for text in reversed(found) if not re.fullmatch(r"[-=#*\s]{4,}", text)]
    return "\n".join(kept).strip("\n")


def _exclusion(rule: Rule) -> str:
    # Only a rule that looks at arguments can be excluded for one parameter.
    parameters = any(
        variable.name.startswith(("ARGS", "XML")) for link in rule.links for variable in link.variables
    )
    parameter = "\n      parameter: NAME" if parameters else ""
    return (
        "rules:\n  exclusions:\n"
        f"    - rule: {rule.id}\n      endpoint: POST /the/path{parameter}\n"
        "      reason: why it is no attack here"
    )
