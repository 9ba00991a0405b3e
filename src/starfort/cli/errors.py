"""How a command ends when it cannot do what it was asked, and what people are told then.

CliError            ends with `exit_code`; one sentence, and what to do
├── FoundError        1: the command worked and found something wrong
├── UsageError        2: the command line makes no sense
├── UnreachableError  3: no control plane answers
└── RefusedError      4: the control plane answered that it won't
"""

from __future__ import annotations

from typing import ClassVar

EXIT_CODES = {
    0: "done; nothing is wrong",
    1: "something is wrong: a check failed, Starfort is not healthy, what is needed is not there",
    2: "the command line makes no sense: unknown option, missing argument, impossible value",
    3: "the control plane cannot be reached",
    4: "the control plane refused: no right, no such thing, a value it cannot accept",
    5: "Starfort itself failed; run the command again with `--debug` and report what it shows",
    130: "interrupted with Ctrl-C",
}
"""What each exit code means; docs/cli.md is made from it. 2 is Click's code for wrong options too."""


class CliError(Exception):
    """A command can't go on.

    Args:
        what: one sentence: what happened.
        fix: what to do about it, "" when `what` says it.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix


class FoundError(CliError):
    """The command worked and found something wrong."""


class UsageError(CliError):
    """The command line makes no sense."""

    exit_code = 2


class UnreachableError(CliError):
    """No control plane answers."""

    exit_code = 3


class RefusedError(CliError):
    """The control plane answered that it won't."""

    exit_code = 4
