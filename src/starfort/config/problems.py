"""Problems of a configuration: what is wrong, where it is, and what would be right.

ConfigError
  └ problems: ConfigProblem, all at once
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, order=True)
class ConfigProblem:
    """One thing that is wrong.

    Attributes:
        file: the file with the problem.
        line: from 1; 0 when the problem is about the file as a whole.
        column: from 1; 0 with line 0.
        what: what is wrong.
        fix: what would be right; "" when `what` says it already.
        pointer: JSON pointer of the part that is wrong, in files where machines look for it; else "".
    """

    file: Path
    line: int
    column: int
    what: str
    fix: str = ""
    pointer: str = ""

    def __str__(self) -> str:
        """`file:line:column: what (fix)`, as editors and terminals understand it."""
        place = f"{self.file}:{self.line}:{self.column}" if self.line else str(self.file)
        if self.pointer not in {"", "#"}:
            place = f"{place}: {self.pointer}"
        return f"{place}: {self.what}" + (f"\n  hint: {self.fix}" if self.fix else "")


class ConfigError(Exception):
    """A configuration that cannot be used; every problem is in `problems`."""

    def __init__(self, problems: list[ConfigProblem]) -> None:
        self.problems = sorted(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
