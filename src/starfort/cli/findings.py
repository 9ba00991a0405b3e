"""`starfort findings`."""

from typing import Annotated, Literal

import typer

from starfort.base.severity import Severity
from starfort.cli import output
from starfort.cli.admin_client import AdminClient
from starfort.cli.answers import PostureFinding
from starfort.cli.options import Json, Limit, online


@online
def findings(
    client: AdminClient,
    *,
    api: Annotated[str, typer.Option(help="Only of this API.")] = "",
    severity: Annotated[Literal["", Severity], typer.Option(help="Only of this severity.")] = "",
    limit: Limit = 200,
    json: Json = False,
) -> None:
    """List what is wrong with the APIs as they stand, most severe first, and what to do."""
    found: list[PostureFinding] = list(client.pages("/findings/apis", limit, api=api, severity=severity))
    if json:
        output.print_json(found)
        return
    output.table(
        ["severity", "api", "check", "what", "endpoint", "last seen", "why"],
        (
            [
                output.severity(each["severity"]), each["api"], each["code"], each["title"],
                each["endpoint_id"], output.moment(each["last_seen"]), each["why"],
            ]
            for each in found
        ),
        empty="Nothing is wrong as far as traffic shows.",
    )  # fmt: skip
