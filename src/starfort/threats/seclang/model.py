"""The content of SecLang files as written, before it is resolved."""

from __future__ import annotations

import sys
from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path

from starfort.config.problems import ConfigProblem


@dataclass(frozen=True, slots=True)
class SourceLocation:
    """A position in a file; line and column count from 1."""

    file: Path
    line: int
    column: int

    def problem(self, what: str, fix: str = "") -> ConfigProblem:
        """A problem here."""
        return ConfigProblem(self.file, self.line, self.column, what, fix)


@dataclass(frozen=True, slots=True)
class Argument:
    r"""One argument of a directive.

    Attributes:
        text: without the quotes around it, `\"` already `"`.
        lines: (offset in `text`, line, column) of each line that the argument spans.
        file: the file that contains the argument.
    """

    text: str
    lines: tuple[tuple[int, int, int], ...]
    file: Path

    def location(self, offset: int = 0) -> SourceLocation:
        """The location of the character at `offset` of the text."""
        # An argument may span several lines of the file. The last line that begins before the offset has it.
        before = bisect_right(self.lines, (offset, sys.maxsize, sys.maxsize))
        start, line, column = self.lines[max(0, before - 1)]
        return SourceLocation(self.file, line, column + offset - start)


@dataclass(frozen=True, slots=True)
class Statement:
    """A directive with its arguments, as the lexer finds it.

    Attributes:
        text: the whole line, continuations joined; problems show it where a directive cannot be read.
        broken: whether its arguments could not be separated; a problem says why.
    """

    name: str
    arguments: tuple[Argument, ...]
    location: SourceLocation
    text: str = ""
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Selector:
    """Which members of a collection: by name, by pattern, or by XPath.

    Attributes:
        kind: `name`, `regex` or `xpath`.
        text: the name (any case), the pattern without its slashes, or the expression.
    """

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Variable:
    """A target of a rule.

    Attributes:
        name: upper case.
        selector: None for the whole.
        count: `&NAME`, the number of members.
        exclude: `!NAME:x`, not these.
    """

    name: str
    selector: Selector | None = None
    count: bool = False
    exclude: bool = False

    def __str__(self) -> str:
        """As SecLang writes it."""
        text = ("!" if self.exclude else "&" if self.count else "") + self.name
        if self.selector is None:
            return text
        return (
            f"{text}:/{self.selector.text}/"
            if self.selector.kind == "regex"
            else f"{text}:{self.selector.text}"
        )


@dataclass(frozen=True, slots=True)
class MacroPart:
    """A piece of a text with `%{…}` in it: literal text, or a variable.

    Attributes:
        text: the literal, "" for a variable.
        variable: upper case name, "" for a literal.
        key: member of a collection, None for a scalar.
    """

    text: str = ""
    variable: str = ""
    key: str | None = None


Macro = tuple[MacroPart, ...]


@dataclass(frozen=True, slots=True)
class Operator:
    """How a value is tested.

    Attributes:
        name: canonical spelling.
        argument: as written.
        negated: `!@name`.
        phrases: contents of the file or data set of `@pmFrom…` and `@ipMatchFrom…`, lines without comments.
    """

    name: str
    argument: str = ""
    negated: bool = False
    phrases: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleAction:
    """One action, its name in canonical spelling."""

    name: str
    argument: str
    # Two actions that say the same are equal wherever they stand.
    location: SourceLocation = field(compare=False)


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """A `SecRule` or `SecAction` as written: one link, not yet chained.

    Attributes:
        variables: empty for `SecAction`.
        operator: None for `SecAction`.
        broken: whether a problem of it is reported already, so that its chain is not reported too.
    """

    variables: tuple[Variable, ...]
    operator: Operator | None
    actions: tuple[RuleAction, ...]
    location: SourceLocation
    broken: bool = False

    def value(self, name: str) -> str | None:
        """The argument of the last action of this name; None when there is none."""
        return next((action.argument for action in reversed(self.actions) if action.name == name), None)

    def values(self, name: str) -> tuple[str, ...]:
        """The arguments of all actions of this name, in order."""
        return tuple(action.argument for action in self.actions if action.name == name)

    def has(self, name: str) -> bool:
        """Whether there is an action of this name."""
        return any(action.name == name for action in self.actions)


@dataclass(frozen=True, slots=True)
class MarkerSpec:
    """`SecMarker`."""

    name: str
    location: SourceLocation


@dataclass(frozen=True, slots=True)
class DefaultActionSpec:
    """`SecDefaultAction`: applies to the rules of its phase that follow."""

    actions: tuple[RuleAction, ...]
    location: SourceLocation


@dataclass(frozen=True, slots=True)
class RemovalSpec:
    """`SecRuleRemoveBy…`: removes rules.

    Attributes:
        by: `id`, `tag` or `msg`.
        ids: inclusive ranges.
        pattern: for tag and msg.
    """

    by: str
    ids: tuple[tuple[int, int], ...]
    pattern: str
    location: SourceLocation


@dataclass(frozen=True, slots=True)
class TargetUpdateSpec:
    """`SecRuleUpdateTargetBy…`: changes the targets of rules that stand before it."""

    selection: RemovalSpec
    variables: tuple[Variable, ...]
    replaced: tuple[Variable, ...]


@dataclass(frozen=True, slots=True)
class ActionUpdateSpec:
    """`SecRuleUpdateActionById`: changes the actions of a rule that stands before it.

    Attributes:
        link: which link of its chain, from 0.
    """

    selection: RemovalSpec
    link: int
    actions: tuple[RuleAction, ...]


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """A directive that sets up the engine, with its values as written."""

    name: str
    values: tuple[str, ...]
    location: SourceLocation


Item = (
    RuleSpec | MarkerSpec | DefaultActionSpec | RemovalSpec | TargetUpdateSpec | ActionUpdateSpec | EngineSpec
)
