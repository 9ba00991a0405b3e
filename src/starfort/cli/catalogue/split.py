"""`starfort catalogue split`."""

from typing import Annotated

import typer

from starfort.cli import output
from starfort.cli.admin_client import AdminClient
from starfort.cli.catalogue.find import endpoint_id
from starfort.cli.catalogue.show import Endpoint
from starfort.cli.options import online


@online
def split(
    client: AdminClient,
    endpoint: Endpoint,
    *,
    segment: Annotated[
        int | None,
        typer.Option(
            "--segment", "-s", help="Which segment of its path, from 1. Default: its last parameter."
        ),
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Leave it to traffic again.")] = False,
) -> None:
    """Part an endpoint: the segments at one place are fixed words, each with an endpoint of its own."""
    body = {"are": None if undo else "words", "segment": segment}
    found = client.post(f"/catalogue/{endpoint_id(client, endpoint)}/segments", body)
    output.say("Noted. It takes effect within seconds, and old ids lead to the endpoints that take over.")
    output.table(
        ["api", "place", "segments are", "decided by"],
        ([each["api"], each["place"], each["segments"], each["user"]] for each in found),
        empty="Nothing is decided now.",
    )
