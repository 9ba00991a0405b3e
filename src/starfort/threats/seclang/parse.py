"""Reads rule files: reads every directive, follows every `Include`, and collects every problem."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from starfort.config.problems import ConfigProblem
from starfort.threats.seclang.actions import DISRUPTIVE, ActionError, id_ranges, parse_actions
from starfort.threats.seclang.lexer import statements
from starfort.threats.seclang.model import (
    ActionUpdateSpec,
    Argument,
    DefaultActionSpec,
    EngineSpec,
    Item,
    MarkerSpec,
    RemovalSpec,
    RuleAction,
    RuleSpec,
    Statement,
    TargetUpdateSpec,
    Variable,
)
from starfort.threats.seclang.operators import parse_operator, phrases_of
from starfort.threats.seclang.patterns import compiled
from starfort.threats.seclang.reference import DIRECTIVES, Support, suggestion
from starfort.threats.seclang.variables import parse_variables

MAX_FILE_BYTES: Final = 16 << 20
"""The largest file of CRS 4 has 200 KB."""

MAX_FILES: Final = 2000
"""Limits how many files `Include` can add."""

MAX_INCLUDE_DEPTH: Final = 16
"""Stops files that include each other."""

MAX_ITEMS: Final = 100_000
"""CRS 4 has about 800."""


@dataclass
class Parsed:
    """The content of the files.

    Attributes:
        items: rules and directives in order.
        files: every file that was read, including data files.
        problems: why the files cannot be used.
        notes: what is accepted without effect.
        datasets: the records of each `SecDataset`, as they are at this location of the files.
    """

    items: list[Item] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    problems: list[ConfigProblem] = field(default_factory=list)
    notes: list[ConfigProblem] = field(default_factory=list)
    datasets: dict[str, tuple[bytes, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snippet:
    """Rules that are in no file: Starfort makes them from settings of the configuration.

    Attributes:
        name: what is shown instead of the name of a file.
        text: SecLang.
    """

    name: str
    text: str


def parse_sources(sources: Sequence[Path | Snippet]) -> Parsed:
    """Read rules in order, and everything that they include.

    Args:
        sources: files; folders, which stand for their `*.conf` by name; texts.

    Returns:
        Everything that could be read, and every problem.
    """
    parser = _Parser()
    for source in sources:
        if isinstance(source, Snippet):
            parser.text(source.text, Path(source.name), 0)
        elif source.is_dir():
            # Files are sorted by name, as Apache and ModSecurity do: CRS numbers its files for this order.
            found = sorted(source.glob("*.conf"))
            if not found:
                parser.parsed.problems.append(ConfigProblem(source, 0, 0, "has no *.conf files"))
            for file in found:
                parser.file(file, 0)
        else:
            parser.file(source, 0)
    return parser.parsed


class _Parser:
    def __init__(self) -> None:
        self.parsed = Parsed()
        self._directives = {name.lower(): name for name in DIRECTIVES}

    def file(self, path: Path, depth: int, asked: Argument | None = None) -> None:
        """Read one file; `asked` is the argument of the `Include` that names it."""
        parsed = self.parsed
        # This is checked before reading, because files that include each other must not be read without end.
        if len(parsed.files) >= MAX_FILES:
            parsed.problems.append(ConfigProblem(path, 0, 0, f"more than {MAX_FILES} files are included"))
            return
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                parsed.problems.append(
                    ConfigProblem(path, 0, 0, f"is larger than {MAX_FILE_BYTES >> 20} MiB")
                )
                return
            # Windows editors put a byte order mark at the beginning of a file.
            text = path.read_bytes().decode("utf-8-sig")
        except OSError as error:
            what = f"cannot be read: {error.strerror}"
            parsed.problems.append(
                asked.location().problem(f"{path} {what}") if asked else ConfigProblem(path, 0, 0, what)
            )
            return
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            parsed.problems.append(ConfigProblem(path, line, 1, "is not UTF-8", "save the file as UTF-8"))
            return
        parsed.files.append(path)
        self.text(text, path, depth)

    def text(self, text: str, path: Path, depth: int) -> None:
        """Read the content of a file."""
        parsed = self.parsed
        for statement in statements(text, path, parsed.problems):
            if len(parsed.items) >= MAX_ITEMS:
                parsed.problems.append(
                    statement.location.problem(f"more than {MAX_ITEMS} rules and directives")
                )
                return
            self._statement(statement, depth)

    def _statement(self, statement: Statement, depth: int) -> None:
        # A rule that cannot be read is replaced by a stand-in. Otherwise one typing error would break each
        # chain that follows.
        before = len(self.parsed.problems)
        items = len(self.parsed.items)
        self._read(statement, depth)
        refused = statement.broken or len(self.parsed.problems) > before
        if refused and len(self.parsed.items) == items and self._is_rule(statement.name):
            self.parsed.items.append(_salvaged(statement))

    def _is_rule(self, name: str) -> bool:
        """Whether a directive makes a link of a chain, or is mistyped for one that does."""
        # `SecRul` is meant as a rule, so the chain around it must not be reported as broken too.
        known = name.lower() in self._directives
        return name.lower() in _RULES or (
            not known and bool(difflib.get_close_matches(name.lower(), _RULES, 1, 0.8))
        )

    def _read(self, statement: Statement, depth: int) -> None:
        problem = self.parsed.problems.append
        name = self._accepted(statement)
        if name is None or statement.broken:
            return
        least, most = _COUNTS.get(name, (1, 1))
        if not least <= len(statement.arguments) <= most:
            counts = str(least) if least == most else f"{least} to {most}"
            problem(
                statement.location.problem(
                    f"{name} takes {counts} arguments, got {len(statement.arguments)}",
                    "put arguments with blanks in double quotes, and a backslash before each quote inside",
                )
            )
            return
        if name in {"Include", "IncludeOptional"}:
            self._include(statement, depth, optional=name == "IncludeOptional")
            return
        try:
            item = _READERS.get(name, _engine)(statement, self.parsed)
        except ActionError as error:
            problem(statement.location.problem(str(error), error.fix))
            return
        if item is not None:
            self.parsed.items.append(item)

    def _accepted(self, statement: Statement) -> str | None:
        """The directive's name; None, with a problem or note, if it is unknown, refused or without effect."""
        name = self._directives.get(statement.name.lower())
        location = statement.location
        if name is None:
            fix = suggestion(statement.name, DIRECTIVES)
            self.parsed.problems.append(location.problem(f"unknown directive {statement.name}", fix))
            return None
        entry = DIRECTIVES[name]
        if not entry.supported:
            self.parsed.problems.append(location.problem(f"{name} is not supported", entry.note))
            return None
        if entry.support is Support.NOTED:
            self.parsed.notes.append(location.problem(f"{name} has no effect", entry.note))
            return None
        return name

    def _include(self, statement: Statement, depth: int, *, optional: bool) -> None:
        argument = statement.arguments[0]
        problem = self.parsed.problems.append
        if depth >= MAX_INCLUDE_DEPTH:
            problem(argument.location().problem(f"includes are nested more than {MAX_INCLUDE_DEPTH} deep"))
            return
        pattern = Path(argument.text)
        # A pattern that matches nothing is an error for `Include`. A missing file is reported when it is
        # read.
        if re.search(r"[*?\[]", argument.text):
            folder = Path(pattern.anchor) if pattern.is_absolute() else argument.file.parent
            relative = pattern.relative_to(pattern.anchor) if pattern.is_absolute() else pattern
            found = sorted(file for file in folder.glob(str(relative)) if file.is_file())
        else:
            file = argument.file.parent / pattern
            found = [file] if file.exists() or not optional else []
        if not found and not optional:
            fix = "paths count from the file they stand in; IncludeOptional accepts none"
            problem(argument.location().problem(f"no file matches {argument.text}", fix))
        for file in found:
            self.file(file, depth + 1, argument)


_COUNTS = {
    "SecRule": (2, 3),
    "SecRuleRemoveById": (1, 1000),
    "SecRuleUpdateActionById": (2, 2),
    "SecRuleUpdateTargetById": (2, 1000),
    "SecRuleUpdateTargetByMsg": (2, 3),
    "SecRuleUpdateTargetByTag": (2, 3),
    "SecResponseBodyMimeType": (1, 100),
    "SecResponseBodyMimeTypesClear": (0, 0),
    "SecDataset": (2, 2),
    "SecUnicodeMapFile": (1, 2),
}

_RULES: Final = ("secrule", "secaction", "secrulescript")
"""Directives that make a link of a chain."""

# Searched in the raw text, because the actions of such a rule could not be read.
_CHAINED: Final = re.compile(r"(?:^|[\s,\"'])chain(?:$|[\s,\"'])", re.IGNORECASE)
_ID: Final = re.compile(r"(?:^|[\s,\"'])id:'?(\d{1,16})", re.IGNORECASE)


def _salvaged(statement: Statement) -> RuleSpec:
    """What a chain needs to know of a rule that cannot be read: its id, and whether the chain goes on.

    With this stand-in the rules around it are read as if it had no fault; the fault is reported already.
    """
    return _completed(RuleSpec((Variable("UNIQUE_ID"),), None, (), statement.location), statement)


def _completed(rule: RuleSpec, statement: Statement) -> RuleSpec:
    """A rule with a fault, with `chain` and `id` where their text is there."""
    actions = list(rule.actions)
    if not rule.has("chain") and _CHAINED.search(statement.text):
        actions.append(RuleAction("chain", "", statement.location))
    if not rule.has("id") and (found := _ID.search(statement.text)):
        actions.append(RuleAction("id", str(int(found[1])), statement.location))
    return replace(
        rule, variables=rule.variables or (Variable("UNIQUE_ID"),), actions=tuple(actions), broken=True
    )


def _rule(statement: Statement, parsed: Parsed) -> Item | None:
    before = len(parsed.problems)
    variables = parse_variables(statement.arguments[0], parsed.problems)
    operator = parse_operator(statement.arguments[1], parsed.problems, parsed.notes, parsed.datasets)
    actions = (
        parse_actions(statement.arguments[2], parsed.problems, parsed.notes)
        if len(statement.arguments) == 3  # noqa: PLR2004 - targets, operator, actions
        else ()
    )
    # Data files are watched like rule files, so that a change of one causes a reload.
    if operator is not None and operator.phrases and operator.name.endswith("FromFile"):
        parsed.files += [statement.location.file.parent / name for name in operator.argument.split()]
    rule = RuleSpec(variables, operator, actions, statement.location)
    # A rule with a fault is kept, so that the chain around it is not reported as broken too.
    return _completed(rule, statement) if len(parsed.problems) > before else rule


def _action(statement: Statement, parsed: Parsed) -> Item | None:
    before = len(parsed.problems)
    actions = parse_actions(statement.arguments[0], parsed.problems, parsed.notes)
    rule = RuleSpec((), None, actions, statement.location)
    return _completed(rule, statement) if len(parsed.problems) > before else rule


def _marker(statement: Statement, _: Parsed) -> Item | None:
    return MarkerSpec(statement.arguments[0].text, statement.location)


_NOT_DEFAULT = frozenset(
    {"id", "chain", "skip", "skipAfter", "msg", "rev", "ver", "severity", "logdata", "maturity", "accuracy"}
)
"""Actions that describe a single rule. As default actions they would describe all rules."""


def _default_action(statement: Statement, parsed: Parsed) -> Item | None:
    actions = parse_actions(statement.arguments[0], parsed.problems, parsed.notes)
    # In a list of default actions, `block` alone would refer to itself.
    disruptive = any(action.name in DISRUPTIVE and action.name != "block" for action in actions)
    for action in actions:
        # `block` means what the other disruptive action of the list says.
        if action.name in _NOT_DEFAULT or (action.name == "block" and not disruptive):
            fix = "give the disruptive action itself" if action.name == "block" else "move it to the rules"
            parsed.problems.append(action.location.problem(f"{action.name} cannot be a default action", fix))
        elif action.name == "t" and action.argument == "none":
            what = "t:none cannot be a default action: there is nothing before it to forget"
            parsed.problems.append(action.location.problem(what, "remove it"))
    actions = tuple(action for action in actions if action.name != "block")
    if not any(action.name == "phase" for action in actions):
        parsed.problems.append(statement.location.problem("SecDefaultAction names no phase", "add phase:2"))
        return None
    return DefaultActionSpec(actions, statement.location)


def _dataset(statement: Statement, parsed: Parsed) -> Item | None:
    name, records = statement.arguments
    parsed.datasets[name.text] = tuple(phrases_of(records.text.encode()))
    return None


def _remove(by: str) -> Callable[[Statement, Parsed], Item | None]:
    def read(statement: Statement, parsed: Parsed) -> Item | None:
        return _selection(by, statement, statement.arguments, parsed)

    return read


def _selection(
    by: str, statement: Statement, arguments: Sequence[Argument], parsed: Parsed
) -> RemovalSpec | None:
    if by == "id":
        ranges = tuple(found for argument in arguments for found in id_ranges(argument.text))
        return RemovalSpec(by, ranges, "", statement.location)
    pattern = arguments[0].text
    try:
        # Removals are applied here, so Python's patterns decide. Tags and messages need nothing that
        # differs from PCRE.
        compiled(pattern)
    except re.error as error:
        what = f"{pattern[:60]!r} is no regular expression: {error.msg}"
        parsed.problems.append(arguments[0].location(error.pos or 0).problem(what))
        return None
    return RemovalSpec(by, (), pattern, statement.location)


def _update_target(by: str) -> Callable[[Statement, Parsed], Item | None]:
    def read(statement: Statement, parsed: Parsed) -> Item | None:
        rest = statement.arguments[1:]
        if by == "id":
            # Several ids and ranges may stand before the targets (Coraza).
            while len(rest) > 1 and re.fullmatch(r"[\d\s,-]+", rest[0].text):
                rest = rest[1:]
        selection = _selection(by, statement, statement.arguments[: -len(rest)], parsed)
        variables = parse_variables(rest[0], parsed.problems, "|,", whole_xml=True)
        replaced = tuple(
            variable
            for argument in rest[1:]
            for variable in parse_variables(argument, parsed.problems, "|,", whole_xml=True)
        )
        if selection is None or not variables:
            return None
        return TargetUpdateSpec(selection, variables, replaced)

    return read


def _update_action(statement: Statement, parsed: Parsed) -> Item | None:
    written, _, link = statement.arguments[0].text.partition(":")
    selection = RemovalSpec("id", id_ranges(written), "", statement.location)
    if link and not re.fullmatch(r"\d{1,3}", link):
        raise ActionError(f"{link[:20]!r} is no link of a chain", "write ID:1 for the second link")
    actions = parse_actions(statement.arguments[1], parsed.problems, parsed.notes)
    for action in actions:
        if action.name in {"id", "phase", "chain"}:
            parsed.problems.append(action.location.problem(f"{action.name} of a rule cannot be changed"))
    return ActionUpdateSpec(selection, int(link or 0), actions)


def _engine(statement: Statement, _: Parsed) -> Item | None:
    name = next(key for key in DIRECTIVES if key.lower() == statement.name.lower())
    return EngineSpec(name, tuple(argument.text for argument in statement.arguments), statement.location)


_READERS: Final[dict[str, Callable[[Statement, Parsed], Item | None]]] = {
    "SecAction": _action,
    "SecDataset": _dataset,
    "SecDefaultAction": _default_action,
    "SecMarker": _marker,
    "SecRule": _rule,
    "SecRuleRemoveById": _remove("id"),
    "SecRuleRemoveByMsg": _remove("msg"),
    "SecRuleRemoveByTag": _remove("tag"),
    "SecRuleUpdateActionById": _update_action,
    "SecRuleUpdateTargetById": _update_target("id"),
    "SecRuleUpdateTargetByMsg": _update_target("msg"),
    "SecRuleUpdateTargetByTag": _update_target("tag"),
}
