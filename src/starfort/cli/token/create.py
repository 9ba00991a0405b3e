"""`starfort token create`."""

from typing import Annotated

import typer

from starfort.cli import output
from starfort.cli.admin_client import AdminClient
from starfort.cli.answers import CreatedToken
from starfort.cli.options import Json, online
from starfort.cli.user.add import RoleName


@online
def create(
    client: AdminClient,
    name: Annotated[str, typer.Argument(help="What it is for.")],
    *,
    role: Annotated[RoleName, typer.Option(help="The most that it may do.")] = "viewer",
    days: Annotated[int, typer.Option(min=0, max=3650, help="Days until it ends; 0: never.")] = 90,
    owner: Annotated[
        str, typer.Option(help="Account that it belongs to. Default: whose token asks, locally admin.")
    ] = "",
    json: Json = False,
) -> None:
    """Make an API token for Starfort's own API. Stdout is the token and nothing else."""
    # The local socket has no account of its own that a token could belong to.
    if not owner and client.target.socket is not None:
        owner = "admin"
    # The API takes `null` for "never", because 0 days would be a token that has ended already.
    body = {"name": name, "role": role, "days": days or None, "owner": owner or None}
    made: CreatedToken = client.post("/tokens", body)
    if json:
        output.print_json(made)
        return
    ends = output.moment(made["token"]["expires"]) if made["token"]["expires"] else "never"
    output.say(
        f"Token {made['token']['id']} of {made['token']['owner']}, {role}, ends: {ends}. Shown this once:"
    )
    output.console().print(made["text"], markup=False)
