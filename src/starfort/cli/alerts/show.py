"""`starfort alerts show`."""

from typing import Annotated, Any

import typer

from starfort.cli import output
from starfort.cli.admin_client import AdminClient
from starfort.cli.options import Json, online

Id = Annotated[str, typer.Argument(help="The alert's id, from `starfort alerts list`.")]


@online
def show(client: AdminClient, alert: Id, *, json: Json = False) -> None:
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
            *_course(found),
            ("acknowledged", acknowledged if found["acknowledged_by"] else "no"),
        ]
    )
    output.heading("Evidence")
    evidence(found["evidence"])


def _course(found: dict[str, Any]) -> list[tuple[str, str]]:
    """The highest score, the number of keys and the end of an alert; nothing for an alert without a score."""
    if found.get("score") is None:
        return []
    ended = output.moment(found["ended_at"]) if found["ended_at"] else "it goes on"
    return [("highest score", f"{found['score']:.2f}"), ("keys", f"{found['members']:,}"), ("ended", ended)]


def evidence(rows: list[dict[str, Any]]) -> None:
    """The rows behind an alert, under all the names that they have."""
    # A dictionary keeps the order in which the names first occur, and a set would not.
    names = list(dict.fromkeys(name for row in rows for name in row))
    output.table(names, ([row.get(name, "") for name in names] for row in rows), empty="None was kept.")
