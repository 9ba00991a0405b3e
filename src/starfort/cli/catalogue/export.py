"""`starfort catalogue export`."""

from pathlib import Path
from typing import Annotated

import typer

from starfort.cli import output
from starfort.cli.admin_client import AdminClient
from starfort.cli.errors import CliError
from starfort.cli.options import online


@online
def export(
    client: AdminClient,
    *,
    openapi: Annotated[
        bool, typer.Option("--openapi", help="As an OpenAPI 3.1 document made from what traffic shows.")
    ] = False,
    api: Annotated[str, typer.Option(help="Only of this API.")] = "",
    path: Annotated[
        Path | None, typer.Option("--output", "-o", dir_okay=False, help="File to write; default: stdout.")
    ] = None,
) -> None:
    """Export the catalogue as JSON: every endpoint, or an OpenAPI document."""
    import json

    if openapi:
        found = client.get("/catalogue/openapi", api=api)
    else:
        # The API accepts no larger offset.
        found = list(client.pages("/catalogue", 100_000, api=api))
    if path is None:
        output.print_json(found)
        return
    try:
        path.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise CliError(f"{path} cannot be written: {error.strerror}") from error
    output.say(f"Wrote {path}.")
