"""`starfort catalogue versions`."""

from typing import Annotated

import typer

from starfort.cli import output
from starfort.cli.admin_client import AdminClient
from starfort.cli.options import Json, online


@online
def versions(
    client: AdminClient,
    api: Annotated[str, typer.Argument(help="Name of the API.")],
    version: Annotated[
        str, typer.Argument(help="Compare this version, as the list names it: /v2, or '2024-01 (header)'.")
    ] = "",
    *,
    before: Annotated[str, typer.Option(help="With this one; default: the one before it.")] = "",
    json: Json = False,
) -> None:
    """List the versions of an API, or compare one with the one before it."""
    if not version:
        known: list[str] = client.get("/catalogue/versions", api=api)
        if json:
            output.print_json(known)
            return
        output.table(["version"], ([each] for each in known), empty="No version is known.")
        return
    found = client.get("/catalogue/comparison", api=api, version=version, before=before)
    if json:
        output.print_json(found)
        return
    output.fields((name.replace("_", " "), value) for name, value in found.items())
