"""Reads the targets of rules, such as `ARGS|!ARGS:x|&TX:/y/|XML:/*`."""

from __future__ import annotations

import re

from starfort.config.problems import ConfigProblem
from starfort.threats.seclang.model import Argument, Selector, Variable
from starfort.threats.seclang.reference import COLLECTIONS, VARIABLE_ALIASES, VARIABLES, suggestion

_XPATH = frozenset({"XML"})
_DOTTED = re.compile(r"(TX|IP|GLOBAL|RESOURCE|SESSION|USER)\.(.+)", re.IGNORECASE | re.DOTALL)
_LOCAL_NAME = re.compile(r"\*\[local-name\(\)\s*=\s*['\"]([\w.-]+)['\"]\]")
_NAME = r"(?:\*|[A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?)"
_XPATHS = re.compile(rf"(?://?{_NAME})*(?://?(?:{_NAME}|@{_NAME}|text\(\)))")
"""The expressions that the engine can evaluate while it reads a body: steps by name, without predicates."""


def parse_variables(
    argument: Argument, problems: list[ConfigProblem], separators: str = "|", *, whole_xml: bool = False
) -> tuple[Variable, ...]:
    """Read a list of targets.

    Args:
        argument: the list as written.
        problems: problems are added here, and a target with a problem is left out.
        separators: `|`, and also `,` when an update lists targets.
        whole_xml: the targets are excluded from rules; `XML` without a path means all text and attributes.
    """
    found: list[Variable] = []
    # Offsets are counted, so that a problem names the column of the target and not of the list.
    offset = 0
    for piece in _pieces(argument.text, separators):
        if piece.strip():
            variable = _variable(piece, argument, offset, problems, whole_xml=whole_xml)
            if variable is not None:
                found.append(variable)
        elif argument.text.strip(separators):
            problems.append(argument.location(offset).problem("a target is missing between two separators"))
        offset += len(piece) + 1
    if not argument.text.strip(separators + " "):
        problems.append(argument.location().problem("a rule needs a target", "name a variable, such as ARGS"))
    return tuple(found)


def _pieces(text: str, separators: str) -> list[str]:
    """Split at separators that stand neither in `/…/` nor in `'…'`."""
    pieces: list[str] = []
    start = 0
    closing = ""
    for index, character in enumerate(text):
        # A separator within a pattern or a quoted name belongs to that: `ARGS:/a|b/`.
        before = text[index - 1] if index else ""
        if closing:
            # A pattern ends at a slash that has no backslash before it.
            if character == closing and before != "\\":
                closing = ""
        elif character == "'" and before in ":/'":
            closing = "'"
        # The slashes of an XPath expression are steps.
        elif character == "/" and before == ":" and text[start:index].strip("!& ").upper() != "XML:":
            closing = "/"
        elif character in separators:
            pieces.append(text[start:index])
            start = index + 1
    return [*pieces, text[start:]]


def _variable(
    piece: str, argument: Argument, offset: int, problems: list[ConfigProblem], *, whole_xml: bool
) -> Variable | None:
    text = piece.strip()
    location = argument.location(offset + piece.index(text[0]))
    sign = text[0] if text[0] in "!&" else ""
    written = text[len(sign) :].strip()
    # Members of what rules set may be written as in macros: `TX.name`.
    dotted = _DOTTED.fullmatch(written)
    name, colon, member = (dotted[1], ":", dotted[2]) if dotted else written.partition(":")
    name = VARIABLE_ALIASES.get(name.upper(), name.upper())
    selector = _selector(name, member) if colon else None
    if wrong := _wrong(name, selector, whole_too=bool(sign) or whole_xml):
        problems.append(location.problem(*wrong))
        return None
    return Variable(name, selector, count=sign == "&", exclude=sign == "!")


def _wrong(name: str, selector: Selector | None, *, whole_too: bool) -> tuple[str, str] | None:
    """What is wrong with a target, and what would be right; None when nothing is."""
    entry = VARIABLES.get(name)
    wrong: tuple[str, str] | None = None
    if entry is None:
        wrong = f"unknown variable {name}", suggestion(name, VARIABLES)
    elif not entry.supported:
        wrong = f"variable {name} is not supported", entry.note
    elif selector is not None and name not in COLLECTIONS:
        wrong = f"{name} has no members", f"write {name} alone"
    elif selector is not None and not selector.text:
        wrong = f"{name}: names no member", f"write {name}, or {name}:member"
    # Without a path it is not clear whether text, attributes or both are meant.
    elif name in _XPATH and selector is None and not whole_too:
        wrong = f"{name} needs an XPath expression", f"write {name}:/* for all text"
    elif selector is not None and selector.kind == "xpath" and not _XPATHS.fullmatch(selector.text):
        wrong = (
            f"{name}:{selector.text[:60]} is not supported",
            "write /* for all text, //@* for all attributes, or steps such as //name and /a/b/@c",
        )
    return wrong


def _selector(name: str, member: str) -> Selector:
    if name in _XPATH:
        # `[text()]` selects what is looked at anyway, and names are compared without prefix.
        return Selector("xpath", _LOCAL_NAME.sub(r"\1", member.removesuffix("[text()]")))
    # Quotes protect separators within a name; they are not part of it.
    if len(member) > 1 and member[0] == member[-1] == "'":
        member = member[1:-1]
    if len(member) > 1 and member[0] == member[-1] == "/":
        # In a pattern between slashes, a slash of its own is written with a backslash.
        return Selector("regex", member[1:-1].replace("\\/", "/"))
    return Selector("name", member)
