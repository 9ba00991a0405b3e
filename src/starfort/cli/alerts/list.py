"""`starfort alerts list`."""

from typing import Annotated, Literal

import typer

from starfort.base.severity import Severity
from starfort.cli import output
from starfort.cli.admin_client import AdminClient
from starfort.cli.options import Json, Limit, online


@online
def list_alerts(
    client: AdminClient,
    *,
    open: Annotated[bool, typer.Option("--open", help="Leave out what was acknowledged.")] = False,
    kind: Annotated[str, typer.Option(help="Only of this kind.")] = "",
    severity: Annotated[Literal["", Severity], typer.Option(help="Only of this severity.")] = "",
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """List alerts, latest first."""
    # `acknowledged by` also shows mutes: both say why an alert no longer asks for attention.
    found = list(client.pages("/alerts", limit, open=open, kind=kind, severity=severity))
    if json:
        output.print_json(found)
        return
    output.table(
        ["id", "severity", "kind", "title", "times", "last", "acknowledged by"],
        (
            [
                each["id"], output.severity(each["severity"]), each["kind"], each["title"], each["count"],
                output.moment(each["last_at"]), each["acknowledged_by"] or ("muted" if each["muted"] else ""),
            ]
            for each in found
        ),
        empty="No alert.",
    )  # fmt: skip
