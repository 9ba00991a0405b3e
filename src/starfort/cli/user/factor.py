"""`starfort user factor`."""

import sys
from typing import Annotated

import typer

from starfort.cli import output
from starfort.cli.admin_client import AdminClient
from starfort.cli.answers import RecoveryCodes, Secret
from starfort.cli.options import online
from starfort.cli.user.add import Name


@online
def factor(
    client: AdminClient,
    name: Name,
    *,
    off: Annotated[
        bool, typer.Option("--off", help="Turn it off, for somebody who lost the device.")
    ] = False,
) -> None:
    """Set up an account's second factor: codes from an authenticator app besides the password."""
    if off:
        client.delete(f"/users/{name}/second-factor")
        output.say(f"{name} logs in with the password alone now.")
        return
    made: Secret = client.post(f"/users/{name}/second-factor")
    output.say(f"Type this secret into the authenticator app: {made['secret']}")
    output.say(f"or give it this address: {made['uri']}")
    # The factor counts only with a first code, so that a mistyped secret locks nobody out.
    code = sys.stdin.readline() if not sys.stdin.isatty() else typer.prompt("Code that the app shows")
    found: RecoveryCodes = client.put(f"/users/{name}/second-factor", {"code": code.strip()})
    output.say(f"{name} needs a code to log in now. Recovery codes, each for one login without the app:")
    # The codes alone go to stdout, so that they can be sent into a file or a password manager.
    for each in found["codes"]:
        typer.echo(each)
