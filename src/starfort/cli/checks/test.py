"""`starfort checks test`."""

from typing import Annotated

import typer

from starfort.cli import output
from starfort.cli.admin_client import AdminClient
from starfort.cli.options import Json, online
from starfort.cli.questions import show_trial, subject

Check = Annotated[str, typer.Argument(help="Name of a check that runs, or path of a check's file.")]


@online
def run(client: AdminClient, check: Check, *, json: Json = False) -> None:
    """Check a check and run it once, now, over the events that are stored. Keeps no finding."""
    found = client.post("/checks/test", subject(check))
    if json:
        output.print_json(found)
        return
    show_trial(found)
    output.table(
        ["severity", "api", "what", "endpoint", "first seen", "last seen"],
        (
            [
                output.severity(each["severity"]), each["api"], each["title"], each["endpoint_id"],
                output.moment(each["first_seen"]), output.moment(each["last_seen"]),
            ]
            for each in found["findings"]
        ),
        empty="It finds nothing now.",
    )  # fmt: skip
