"""`starfort config show`."""

from starfort.cli import output
from starfort.cli.client import Client
from starfort.cli.options import online


@online
def show(client: Client) -> None:
    """Print the configuration in force as JSON, defaults included. Secrets are named, never contained."""
    output.print_json(client.get("/config"))
