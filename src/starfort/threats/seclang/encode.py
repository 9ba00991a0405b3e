"""Writes resolved rules in the engine's format; `wire` and `crates/engine/src/rules/wire.rs` define it."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Final

import msgpack

from starfort.config.problems import ConfigProblem
from starfort.threats.seclang import wire
from starfort.threats.seclang.actions import id_ranges, split_setvar
from starfort.threats.seclang.attacks import attacks_of
from starfort.threats.seclang.constants import constants
from starfort.threats.seclang.macros import is_pattern, parse_macro
from starfort.threats.seclang.matched import note_readers
from starfort.threats.seclang.model import Argument, Macro, Operator, RuleAction, Variable
from starfort.threats.seclang.resolve import Link, Resolved, Rule, checked_macro
from starfort.threats.seclang.runnable import why_not
from starfort.threats.seclang.selection import RuleIndex
from starfort.threats.seclang.variables import parse_variables

_OPERATORS: Final = {
    "detectSQLi": "detectSqli",
    "detectXSS": "detectXss",
    "ipMatchFromDataset": "ipMatch",
    "ipMatchFromFile": "ipMatch",
    "pmFromDataset": "pm",
    "pmFromFile": "pm",
    "rbl": "noMatch",
    "verifyCC": "verifyCc",
    "verifyCPF": "verifyCpf",
    "verifySSN": "verifySsn",
    "verifySVNR": "verifySvnr",
}
"""The engine's names of operators, where they differ from SecLang's."""

_OPENERS: Final = {"setrsc": "resource", "setsid": "session", "setuid": "user"}
"""The collections that these actions open."""

_ENGINE_MODES: Final = {"On": "on", "Off": "off", "DetectionOnly": "detection_only"}


def encode(resolved: Resolved, problems: list[ConfigProblem]) -> bytes:
    """Write rules for the engine, with what follows from them for every request.

    Args:
        resolved: the rules that run.
        problems: wrong macros and targets within actions are added here; if there are none, rules that the
            engine refuses.
    """
    encoder = _Encoder(RuleIndex(resolved.rules), problems)
    rules = [encoder.rule(rule) for rule in resolved.rules]
    # This comes after all rules are encoded, because a rule may ask for what any earlier rule matched.
    reads_earlier = note_readers(rules)
    # Errors of SecLang are reported first: the engine would report the same ones in other words.
    if not problems:
        problems += _refusals(resolved.rules, rules)
    packed: bytes = msgpack.packb(
        {
            "format": wire.FORMAT,
            "signatures": resolved.signatures,
            "settings": asdict(resolved.settings),
            "files": [file.name for file in encoder.files],
            "rules": rules,
            "reads_earlier": reads_earlier,
            "constants": constants(rules),
        }
    )
    return packed


def _refusals(rules: list[Rule], encoded: list[wire.Rule]) -> list[ConfigProblem]:
    """A problem for each rule that the engine cannot run."""
    refusals = []
    for rule, written in zip(rules, encoded, strict=True):
        refused = why_not(written)
        if refused is not None:
            reason, fix = refused
            refusals.append(rule.location.problem(f"rule {rule.id} cannot run: {reason}", fix))
    return refusals


class _Encoder:
    """Writes rules one after the other.

    Attributes:
        files: the files of the rules, and the number of each file.
    """

    def __init__(self, index: RuleIndex, problems: list[ConfigProblem]) -> None:
        self.files: dict[Path, int] = {}
        self._index = index
        self._problems = problems

    def rule(self, rule: Rule) -> wire.Rule:
        """Encode a rule. `note_readers` fills in later what depends on other rules."""
        disruptive: str | dict[str, wire.Text] = rule.disruptive
        if disruptive == "redirect":
            disruptive = {"redirect": _text(checked_macro(rule.redirect, rule.location, self._problems))}
        return {
            "id": rule.id,
            "phase": rule.phase,
            "file": self.files.setdefault(rule.location.file, len(self.files)),
            "line": rule.location.line,
            "links": [self._link(link) for link in rule.links],
            "rev": rule.revision,
            "ver": rule.version,
            "severity": rule.severity,
            "tags": list(rule.tags),
            "attacks": attacks_of(rule.id, rule.tags),
            "disruptive": disruptive,
            "status": rule.status,
            "log": rule.log,
            "audit_log": rule.audit_log,
            "notes": True,
            "skip": rule.skip,
            "skip_to": rule.skip_to,
        }

    def _link(self, link: Link) -> wire.Link:
        return {
            "targets": [_target(variable) for variable in link.variables],
            "operator": self._operator(link),
            "negated": link.operator is not None and link.operator.negated,
            "transformations": list(link.transformations),
            "multi_match": link.multi_match,
            "capture": link.capture,
            "msg": None if link.message is None else _text(link.message),
            "logdata": None if link.log_data is None else _text(link.log_data),
            "actions": [action for effect in link.effects for action in self._actions(effect)],
            # `note_readers` replaces this; until then the answer is the one that loses nothing.
            "reads_matched": True,
        }

    def _operator(self, link: Link) -> wire.Operator:
        operator = link.operator
        if operator is None:
            return {"kind": "unconditionalMatch", "argument": [], "phrases": []}
        # The engine reads phrases as text. All phrase files of CRS are UTF-8.
        phrases = [phrase.decode("utf-8", "replace") for phrase in operator.phrases]
        if operator.name == "pm":
            phrases = operator.argument.split()
        # The argument of these operators is the name of a file, which the engine does not need.
        argument = () if operator.phrases else self._argument(operator, link)
        return {
            "kind": _OPERATORS.get(operator.name, operator.name),
            "argument": _text(argument),
            "phrases": phrases,
        }

    def _argument(self, operator: Operator, link: Link) -> Macro:
        # A `%{` that names no variable is text in a pattern: rules look for templates that attackers write.
        if operator.name in {"rx", "rxGlobal", "pm"}:
            return parse_macro(operator.argument, lenient=True)
        return checked_macro(operator.argument, link.location, self._problems)

    def _actions(self, effect: RuleAction) -> list[wire.RuleAction]:
        """Encode an action. A `ctl` that removes several targets becomes one action for each target."""

        def text(written: str) -> wire.Text:
            return _text(checked_macro(written, effect.location, self._problems))

        match effect.name:
            case "setvar" | "expirevar":
                collection, key, operation, value = split_setvar(effect.argument)
                if effect.name == "expirevar":
                    expiry: wire.ExpireVariable = {
                        "collection": collection,
                        "key": text(key.lower()),
                        "seconds": text(value),
                    }
                    return [{"expire_var": expiry}]
                change: wire.SetVariable = {
                    "collection": collection,
                    "key": text(_lower(key)),
                    "op": operation,
                    "value": text(value),
                }
                return [{"set_var": change}]
            case "initcol":
                name, _, key = effect.argument.partition("=")
                return [{"init_col": {"collection": name, "key": text(key)}}]
            case "setrsc" | "setsid" | "setuid":
                return [
                    {"init_col": {"collection": _OPENERS[effect.name], "key": text(effect.argument)}},
                ]
            case "setenv":
                name, _, value = effect.argument.partition("=")
                return [{"set_env": {"name": text(name), "value": text(value)}}]
            case _:
                return [{"ctl": control} for control in self._controls(effect)]

    def _controls(self, effect: RuleAction) -> list[wire.Control]:
        name, _, value = effect.argument.partition("=")
        if name.startswith("ruleRemove"):
            return self._removals(effect, name, value)
        match name:
            case "forceRequestBodyVariable":
                return [{"force_request_body_variable": value == "On"}]
            case "requestBodyAccess":
                return [{"request_body_access": value == "On"}]
            case "responseBodyAccess":
                return [{"response_body_access": value == "On"}]
            case "ruleEngine":
                return [{"rule_engine": _ENGINE_MODES[value]}]
            case _:
                return [{"request_body_processor": value}]

    def _removals(self, effect: RuleAction, name: str, value: str) -> list[wire.Control]:
        """Encode `ctl:ruleRemove…=RULES` or `ctl:ruleRemoveTarget…=RULES;TARGETS`, one for each target."""
        if not name.startswith("ruleRemoveTarget"):
            return [{"remove_rules": self._selected(name, value)}]
        which, _, targets = value.partition(";")
        location = effect.location
        argument = Argument(targets.strip(), ((0, location.line, location.column),), location.file)
        rules = self._selected(name, which.strip())
        removed = parse_variables(argument, self._problems, "|,", whole_xml=True)
        return [{"remove_target": (rules, _target(variable))} for variable in removed]

    def _selected(self, name: str, which: str) -> list[int]:
        """The indexes of the rules that a removal names."""
        if name.endswith("ById"):
            return self._index.by_id(id_ranges(which))
        return self._index.by_tag(which) if name.endswith("ByTag") else self._index.by_message(which)


def _target(variable: Variable) -> wire.Target:
    selector = None
    if variable.selector is not None:
        text = variable.selector.text
        # Names compare without case, so they are lowered here once and not for each request.
        selector = {variable.selector.kind: text.lower() if variable.selector.kind == "name" else text}
    return {
        "variable": variable.name,
        "selector": selector,
        "count": variable.count,
        "exclude": variable.exclude,
    }


def _text(macro: Macro) -> wire.Text:
    return [
        {"var": (part.variable, _key(part.key))} if part.variable else {"text": part.text} for part in macro
    ]


def _key(key: str | None) -> str | None:
    return key if key is None or is_pattern(key) else key.lower()


def _lower(text: str) -> str:
    """The text in lower case, except within the braces of macros, which `_key` lowers."""
    return re.sub(
        r"%\{[^}]*\}|[^%]+|%", lambda found: found[0] if found[0].startswith("%{") else found[0].lower(), text
    )
