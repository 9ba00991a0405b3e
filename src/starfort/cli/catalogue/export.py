"""`starfort catalogue export`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from starfort.cli import output
from starfort.cli.admin_client import AdminClient
from starfort.cli.errors import CliError
from starfort.cli.options import online


@online
def export(
    client: AdminClient,
    *,
    format: Annotated[
        Literal["json", "csv", "openapi"],
        typer.Option(help="A list of endpoints, a table for spreadsheets, or an OpenAPI 3.1 document."),
    ] = "json",
    openapi: Annotated[bool, typer.Option("--openapi", help="The same as `--format openapi`.")] = False,
    api: Annotated[str, typer.Option(help="Only of this API.")] = "",
    path: Annotated[
        Path | None, typer.Option("--output", "-o", dir_okay=False, help="File to write; default: stdout.")
    ] = None,
) -> None:
    """Export the catalogue: every endpoint, or an OpenAPI document made from what traffic shows."""
    import json

    if openapi or format == "openapi":
        found = client.get("/catalogue/openapi", api=api)
    else:
        # The API accepts no larger offset.
        found = list(client.pages("/catalogue", 100_000, api=api))
    if format == "csv" and not openapi:
        text = _table(found)
    else:
        text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    if path is None:
        output.print_text(text)
        return
    try:
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise CliError(f"{path} cannot be written: {error.strerror}") from error
    output.say(f"Wrote {path}.")


def _table(found: list[dict[str, object]]) -> str:
    from starfort.admin.columns import ENDPOINT_COLUMNS
    from starfort.base.csv_text import csv_text

    # A Starfort of another version may know fewer.
    columns = [name for name in ENDPOINT_COLUMNS if not found or name in found[0]]
    return csv_text(columns, ([row.get(name) for name in columns] for row in found))
