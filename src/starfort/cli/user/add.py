"""`starfort user add`."""

from typing import Annotated, Literal

import typer

from starfort.cli import output, passwords
from starfort.cli.admin_client import AdminClient
from starfort.cli.options import online

Name = Annotated[str, typer.Argument(help="Name of the account.")]
RoleName = Literal["viewer", "operator", "admin"]
PasswordStdin = Annotated[bool, typer.Option(help="Read the password from standard input.")]


@online
def add(
    client: AdminClient,
    name: Name,
    *,
    role: Annotated[
        RoleName,
        typer.Option(help="A viewer reads, an operator also acts on alerts and signals, an admin does all."),
    ] = "viewer",
    password_stdin: PasswordStdin = False,
) -> None:
    """Make an account for dashboard and API."""
    password = passwords.read(stdin=password_stdin)
    client.post("/users", {"name": name, "password": password, "role": role})
    output.say(f"{name} may log in, with the role {role}.")
