"""`starfort config show`."""

from starfort.cli import output
from starfort.cli.admin_client import AdminClient
from starfort.cli.options import online


@online
def show(client: AdminClient) -> None:
    """Print the configuration in force as JSON, defaults included and secrets left out."""
    output.print_json(client.get("/config"))
