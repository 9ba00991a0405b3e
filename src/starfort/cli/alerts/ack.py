"""`starfort alerts ack`."""

from typing import Annotated

import typer

from starfort.cli import output
from starfort.cli.admin_client import AdminClient
from starfort.cli.options import online


@online
def ack(client: AdminClient, alerts: Annotated[list[str], typer.Argument(help="Ids of alerts.")]) -> None:
    """Acknowledge alerts: say that a person has seen them."""
    # An id that does not exist ends the command; the alerts before it stay acknowledged and are printed.
    for alert in alerts:
        found = client.post(f"/alerts/{alert}/acknowledge")
        output.say(f"{alert}: acknowledged by {found['acknowledged_by']}. {found['title']}")
