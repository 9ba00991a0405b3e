"""How commands print: data to stdout, talk to stderr.

Both can be read without colour, and a table that goes into a pipe keeps its lines whole.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

# rich is imported when something is shown: help and completion do without it, and importing it takes 40 ms.
if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

PIPE_WIDTH: Final = 10_000
"""Width of output that does not go to a terminal: programs want whole lines."""

_SEVERITY: Final = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan", "info": "dim"}


def console() -> Console:
    """The console for data: stdout."""
    from rich.console import Console

    # Not kept in a variable: tests put another object in the place of `sys.stdout`.
    # Without a terminal rich would assume 80 columns and break lines.
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    return Console(file=sys.stdout, width=width, highlight=False, soft_wrap=False)


def styled(text: str, style: str = "") -> Text:
    """Text in a colour or weight, as rich names them."""
    from rich.text import Text

    return Text(text, style=style)


def say(text: str, style: str = "") -> None:
    """Tell the person at the terminal something that is not data: it goes to stderr."""
    from rich.console import Console
    from rich.text import Text

    Console(file=sys.stderr, highlight=False, soft_wrap=True).print(Text(printable(text), style=style))


def print_json(value: object) -> None:
    """A value as JSON, over several lines."""
    # JSON is UTF-8 (RFC 8259, 8.1): text in other scripts stays readable without escapes.
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=_plain) + "\n")


def print_text(text: str) -> None:
    """Text as it is: a document or a table for other programs."""
    sys.stdout.write(text)


def print_line(value: object) -> None:
    """A value as JSON on one line."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=_plain) + "\n")
    # `--follow` writes into pipes, and the reader wants each line when it comes.
    sys.stdout.flush()


def _plain(value: object) -> str:
    """A value that JSON has no type for, as text."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def printable(text: str) -> str:
    """Text without control characters.

    Attackers choose paths and user agents, and escape sequences in them would steer the reader's terminal.
    """
    return "".join(char if char.isprintable() or char == "\n" else f"\\x{ord(char):02x}" for char in text)


def cell(value: object) -> str:
    """One value of a table."""
    if value is None or value == "":
        return "-"
    # Tested before numbers, because Python's `bool` is a subclass of `int`.
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.1f}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return ", ".join(cell(item) for item in value) or "-"
    # One row is one line, so that `grep` and `wc -l` see rows.
    return printable(str(value)).replace("\n", " ")


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """Print rows below their heads, with numbers aligned to the right.

    Args:
        heads: column names.
        rows: values; columns that begin with numbers are aligned right.
        empty: the sentence for stderr when there is no row.
    """
    from rich.table import Table
    from rich.text import Text

    listed = [list(row) for row in rows]
    if not listed:
        say(empty)
        return
    shown = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for index, head in enumerate(heads):
        # Counted figures are right-aligned; ids that are numbers come as text.
        # Long values are folded and not cut, because people copy ids and paths out of tables.
        numeric = isinstance(listed[0][index], int | float) and not isinstance(listed[0][index], bool)
        shown.add_column(head, justify="right" if numeric else "left", overflow="fold")
    for row in listed:
        shown.add_row(*(value if isinstance(value, Text) else Text(cell(value)) for value in row))
    _print(shown)


def _print(shown: Table) -> None:
    """Print a table without the blanks that rich appends to its last column."""
    writer = console()
    with writer.capture() as capture:
        writer.print(shown)
    for line in capture.get().splitlines():
        sys.stdout.write(line.rstrip() + "\n")


def fields(pairs: Iterable[tuple[str, object]]) -> None:
    """Names and values, one a line."""
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    shown.add_column(style="bold", no_wrap=True)
    shown.add_column(overflow="fold")
    for name, value in pairs:
        shown.add_row(name, value if isinstance(value, Text) else Text(cell(value)))
    _print(shown)


def heading(text: str) -> None:
    """A line above a part of the output."""
    console().print(styled("\n" + printable(text), "bold"))


def severity(name: str) -> Text:
    """A severity in its colour."""
    return styled(printable(name), _SEVERITY.get(name, ""))


def moment(value: str | float | None) -> str:
    """A time in UTC: `2026-01-31 12:00:05`; `-` without one.

    Args:
        value: ISO 8601, or Unix seconds (0: none).
    """
    if not value:
        return "-"
    text = value if isinstance(value, str) else datetime.fromtimestamp(value, UTC).isoformat()
    time = datetime.fromisoformat(text)
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def span(seconds: float) -> str:
    """A length of time: `3d 4h`, `2m 5s`, `0.4s`."""
    if seconds < 10:  # noqa: PLR2004 (below it tenths are worth showing)
        return f"{seconds:.1f}s"
    parts = []
    rest = int(seconds)
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    # After three days, nobody needs the minutes.
    return " ".join(parts[:2])


def size(count: float) -> str:
    """Bytes: `512 B`, `1.5 MiB`."""
    if count < 1024:  # noqa: PLR2004 (IEC 80000-13)
        return f"{count:.0f} B"
    for unit in ("KiB", "MiB"):
        count /= 1024
        if count < 1024:  # noqa: PLR2004
            return f"{count:.1f} {unit}"
    return f"{count / 1024:.1f} GiB"
