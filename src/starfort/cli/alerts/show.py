"""`starfort alerts show`."""

from typing import Annotated, Any

import typer

from starfort.cli import output
from starfort.cli.client import Client
from starfort.cli.options import Json, online

Id = Annotated[str, typer.Argument(help="The alert's id, from `starfort alerts list`.")]


@online
def show(client: Client, alert: Id, *, json: Json = False) -> None:
    """Show one alert with the rows that show why."""
    found = client.get(f"/alerts/{alert}")
    if json:
        output.print_json(found)
        return
    acknowledged = f"{found['acknowledged_by']} at {output.moment(found['acknowledged_at'])}"
    output.fields(
        [
            ("alert", found["title"]),
            ("severity", output.severity(found["severity"])),
            ("kind", found["kind"]),
            ("about", found["subject"]),
            ("first", output.moment(found["first_at"])),
            ("last", f"{output.moment(found['last_at'])}, {found['count']:,} times"),
            ("acknowledged", acknowledged if found["acknowledged_by"] else "no"),
        ]
    )
    output.heading("Evidence")
    evidence(found["evidence"])


def evidence(rows: list[dict[str, Any]]) -> None:
    """The rows behind an alert, under all the names that they have."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    output.table(names, ([row.get(name, "") for name in names] for row in rows), empty="None was kept.")
