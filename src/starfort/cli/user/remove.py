"""`starfort user remove`."""

import sys

import typer

from starfort.cli import output
from starfort.cli.admin_client import AdminClient
from starfort.cli.errors import UsageError
from starfort.cli.options import Yes, online
from starfort.cli.user.add import Name


@online
def remove(client: AdminClient, name: Name, *, yes: Yes = False) -> None:
    """Remove an account with its sessions and tokens."""
    if not yes:
        # A script that waits for an answer hangs; one that is told what to add does not.
        if not sys.stdin.isatty():
            raise UsageError(f"this removes {name} with every session and token", "say so with --yes")
        # The question goes to stderr, because stdout is for data.
        typer.confirm(f"Remove {name} with every session and token?", abort=True, err=True)
    client.delete(f"/users/{name}")
    output.say(f"{name} is removed.")
