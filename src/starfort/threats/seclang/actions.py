"""Reads the actions of a rule, such as `id:1,phase:2,t:none,setvar:'tx.x=+1',chain`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from starfort.config.problems import ConfigProblem
from starfort.threats.seclang.model import Argument, RuleAction, SourceLocation
from starfort.threats.seclang.reference import (
    ACTIONS,
    CTLS,
    SEVERITIES,
    TRANSFORMATION_ALIASES,
    TRANSFORMATIONS,
    suggestion,
)

MAX_RULE_ID: Final = 2**53 - 1
"""The largest whole number that JSON carries without loss (RFC 8259, section 6)."""

DISRUPTIVE: Final = frozenset({"allow", "block", "deny", "drop", "pass", "redirect"})
"""Of these, at most one takes effect: the last one."""

_BY_LOWER = {name.lower(): name for name in ACTIONS}
# ModSecurity accepts the American spelling too.
_BY_LOWER |= {name.replace("sanitise", "sanitize").lower(): name for name in ACTIONS if "sanitise" in name}
_TRANSFORMATIONS = {name.lower(): name for name in TRANSFORMATIONS} | TRANSFORMATION_ALIASES
_CTLS = {name.lower(): name for name in CTLS}
_PHASES = {"1": "1", "2": "2", "3": "3", "4": "4", "5": "5", "request": "2", "response": "4", "logging": "5"}
_FLAGS = frozenset(
    {
        "auditlog",
        "block",
        "capture",
        "chain",
        "deny",
        "drop",
        "log",
        "multiMatch",
        "noauditlog",
        "nolog",
        "pass",
    }
)
_SWITCHES = {"on": "On", "off": "Off"}
_CTL_VALUES = {
    "forceRequestBodyVariable": _SWITCHES,
    "requestBodyAccess": _SWITCHES,
    "responseBodyAccess": _SWITCHES,
    "ruleEngine": _SWITCHES | {"detectiononly": "DetectionOnly"},
    "requestBodyProcessor": {name.lower(): name for name in ("URLENCODED", "MULTIPART", "XML", "JSON")},
}


class ActionError(ValueError):
    """The argument of an action is wrong; `fix` says what would be right."""

    def __init__(self, what: str, fix: str = "") -> None:
        self.fix = fix
        super().__init__(what)


def parse_actions(
    argument: Argument, problems: list[ConfigProblem], notes: list[ConfigProblem]
) -> tuple[RuleAction, ...]:
    """Read a list of actions.

    Args:
        argument: the list as written.
        problems: what is wrong is added here, and the action left out.
        notes: what is accepted and has no effect is added here.
    """
    found: list[RuleAction] = []
    for name, value, offset in _split(argument.text):
        location = argument.location(offset)
        if value is None:
            problems.append(location.problem(f"the quote in {name} is never closed", "close it with '"))
            continue
        try:
            action = _action(name, value, location, notes)
        except ActionError as error:
            problems.append(location.problem(str(error), error.fix))
        else:
            if action is not None:
                found.append(action)
    return tuple(found)


_BLANKS = re.compile(r"[ \t\r\n,]*")
_NAME = re.compile(r"[^:,]*")


def _split(text: str) -> Iterator[tuple[str, str | None, int]]:
    """Yield name, value (None: a quote is not closed) and offset of each action."""
    offset = 0
    while offset < len(text):
        start = _BLANKS.match(text, offset).end()  # type: ignore[union-attr]  # it matches nothing too
        offset = _NAME.match(text, start).end()  # type: ignore[union-attr]
        name = text[start:offset].strip()
        value: str | None = ""
        if offset < len(text) and text[offset] == ":":
            value, offset = _value(text, offset + 1)
        if name:
            yield name, value, start


_VALUE_PART = re.compile(r"\\'|'|,")


def _value(text: str, offset: int) -> tuple[str | None, int]:
    """The value at `offset` without its outer quotes, and where it ends.

    A quote opens at the beginning or after `=`. A comma within quotes belongs to the value.
    """
    start = offset
    quoted_from: int | None = None
    while found := _VALUE_PART.search(text, offset):
        offset = found.end()
        if found.group() == "'":
            if quoted_from is not None:
                quoted_from = None
            # An apostrophe within a word (`msg:It's`) opens nothing.
            elif not text[start : found.start()].strip() or text[found.start() - 1] in "=:;":
                quoted_from = found.start()
        elif found.group() == "," and quoted_from is None:
            return _unquote(text[start : found.start()]), found.start()
    return (None if quoted_from is not None else _unquote(text[start:])), len(text)


def _unquote(value: str) -> str:
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] == "'":
        value = value[1:-1]
    return value.replace("\\'", "'")


def _action(
    written: str, value: str, location: SourceLocation, notes: list[ConfigProblem]
) -> RuleAction | None:
    name = _BY_LOWER.get(written.lower())
    if name is None:
        raise ActionError(f"unknown action {written}", suggestion(written, ACTIONS))
    entry = ACTIONS[name]
    if not entry.supported:
        raise ActionError(f"action {name} is not supported", entry.note)
    if name in _FLAGS:
        if value:
            raise ActionError(f"{name} takes no value, got {value[:40]!r}")
    elif not value and name not in {"allow", "msg", "logdata"}:
        raise ActionError(f"{name} needs a value", f"write {name}:…")
    # The value is checked before the note that it has no effect: an error in it is an error in other engines.
    checked = _CHECKS[name](value) if name in _CHECKS else value
    if entry.note:
        notes.append(location.problem(f"{name} has no effect", entry.note))
        return None
    if name == "ctl" and CTLS[checked.partition("=")[0]].note:
        notes.append(
            location.problem(
                f"ctl:{checked.partition('=')[0]} has no effect", CTLS[checked.partition("=")[0]].note
            )
        )
        return None
    return RuleAction(name, checked, location)


def _identifier(value: str) -> str:
    if not re.fullmatch(r"\d+", value) or not 0 < int(value) <= MAX_RULE_ID:
        raise ActionError(f"id {value[:40]!r} is no number from 1 to {MAX_RULE_ID}")
    return str(int(value))


def _phase(value: str) -> str:
    phase = _PHASES.get(value.lower())
    if phase is None:
        raise ActionError(f"unknown phase {value[:40]!r}", "write 1 to 5, request, response or logging")
    return phase


def _severity(value: str) -> str:
    if value.upper() in SEVERITIES:
        return str(SEVERITIES.index(value.upper()))
    if re.fullmatch("[0-7]", value):
        return value
    raise ActionError(f"unknown severity {value[:40]!r}", f"write 0 to 7, or {', '.join(SEVERITIES)}")


def _status(value: str) -> str:
    if not re.fullmatch(r"[1-5]\d\d", value):
        raise ActionError(f"{value[:40]!r} is no HTTP status")
    return value


def _number(value: str) -> str:
    if not re.fullmatch(r"\d{1,9}", value):
        raise ActionError(f"{value[:40]!r} is no number")
    return value


def _transformation(value: str) -> str:
    name = _TRANSFORMATIONS.get(value.lower())
    if name is None:
        raise ActionError(f"unknown transformation {value[:40]}", suggestion(value, TRANSFORMATIONS))
    return name


def _allow(value: str) -> str:
    if value.lower() not in {"", "phase", "request"}:
        raise ActionError(f"allow:{value[:40]} is not known", "write allow, allow:phase or allow:request")
    return value.lower()


def _ctl(value: str) -> str:
    written, equals, setting = value.partition("=")
    name = _CTLS.get(written.strip().lower())
    if name is None:
        raise ActionError(f"unknown ctl {written[:40]}", suggestion(written, CTLS))
    if not CTLS[name].supported:
        raise ActionError(f"ctl:{name} is not supported", CTLS[name].note)
    setting = _unquote(setting)
    if not equals or not setting:
        raise ActionError(f"ctl:{name} needs a value", f"write ctl:{name}=…")
    # SecLang ignores the case of these values, and the engine gets one spelling.
    if values := _CTL_VALUES.get(name):
        if setting.lower() not in values:
            raise ActionError(
                f"ctl:{name}={setting[:40]} is not known", f"write one of {', '.join(values.values())}"
            )
        setting = values[setting.lower()]
    if name.startswith("ruleRemoveTarget"):
        which, _, target = setting.partition(";")
        if not target.strip():
            raise ActionError(f"ctl:{name} names no target", f"write ctl:{name}=WHICH;ARGS:name")
        if name.endswith("ById"):
            # This only checks the ranges. They are read again in `encode`, where the rules are known.
            id_ranges(which)
    elif name == "ruleRemoveById":
        # ModSecurity stops reading at the first byte that is no digit, and real files end with a semicolon.
        setting = setting.rstrip("; ")
        if ";" in setting:
            raise ActionError(
                f"ctl:{name}={setting[:40]} names a target, and this takes out whole rules",
                f"write ctl:ruleRemoveTargetById={setting[:40]}",
            )
        id_ranges(setting)
    return f"{name}={setting}"


_COLLECTIONS = ("tx", "ip", "global", "session", "user", "resource")
_WRITTEN = re.compile(r"(!?)([A-Za-z]+)\.([^=]+?)(?:\s*=\s*(.*))?", re.DOTALL)


def split_setvar(value: str) -> tuple[str, str, str, str]:
    """Collection, key, operation (`set`, `add`, `subtract`, `unset`) and value of a `setvar`.

    Raises:
        ActionError: it is not written as `collection.key=value`.
    """
    found = _WRITTEN.fullmatch(value.strip())
    if found is None or found[2].lower() not in _COLLECTIONS:
        raise ActionError(
            f"setvar:{value[:40]} sets nothing",
            f"write setvar:tx.name=value; collections are {', '.join(_COLLECTIONS)}",
        )
    collection, key = found[2].lower(), found[3]
    if found[1]:
        return collection, key, "unset", ""
    # `setvar:tx.flag` sets 1, and `setvar:tx.flag=` sets an empty text.
    if found[4] is None:
        return collection, key, "set", "1"
    text = _unquote(found[4])
    # A sign without a number is text.
    if text[:1] in "+-" and text[1:]:
        return collection, key, "add" if text[0] == "+" else "subtract", text[1:]
    return collection, key, "set", text


def _setvar(value: str) -> str:
    split_setvar(value)
    return value


def _expirevar(value: str) -> str:
    collection, _, operation, _ = split_setvar(value)
    # `TX` ends with the request, so a member of it cannot expire before.
    if operation != "set" or collection == "tx" or "=" not in value:
        raise ActionError(
            f"expirevar:{value[:40]} expires nothing",
            "write expirevar:ip.name=SECONDS; TX lives as long as the request",
        )
    return value


def _initcol(value: str) -> str:
    collection, equals, key = value.partition("=")
    # `TX` is open in every request, so it cannot be opened.
    if collection.strip().lower() not in _COLLECTIONS[1:] or not equals or not key:
        raise ActionError(
            f"initcol:{value[:40]} opens nothing",
            f"write initcol:ip=%{{REMOTE_ADDR}}; collections are {', '.join(_COLLECTIONS[1:])}",
        )
    return f"{collection.strip().lower()}={_unquote(key)}"


def _pair(value: str) -> str:
    if not value.partition("=")[0].strip() or "=" not in value:
        raise ActionError(f"{value[:40]!r} is no name=value")
    return value


def id_ranges(text: str) -> tuple[tuple[int, int], ...]:
    """Rule ids such as `1 5-9,12` as inclusive ranges.

    Raises:
        ActionError: something in it is neither a number nor a range.
    """
    ranges: list[tuple[int, int]] = []
    # Quotes may stand around the whole list, and ids may be separated by blanks or commas.
    for word in re.split(r"[\s,]+", text.strip().strip("\"'")):
        found = re.fullmatch(r"(\d{1,16})(?:-(\d{1,16}))?", word)
        if found is None or int(found[2] or found[1]) < int(found[1]):
            raise ActionError(f"{word[:40]!r} is no rule id or range", "write 942100 or 942100-942199")
        ranges.append((int(found[1]), int(found[2] or found[1])))
    return tuple(ranges)


_CHECKS = {
    "accuracy": _number,
    "allow": _allow,
    "ctl": _ctl,
    "expirevar": _expirevar,
    "id": _identifier,
    "initcol": _initcol,
    "maturity": _number,
    "phase": _phase,
    "setenv": _pair,
    "setvar": _setvar,
    "severity": _severity,
    "skip": _number,
    "status": _status,
    "t": _transformation,
    "xmlns": _pair,
}
