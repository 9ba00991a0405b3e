"""Makes the tables of docs/seclang.md: `python -m starfort.threats.seclang.document FILE`."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from starfort.threats.seclang.reference import (
    ACTIONS,
    CTLS,
    DIRECTIVES,
    OPERATORS,
    TRANSFORMATIONS,
    VARIABLES,
    Entry,
    Support,
)

TABLES: Final[dict[str, tuple[str, Mapping[str, Entry]]]] = {
    "directives": ("", DIRECTIVES),
    "variables": ("", VARIABLES),
    "operators": ("@", OPERATORS),
    "transformations": ("t:", TRANSFORMATIONS),
    "actions": ("", ACTIONS),
    "ctl": ("ctl:", CTLS),
}


def table(prefix: str, entries: Mapping[str, Entry]) -> str:
    """A table of names: first those that are supported, then the others, with what to use instead.

    Args:
        prefix: what SecLang writes before the name.
        entries: the names.
    """
    lines = ["| name | what |", "|---|---|"]
    lines += [
        f"| `{prefix}{name}` | {_cell(e.what)} |" for name, e in entries.items() if e.support is Support.YES
    ]
    for support, heading in (
        (Support.NOTED, "Accepted; a note says what stands in its place"),
        (Support.NO, "Refused; the error says what to do instead"),
    ):
        rows = [(name, entry) for name, entry in entries.items() if entry.support is support]
        if rows:
            lines += ["", f"{heading}:", "", "| name | what | instead |", "|---|---|---|"]
            lines += [
                f"| `{prefix}{name}` | {_cell(entry.what)} | {_cell(entry.note)} |" for name, entry in rows
            ]
    return "\n".join(lines)


def _cell(text: str) -> str:
    # A bar would end the cell of a Markdown table.
    return text.replace("|", "\\|")


def filled(text: str) -> str:
    """A document in which the tables are made again.

    Args:
        text: has `<!-- table: NAME -->` and `<!-- end -->` around each.
    """

    def replace(found: re.Match[str]) -> str:
        return f"<!-- table: {found[1]} -->\n{table(*TABLES[found[1]])}\n<!-- end -->"

    return re.sub(r"<!-- table: (\w+) -->\n.*?<!-- end -->", replace, text, flags=re.DOTALL)


def main() -> None:
    """Fill the tables of the file that the command line names."""
    file = Path(sys.argv[1])
    file.write_text(filled(file.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
