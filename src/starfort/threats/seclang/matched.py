"""Finds the rules that read what matched before: `MATCHED_VAR` and similar variables.

The engine makes text of a match only if something may read it, because most rules only add to a score.
Which rules read it depends on the rules alone, so it is worked out here.
"""

from __future__ import annotations

from collections.abc import Iterator

from starfort.threats.seclang.wire import Link, Rule, RuleAction, Text

_MATCHED = frozenset(
    {"MATCHED_VAR", "MATCHED_VARS", "MATCHED_VARS_NAMES", "MATCHED_VAR_NAME", "RULE"},
)
"""Variables about the last match. `RULE` is one of them, because a rule's message may name what matched."""


def note_readers(rules: list[Rule]) -> bool:
    """Fill in `reads_matched` of links and `notes` of rules.

    Returns:
        Whether any rule reads what an earlier rule matched; then every rule notes what it matched.
    """
    reads_earlier = False
    for rule in rules:
        for link in rule["links"]:
            link["reads_matched"] = _reads_at_match(link)
        rule["notes"] = rule["log"] or rule["audit_log"] or _reads(rule)
        reads_earlier = reads_earlier or _reads_earlier(rule["links"][0])
    # Which rule matched last is known only while rules run, so all of them have to note their matches.
    if reads_earlier:
        for rule in rules:
            rule["notes"] = True
    return reads_earlier


def _reads_earlier(first: Link) -> bool:
    """Whether a rule reads a match before it has matched anything itself.

    Targets are read before anything has matched, and a `SecAction`, which has no targets, matches nothing.
    """
    if not first["targets"]:
        return _reads_at_match(first) or any(_names_matched(text) for text in _told(first))
    return _looks(first)


def _reads(rule: Rule) -> bool:
    disruptive = rule["disruptive"]
    # Only a redirection has a text, and it may name what matched.
    where_to = [] if isinstance(disruptive, str) else list(disruptive.values())
    return any(_names_matched(text) for text in where_to) or any(
        _looks(link) or _reads_at_match(link) or any(_names_matched(text) for text in _told(link))
        for link in rule["links"]
    )


def _reads_at_match(link: Link) -> bool:
    """Whether the match must be known when the link's actions run or its next value is read."""
    # An excluded target is never read.
    targets = [target for target in link["targets"] if not target["exclude"]]
    return (
        any(target["variable"] in _MATCHED for target in targets)
        or _names_matched(link["operator"]["argument"])
        or any(_acts_on_matched(action) for action in link["actions"])
    )


def _looks(link: Link) -> bool:
    return any(target["variable"] in _MATCHED for target in link["targets"])


def _told(link: Link) -> Iterator[Text]:
    """The texts that are made when the whole chain has matched."""
    yield link["msg"] or []
    yield link["logdata"] or []


def _acts_on_matched(action: RuleAction) -> bool:
    removal = action.get("ctl", {}).get("remove_target")
    if removal is not None:
        return removal[1]["variable"] in _MATCHED
    return any(_names_matched(text) for text in texts(action))


def texts(action: RuleAction) -> Iterator[Text]:
    """The texts of an action, in the order in which they are written."""
    if "set_var" in action:
        yield action["set_var"]["key"]
        yield action["set_var"]["value"]
    elif "expire_var" in action:
        yield action["expire_var"]["key"]
        yield action["expire_var"]["seconds"]
    elif "init_col" in action:
        yield action["init_col"]["key"]
    elif "set_env" in action:
        yield action["set_env"]["name"]
        yield action["set_env"]["value"]


def _names_matched(text: Text) -> bool:
    return any("var" in part and part["var"][0] in _MATCHED for part in text)
