"""Resolved rules as the engine reads them; `crates/engine/src/rules/wire.rs` defines the format."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import msgpack

from starfort.config.problems import ConfigProblem
from starfort.threats.seclang.actions import id_ranges, split_setvar
from starfort.threats.seclang.macros import is_pattern, parse_macro
from starfort.threats.seclang.model import Action, Argument, Macro, Operator, Variable
from starfort.threats.seclang.resolve import Link, Resolved, Rule, checked_macro
from starfort.threats.seclang.runnable import why_not
from starfort.threats.seclang.variables import parse_variables

FORMAT: Final = 1
"""Of the whole; the engine refuses another."""

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
"""Where the engine's name differs from SecLang's."""

_OPENERS: Final = {"setrsc": "resource", "setsid": "session", "setuid": "user"}


def encode(resolved: Resolved, problems: list[ConfigProblem]) -> bytes:
    """Write rules for the engine.

    Args:
        resolved: what runs.
        problems: macros and targets inside of actions that are wrong are added here; if there are none,
            rules that the engine refuses.
    """
    files: dict[Path, int] = {}
    refusals: list[ConfigProblem] = []
    rules = [_rule(rule, files, problems) for rule in resolved.rules]
    for rule, encoded in zip(resolved.rules, rules, strict=True):
        if not problems and (refused := why_not(encoded, FORMAT)):
            refusals.append(rule.place.problem(f"rule {rule.id} cannot run: {refused[0]}", refused[1]))
    problems += refusals
    settings = asdict(resolved.settings)
    packed: bytes = msgpack.packb(
        {
            "format": FORMAT,
            "signatures": resolved.signatures,
            "settings": settings,
            "files": [file.name for file in files],
            "rules": rules,
        }
    )
    return packed


def _rule(rule: Rule, files: dict[Path, int], problems: list[ConfigProblem]) -> dict[str, Any]:
    disruptive: Any = rule.disruptive
    if disruptive == "redirect":
        disruptive = {"redirect": _macro(checked_macro(rule.redirect, rule.place, problems))}
    return {
        "id": rule.id,
        "phase": rule.phase,
        "file": files.setdefault(rule.place.file, len(files)),
        "line": rule.place.line,
        "links": [_link(link, problems) for link in rule.links],
        "rev": rule.revision,
        "ver": rule.version,
        "severity": rule.severity,
        "maturity": rule.maturity,
        "accuracy": rule.accuracy,
        "tags": list(rule.tags),
        "disruptive": disruptive,
        "status": rule.status,
        "log": rule.log,
        "audit_log": rule.audit_log,
        "skip": rule.skip,
        "skip_to": rule.skip_to,
    }


def _link(link: Link, problems: list[ConfigProblem]) -> dict[str, Any]:
    return {
        "targets": [_target(variable) for variable in link.variables],
        "operator": _operator(link, problems),
        "negated": link.operator is not None and link.operator.negated,
        "transformations": list(link.transformations),
        "multi_match": link.multi_match,
        "capture": link.capture,
        "msg": None if link.message is None else _macro(link.message),
        "logdata": None if link.log_data is None else _macro(link.log_data),
        "actions": [action for effect in link.effects for action in _effect(effect, problems)],
    }


def _target(variable: Variable) -> dict[str, Any]:
    selector = None
    if variable.selector is not None:
        text = variable.selector.text
        selector = {variable.selector.kind: text.lower() if variable.selector.kind == "name" else text}
    return {
        "variable": variable.name,
        "selector": selector,
        "count": variable.count,
        "exclude": variable.exclude,
    }


def _operator(link: Link, problems: list[ConfigProblem]) -> dict[str, Any]:
    operator = link.operator
    if operator is None:
        return {"kind": "unconditionalMatch", "argument": [], "phrases": []}
    phrases = [phrase.decode("utf-8", "replace") for phrase in operator.phrases]
    if operator.name == "pm":
        phrases = operator.argument.split()
    argument = () if operator.phrases else _argument(operator, link, problems)
    return {
        "kind": _OPERATORS.get(operator.name, operator.name),
        "argument": _macro(argument),
        "phrases": phrases,
    }


def _argument(operator: Operator, link: Link, problems: list[ConfigProblem]) -> Macro:
    if operator.name not in {"rx", "rxGlobal", "pm"}:
        return checked_macro(operator.argument, link.place, problems)
    return parse_macro(operator.argument, lenient=True)


def _macro(macro: Macro) -> list[dict[str, Any]]:
    return [
        {"var": [part.variable, _key(part.key)]} if part.variable else {"text": part.text} for part in macro
    ]


def _key(key: str | None) -> str | None:
    return key if key is None or is_pattern(key) else key.lower()


def _effect(effect: Action, problems: list[ConfigProblem]) -> list[dict[str, Any]]:
    def macro(text: str) -> list[dict[str, Any]]:
        return _macro(checked_macro(text, effect.place, problems))

    if effect.name in {"setvar", "expirevar"}:
        collection, key, operation, value = split_setvar(effect.argument)
        if effect.name == "expirevar":
            return [
                {"expire_var": {"collection": collection, "key": macro(key.lower()), "seconds": macro(value)}}
            ]
        written = {
            "collection": collection,
            "key": macro(_lower(key)),
            "op": operation,
            "value": macro(value),
        }
        return [{"set_var": written}]
    if effect.name == "initcol" or effect.name in _OPENERS:
        name, _, key = (
            effect.argument.partition("=")
            if effect.name == "initcol"
            else (_OPENERS[effect.name], "", effect.argument)
        )
        return [{"init_col": {"collection": name, "key": macro(key)}}]
    if effect.name == "setenv":
        name, _, value = effect.argument.partition("=")
        return [{"set_env": {"name": macro(name), "value": macro(value)}}]
    return [{"ctl": control} for control in _ctl(effect, problems)]


def _lower(text: str) -> str:
    """Lower case, but not inside of macros' braces (those are lowered part by part)."""
    return re.sub(
        r"%\{[^}]*\}|[^%]+|%", lambda found: found[0] if found[0].startswith("%{") else found[0].lower(), text
    )


_CTLS: Final = {
    "forceRequestBodyVariable": "force_request_body_variable",
    "requestBodyAccess": "request_body_access",
    "responseBodyAccess": "response_body_access",
}


def _ctl(effect: Action, problems: list[ConfigProblem]) -> list[dict[str, Any]]:
    name, _, value = effect.argument.partition("=")
    if name in _CTLS:
        return [{_CTLS[name]: value == "On"}]
    if name == "ruleEngine":
        return [{"rule_engine": {"On": "on", "Off": "off", "DetectionOnly": "detection_only"}[value]}]
    if name == "requestBodyProcessor":
        return [{"request_body_processor": value}]
    if name == "ruleRemoveById":
        return [{"rule_remove_by_id": [list(pair) for pair in id_ranges(value)]}]
    if name in {"ruleRemoveByTag", "ruleRemoveByMsg"}:
        return [{"rule_remove_by_tag" if name.endswith("Tag") else "rule_remove_by_msg": value}]
    which, _, targets = value.partition(";")
    place = effect.place
    argument = Argument(targets.strip(), ((0, place.line, place.column),), place.file)
    by: Any = [list(pair) for pair in id_ranges(which)] if name.endswith("ById") else which.strip()
    key = "rule_remove_target_by_" + {"Id": "id", "Tag": "tag", "Msg": "msg"}[name.rpartition("By")[2]]
    removed = parse_variables(argument, problems, "|,", whole_xml=True)
    return [{key: [by, _target(variable)]} for variable in removed]
