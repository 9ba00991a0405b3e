"""`starfort signals list`."""

from typing import Annotated

import typer

from starfort.cli import output
from starfort.cli.admin_client import AdminClient
from starfort.cli.options import Json, Limit, online


@online
def list_signals(
    client: AdminClient,
    *,
    kind: Annotated[str, typer.Option(help="Only of this kind.")] = "",
    limit: Limit = 200,
    json: Json = False,
) -> None:
    """List the signals that are active now, highest score first."""
    found = list(client.pages("/signals", limit, kind=kind))
    if json:
        output.print_json(found)
        return
    output.table(
        ["kind", "key type", "key", "score", "severity", "since", "lapses", "title"],
        (
            [
                each["kind"], each["key_type"], each["key"], f"{each['score']:.2f}",
                output.severity(each["severity"]), output.moment(each["first_at"]),
                output.moment(each["expires_at"]), each["title"],
            ]
            for each in found
        ),
        empty="No signal is active.",
    )  # fmt: skip
