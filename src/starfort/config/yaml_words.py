"""Explains YAML's syntax errors in the words of people who write a configuration, and says what to write.

YAML gives some characters a meaning where people write ordinary values: `{` in a path template, `!` before a
condition, quotes at the beginning of one, `*` for every host. The parser's own messages speak of tokens and
blocks, which only people who know YAML's grammar understand. Source: YAML 1.2.2, chapters 5.3 (indicator
characters), 6.1 (indentation is spaces), 6.9 (tags, anchors) and 7.3.3 (plain values).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.tokens import AnchorToken, TagToken, Token

MAX_SHOWN: Final = 120
"""A fix repeats a line of at most this many characters; for a longer line it only says how to quote it."""

_ENTRY: Final = re.compile(
    r"^(?P<before>\s*(?:-\s+)*)(?:(?P<key>[\w.$/-]+|\"[^\"]*\"|'[^']*')\s*:(?=\s|$))?\s*(?P<value>.*)$"
)
_NEW_ENTRY: Final = re.compile(r"\s*(?:-\s|#|[\w.$/-]+\s*:(?:\s|$))")
_CONFLICT: Final = re.compile(r"^(<{7}|={7}|>{7})( |$)")
_COMMENT: Final = re.compile(r"\s+#.*$")
_ANCHOR_NAME: Final = re.compile(r"[\w.-]+")
_UNICODE_DASH: Final = re.compile(r"^\s*[\u2010-\u2015\u2212]\s")
_FLOW_ENDS: Final = {"[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that YAML cannot read, or reads differently from what was meant.

    Attributes:
        line: from 1.
        column: from 1.
        what: what is wrong.
        fix: what to write.
    """

    line: int
    column: int
    what: str
    fix: str = ""


def explain(text: str, error: MarkedYAMLError) -> Trouble:
    """Say what an error of the parser means.

    Args:
        text: the file.
        error: ruamel's `MarkedYAMLError`.
    """
    return _Reading(text, error).trouble()


def misread(text: str, tokens: Iterator[Token]) -> Iterator[Trouble]:
    """Values that YAML accepts and reads as something else: `!x` as a tag, `&& x` as an anchor.

    A condition that loses its negation this way would decide the opposite.

    Args:
        text: the file.
        tokens: ruamel's tokens of it.
    """
    lines = text.splitlines()
    said = -1
    for token in tokens:
        if isinstance(token, TagToken) and token.value[0] != "!!":
            sign = "!"
        elif isinstance(token, AnchorToken) and not _ANCHOR_NAME.fullmatch(token.value):
            sign = "&"
        else:
            continue
        line, column = token.start_mark.line, token.start_mark.column
        # Text behind the first token is part of the same value.
        if line == said:
            continue
        said = line
        shown = lines[line] if line < len(lines) else ""
        name = {"!": "a tag (the name of a type)", "&": "an anchor (a name for the value)"}[sign]
        value = _value_at(shown, column)
        yield Trouble(
            line + 1,
            column + 1,
            f"YAML reads what begins with {sign} as {name} and takes it out of the value",
            _fix_of(lines, line, column, value),
        )


class _Reading:
    """One error, and the line that it is about."""

    def __init__(self, text: str, error: MarkedYAMLError) -> None:
        self.lines = text.splitlines()
        self.error = error
        # `context` is the begin of the part that the parser was reading; `problem` is where it gave up.
        mark = error.problem_mark or error.context_mark
        self.line: int = mark.line if mark else 0
        self.column: int = mark.column if mark else 0
        self.said = str(error.problem or error.context or "no YAML").strip().split(" with value ")[0]
        self.said = self.said.splitlines()[0]

    @property
    def shown(self) -> str:
        """The line of the error, "" past the end."""
        return self.lines[self.line] if self.line < len(self.lines) else ""

    def trouble(self) -> Trouble:
        """What is wrong: the first known kind of mistake that fits the error."""
        # The order matters: what breaks a file as a whole (a merge conflict, a tab) comes first, since it
        # causes errors of the later kinds, and the general kinds come last.
        for kind in (
            self._conflict,
            self._tab,
            self._dash,
            self._unclosed,
            self._flow,
            self._begins_quoted,
            self._indicator,
            self._alias,
            self._no_colon,
            self._colon_in_value,
            self._indent,
            self._twice,
            self._escape,
            self._second_document,
        ):
            if (found := kind()) is not None:
                return found
        # The parser's own words are better than none.
        return Trouble(self.line + 1, self.column + 1, self.said)

    def _conflict(self) -> Trouble | None:
        # `=======` alone may be a value or an underline in a text; the two arrows never are.
        for number, line in enumerate(self.lines):
            if _CONFLICT.match(line) and not line.startswith("="):
                return Trouble(
                    number + 1,
                    1,
                    "a merge conflict was left in the file",
                    "decide for one side, and remove the lines <<<<<<<, ======= and >>>>>>>",
                )
        return None

    def _tab(self) -> Trouble | None:
        # YAML reports a tab at the line where it gives up, which may be one below.
        for number in (self.line, self._context_line()):
            line = self.lines[number] if number is not None and number < len(self.lines) else ""
            indent = line[: len(line) - len(line.lstrip())]
            if "\t" in indent and number is not None:
                return Trouble(
                    number + 1,
                    indent.index("\t") + 1,
                    "the line is indented with a tab; YAML takes spaces only",
                    "indent with spaces, as many as the lines beside it have",
                )
        if "'\\t'" in self.said:
            return Trouble(
                self.line + 1, self.column + 1, "a tab stands where YAML takes spaces only", "write a space"
            )
        return None

    def _dash(self) -> Trouble | None:
        # Word processors turn a hyphen into a dash. YAML then takes the line for a text that goes on, and
        # gives up one or two lines later.
        for number in range(self.line, max(-1, self.line - 3), -1):
            line = self.lines[number] if number < len(self.lines) else ""
            if _UNICODE_DASH.match(line):
                column = len(line) - len(line.lstrip())
                return Trouble(
                    number + 1,
                    column + 1,
                    f"the list's entry begins with {line[column]}, which is no hyphen",
                    "write - (the key beside 0)",
                )
        return None

    def _unclosed(self) -> Trouble | None:
        mark, context = self.error.context_mark, str(self.error.context or "")
        # A quote or bracket that is never closed takes everything behind it, so the error is at the end of
        # the file.
        at_end = self.line >= len(self.lines) or "stream end" in self.said or "end of stream" in self.said
        if mark is None or not at_end:
            return None
        sign = self.lines[mark.line][mark.column : mark.column + 1] if mark.line < len(self.lines) else ""
        if "quoted scalar" in context and sign in {'"', "'"}:
            return Trouble(
                mark.line + 1,
                mark.column + 1,
                f"the quote {sign} that begins here is never closed",
                f"end the value with {sign}",
            )
        if "flow" in context and sign in _FLOW_ENDS:
            return Trouble(
                mark.line + 1,
                mark.column + 1,
                f"the {sign} that begins here is never closed",
                f"end it with {_FLOW_ENDS[sign]}",
            )
        return None

    def _flow(self) -> Trouble | None:
        """Inside `[ … ]` or `{ … }`: a value with a brace or bracket of its own, or text behind a quote."""
        if not re.match(r"expected ',' or '[\]}]'", self.said):
            return None
        start = _flow_before(self.shown, self.column)
        if start is None:
            mark = self.error.context_mark
            sign = self.lines[mark.line][mark.column] if mark else "["
            return Trouble(
                self.line + 1,
                self.column + 1,
                f"the {sign} of line {mark.line + 1 if mark else 1} is not closed yet",
                f"end the list with {_FLOW_ENDS.get(sign, ']')}, or separate the values with commas",
            )
        begin, value = _item(self.shown, start, self.column)
        if "{" in value or "[" in value:
            sign = "{" if "{" in value else "["
            what = f"YAML reads the {sign} as the beginning of {'a mapping' if sign == '{' else 'a list'}"
        elif value[:1] in {'"', "'"}:
            what = f"the value begins with {value[0]}, so YAML ends it at the next {value[0]}"
        else:
            what = "two values without a comma between them"
            return Trouble(self.line + 1, self.column + 1, what, "separate the values of a list with commas")
        return Trouble(self.line + 1, begin + 1, what, _fix_of(self.lines, self.line, begin, value))

    def _begins_quoted(self) -> Trouble | None:
        if "found '<scalar>'" not in self.said and "<block end>" not in self.said:
            return None
        entry = _ENTRY.match(self.shown)
        value = _COMMENT.sub("", entry["value"]) if entry else ""
        # The parser gives up behind the closing quote, so the error is right of where the value begins.
        if entry is None or self.column <= entry.start("value"):
            return None
        if value[:1] in {'"', "'"}:
            what = f"the value begins with {value[0]}, so YAML ends it at the next {value[0]}"
        elif value[:1] in _FLOW_ENDS:
            name = "a list" if value[0] == "[" else "a mapping"
            what = f"the value begins with {value[0]}, so YAML reads {name} and no text behind it"
        else:
            return None
        return Trouble(
            self.line + 1,
            entry.start("value") + 1,
            what,
            _fix_of(self.lines, self.line, entry.start("value"), value),
        )

    def _indicator(self) -> Trouble | None:
        found = re.match(r"found character '(.)' that cannot start any token", self.said)
        if found is None:
            return None
        value = _value_at(self.shown, self.column)
        return Trouble(
            self.line + 1,
            self.column + 1,
            f"in YAML a value cannot begin with {found[1]}",
            _fix_of(self.lines, self.line, self.column, value),
        )

    def _alias(self) -> Trouble | None:
        context = str(self.error.context or "")
        undefined = self.said.startswith("found undefined alias")
        if not undefined and "scanning an alias" not in context and "scanning an anchor" not in context:
            return None
        mark = (
            self.error.context_mark if not undefined and self.error.context_mark else self.error.problem_mark
        )
        line, column = mark.line, mark.column
        shown = self.lines[line] if line < len(self.lines) else ""
        sign = shown[column : column + 1]
        # A host `*` or a condition that begins with `&` is far more likely than a real alias or anchor.
        if sign not in {"*", "&"}:
            return None
        value = _value_at(shown, column)
        means = "a reference to another value" if sign == "*" else "a name for the value"
        return Trouble(
            line + 1,
            column + 1,
            f"YAML reads what begins with {sign} as {means}",
            _fix_of(self.lines, line, column, value),
        )

    def _no_colon(self) -> Trouble | None:
        if "could not find expected ':'" not in self.said:
            return None
        number = self._context_line()
        number = self.line if number is None else number
        line = self.lines[number] if number < len(self.lines) else ""
        column = len(line) - len(line.lstrip()) + 1
        rest = line.strip()
        if found := re.match(r"-(?=[^\s-])(.*)$", rest):
            return Trouble(number + 1, column, "no space behind the hyphen", f"write `- {found[1]}`")
        bare = rest.removeprefix("- ")
        if found := re.match(r"([A-Za-z_][\w.-]*):(\S.*)$", bare):
            fix = f"write `{found[1]}: {found[2]}`"
            return Trouble(number + 1, column, f"no space behind the colon of {found[1]!r}", fix)
        if found := re.match(r"([A-Za-z_][\w.-]*)\s+(\S.*)$", bare):
            fix = f"write `{found[1]}: {found[2]}`"
            return Trouble(number + 1, column, f"no colon behind {found[1]!r}", fix)
        return Trouble(number + 1, column, "a key without a colon and a value", "write `key: value`")

    def _colon_in_value(self) -> Trouble | None:
        if not self.said.startswith("mapping values are not allowed"):
            return None
        entry = _ENTRY.match(self.shown)
        if entry is not None and entry["key"] and self.column > entry.start("value"):
            value = _COMMENT.sub("", entry["value"])
            return Trouble(
                self.line + 1,
                self.column + 1,
                "YAML reads `: ` inside of a value as the end of a key",
                _fix_of(self.lines, self.line, entry.start("value"), value),
            )
        return self._misplaced()

    def _indent(self) -> Trouble | None:
        if "<block end>" not in self.said and "block mapping" not in str(self.error.context or ""):
            return None
        return self._misplaced()

    def _misplaced(self) -> Trouble:
        column = len(self.shown) - len(self.shown.lstrip())
        above = self._above()
        fix = "keys of one part begin in the same column"
        if above is not None:
            fix += f"; those above begin in column {above + 1}"
        return Trouble(self.line + 1, column + 1, "the line is indented unlike the lines of its part", fix)

    def _above(self) -> int | None:
        """Column of the key on the nearest line above that has one."""
        for number in range(self.line - 1, -1, -1):
            line = self.lines[number]
            if line.strip() and not line.lstrip().startswith("#"):
                entry = _ENTRY.match(line)
                return len(entry["before"]) if entry else None
        return None

    def _twice(self) -> Trouble | None:
        found = re.match(r"found duplicate key \"?(.*?)\"?$", self.said)
        if found is None:
            return None
        key = self._key_at_or_below(found[1])
        above = self._first_of(found[1], key[1])
        return Trouble(
            key[0] + 1,
            key[1] + 1,
            f"the key {found[1]!r} stands twice in one part{above}",
            "keep one of them; values of a list stand below one key",
        )

    def _first_of(self, name: str, column: int) -> str:
        """Where a key stands for the first time, when that is on a line of its own."""
        match = re.compile(rf"[\s-]{{{column}}}(\"|')?{re.escape(name)}\1?\s*:")
        numbers = range(self._context_line() or 0, self.line)
        first = next((number for number in numbers if match.match(self.lines[number])), None)
        return "" if first is None else f"; the first is on line {first + 1}"

    def _key_at_or_below(self, name: str) -> tuple[int, int]:
        """Where a key stands that the error is about."""
        match = re.compile(rf"(?:^|[\s{{,-])(\"|')?{re.escape(name)}\1?\s*:")
        found = match.search(self.shown, max(0, self.column - 1))
        return (self.line, found.end() - len(found[0].lstrip(" {,-"))) if found else (self.line, self.column)

    def _escape(self) -> Trouble | None:
        found = re.match(r"found unknown escape character '(.*)'", self.said)
        if found is None:
            return None
        return Trouble(
            self.line + 1,
            self.column + 1,
            f"in double quotes \\{found[1]} is an escape, and YAML has none of that name",
            "write the value in single quotes, where \\ is a character like others, or write \\\\",
        )

    def _second_document(self) -> Trouble | None:
        # Files that were joined, or copied from a Kubernetes manifest, have such a line.
        if "found another document" not in self.said:
            return None
        return Trouble(
            self.line + 1, 1, "a second document begins here", "remove the line `---`: a file is one document"
        )

    def _context_line(self) -> int | None:
        return self.error.context_mark.line if self.error.context_mark else None


def _flow_before(line: str, column: int) -> int | None:
    """Column of the innermost `[` or `{` of this line that is open at a column and begins a value."""
    # A quote only counts where a value begins: the apostrophe in `it's` opens nothing.
    opened: list[int] = []
    quote = ""
    for index, sign in enumerate(line[:column]):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in {'"', "'"} and _begins_value(line, index):
            quote = sign
        elif sign in _FLOW_ENDS and (_begins_value(line, index) or opened):
            opened.append(index)
        elif sign in _FLOW_ENDS.values() and opened:
            opened.pop()
    outer = [index for index in opened if _begins_value(line, index)]
    return outer[-1] if outer else None


def _value_at(line: str, column: int) -> str:
    """The value that begins at a column, or that holds it within `[ … ]` or `{ … }`."""
    start = _flow_before(line, column)
    return _COMMENT.sub("", line[column:]).rstrip() if start is None else _item(line, start, column)[1]


def _begins_value(line: str, index: int) -> bool:
    before = line[:index].rstrip()
    return not before or before[-1] in ":-,[{"


def _item(line: str, start: int, column: int) -> tuple[int, str]:
    """The value of a flow collection that holds a column: where it begins, and its text.

    Args:
        line: the line.
        start: where the collection begins.
        column: a place in the value.
    """
    end, depth = len(line), 0
    closing = _FLOW_ENDS[line[start]]
    begin = start + 1
    for index in range(start + 1, len(line)):
        sign = line[index]
        if sign in _FLOW_ENDS:
            depth += 1
        elif depth and sign in _FLOW_ENDS.values():
            depth -= 1
        elif not depth and sign in {closing, ","}:
            if index >= column:
                end = index
                break
            begin = index + 1
    # Of `{name: value}` the value is meant, not the key.
    if found := re.match(r"\s*[\w.-]+:\s+", line[begin:end]):
        begin += found.end()
    begin += len(line[begin:end]) - len(line[begin:end].lstrip())
    return begin, line[begin:end].rstrip()


def quoted(value: str) -> str:
    """A value in quotes that leave it as it is: double ones where it has neither those nor a backslash."""
    # In double quotes YAML reads escapes (7.3.1); in single ones only the quote itself is doubled (7.3.2).
    if '"' not in value and "\\" not in value:
        return f'"{value}"'
    return "'" + value.replace("'", "''") + "'"


def _fix_of(lines: list[str], number: int, begin: int, value: str) -> str:
    """What to write instead of a value that begins at a place, and may go on below."""
    line = lines[number] if number < len(lines) else ""
    entry = _ENTRY.match(line)
    if entry is not None and not entry["key"] and "-" not in entry["before"]:
        return "write `>-` behind the key; then the lines below it are the value as it stands"
    indent = len(line) - len(line.lstrip())
    below = next((each for each in lines[number + 1 :] if each.strip()), "")
    goes_on = len(below) - len(below.lstrip()) > indent and not _NEW_ENTRY.match(below)
    if goes_on and _flow_before(line, begin + 1) is None:
        key = line[:begin].strip()
        return f"write `{key} >-` and the whole value on the lines below, indented"
    return _quote_fix(line, begin, value)


def _quote_fix(line: str, begin: int, value: str) -> str:
    # A long line would fill the screen, and the place is in the message anyway.
    if not value or len(line) > MAX_SHOWN:
        return "write the whole value in quotes"
    written = line[:begin] + quoted(value) + line[begin + len(value) :]
    return f"write the whole value in quotes: `{written.strip()}`"
