"""Passwords are typed twice or come from standard input, never as an argument, which others could see."""

import sys

import typer

from starfort.cli.errors import UsageError


def read(*, stdin: bool) -> str:
    """The password.

    Args:
        stdin: read one line of standard input instead of asking.

    Raises:
        UsageError: there is no terminal to ask at.
    """
    if stdin:
        # Blanks at the end may be part of the password; only the line break is not.
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask for a password", "give it by --password-stdin")
    return str(typer.prompt("Password (at least 12 characters)", hide_input=True, confirmation_prompt=True))
