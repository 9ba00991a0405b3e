"""`starfort token revoke`."""

from typing import Annotated

import typer

from starfort.cli import output
from starfort.cli.admin_client import AdminClient
from starfort.cli.options import online


@online
def revoke(
    client: AdminClient, id: Annotated[int, typer.Argument(help="Its number, from `starfort token list`.")]
) -> None:
    """End an API token at once."""
    client.delete(f"/tokens/{id}")
    output.say(f"Token {id} is revoked.")
