"""`starfort catalogue usage`."""

from starfort.cli import output
from starfort.cli.admin_client import AdminClient
from starfort.cli.options import Json, online


@online
def usage(client: AdminClient, *, json: Json = False) -> None:
    """Show how full the catalogue is of each API, and what its limits kept out."""
    found = client.get("/catalogue/usage")
    if json:
        output.print_json(found)
        return
    output.table(
        ["api", "endpoints", "of", "refused", "evicted", "shapes", "of", "evicted"],
        (
            [
                each["api"], each["endpoints"], each["endpoints_limit"], each["endpoints_refused"],
                each["endpoints_evicted"], each["shapes"], each["shapes_limit"], each["shapes_evicted"],
            ]
            for each in found
        ),
        empty="No API is known.",
    )  # fmt: skip
