"""`starfort user role`."""

from typing import Annotated

import typer

from starfort.cli import output
from starfort.cli.admin_client import AdminClient
from starfort.cli.options import online
from starfort.cli.user.add import Name, RoleName


@online
def role(
    client: AdminClient, name: Name, role: Annotated[RoleName, typer.Argument(help="The new role.")]
) -> None:
    """Change what an account may do. It counts from the next request."""
    client.patch(f"/users/{name}", {"role": role})
    output.say(f"{name} has the role {role}.")
