"""`starfort check`."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from starfort.cli import options, output
from starfort.cli.cache import known_rules
from starfort.cli.errors import FoundError
from starfort.cli.options import Json
from starfort.cli.target import config_path

if TYPE_CHECKING:
    from starfort.config import ConfigError, ConfigProblem
    from starfort.runtime.checked import Checked


def check(
    file: Annotated[
        Path | None, typer.Argument(dir_okay=False, help="Configuration file; the same as --config.")
    ] = None,
    *,
    config: options.Config = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="End with exit code 1 when there are warnings too.")
    ] = False,
    json: Json = False,
) -> None:
    """Check the configuration as a start would: files, references, detectors, policies. Changes nothing.

    Warnings say what is right and has no effect: a policy for an endpoint that no document and no call ever
    had, a label that nothing has, a provider that no API accepts.
    """
    from starfort.config import ConfigError
    from starfort.runtime import checked as checking

    path = config_path(file or config)
    try:
        with known_rules():
            checked = checking.check(path)
    except ConfigError as error:
        # A program reads stdout whatever the exit code is, so mistakes are printed as JSON too.
        if json:
            found = [_json(problem) for problem in error.problems]
            output.print_json({"ok": False, "problems": found, "warnings": []})
        else:
            show_problems(error)
        # Each problem is on the screen by now, so the error only counts them.
        raise FoundError(f"{_count(len(error.problems), 'problem', 'problems')} in {path}") from None
    if json:
        told = [_json(warning) for warning in checked.warnings]
        output.print_json({"ok": True, "problems": [], "warnings": told})
    else:
        _show(checked.warnings, "not bold yellow")
        _summary(path, checked)
    if strict and checked.warnings:
        raise FoundError(f"{_count(len(checked.warnings), 'warning', 'warnings')} in {path}")


def _summary(path: Path, checked: "Checked") -> None:
    """Say what the configuration has, and what it would need to start on this machine."""
    from starfort.alerts import secrets

    found = checked.loaded.config
    enforced = sum(policy.mode == "enforce" for policy in found.policies)
    parts = [
        _count(len(found.apis), "API", "APIs"),
        _count(len(checked.compiled.bundle.endpoints), "endpoint", "endpoints"),
        f"{_count(len(found.policies), 'policy', 'policies')} ({enforced} enforced, the others observe)",
        _count(len(checked.asked.detectors.running), "detector", "detectors"),
    ]
    warned = ""
    if checked.warnings:
        warned = f" {_count(len(checked.warnings), 'warning', 'warnings')}: see above what has no effect."
    output.say(f"{path} is right: {', '.join(parts)}.{warned}", "yellow" if warned else "green")
    if missing := secrets.missing(found):
        # A check often runs on another machine than Starfort, so a missing secret is no mistake of the file.
        output.say(f"Not here, where `starfort up` would refuse to start: {'; '.join(missing)}", "yellow")


def _count(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"


def _json(problem: "ConfigProblem") -> dict[str, object]:
    return {
        "file": str(problem.file),
        "line": problem.line,
        "column": problem.column,
        "what": problem.what,
        "fix": problem.fix,
    }


def show_problems(error: "ConfigError") -> None:
    """Print every problem of a `ConfigError`, with the line it is on and a caret below the place."""
    _show(error.problems, "not bold red")


def _show(problems: Iterable["ConfigProblem"], style: str) -> None:
    console = output.console()
    texts: dict[Path, list[str]] = {}
    for problem in problems:
        place = f"{problem.file}:{problem.line}:{problem.column}" if problem.line else str(problem.file)
        head = output.styled(f"{place}: ", "bold")
        head.append(output.printable(problem.what), style=style)
        console.print(head, soft_wrap=True)
        if problem.line:
            # What is missing at the end of a file is reported behind its last line, where nothing is shown.
            lines = texts.setdefault(problem.file, _lines(problem.file))
            if problem.line <= len(lines):
                _point(lines[problem.line - 1], problem.line, problem.column)
        if problem.fix:
            console.print(output.styled(f"  fix: {output.printable(problem.fix)}", "green"), soft_wrap=True)


def _point(text: str, line: int, column: int) -> None:
    """Print a line of a file with a caret below a column of it."""
    # A tab is one column to the parser and several to a terminal: the caret would stand elsewhere.
    shown = output.printable(text.replace("\t", " "))
    number = f"{line:>5} | "
    output.console().print(output.styled(number + shown), soft_wrap=True)
    caret = " " * (len(number) - 2) + "| " + " " * (column - 1) + "^"
    output.console().print(output.styled(caret, "red"), soft_wrap=True)


def _lines(file: Path) -> list[str]:
    """The lines of a file; none when it cannot be read, which is a problem of its own."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
