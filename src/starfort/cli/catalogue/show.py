"""`starfort catalogue show`."""

from typing import Annotated, Any

import typer

from starfort.cli import output
from starfort.cli.admin_client import AdminClient
from starfort.cli.catalogue.find import endpoint_id
from starfort.cli.catalogue.list import marks
from starfort.cli.events import Range
from starfort.cli.options import Json, online

Endpoint = Annotated[
    str,
    typer.Argument(
        help='Method and path, such as "GET /notes/{id}", or the id from `starfort catalogue list`.'
    ),
]


@online
def show(client: AdminClient, endpoint: Endpoint, *, range: Range = "24h", json: Json = False) -> None:
    """Show one endpoint as traffic shows it: parameters, statuses, consumers, sensitive data."""
    found = client.get(f"/catalogue/{endpoint_id(client, endpoint)}", range=range)
    if json:
        output.print_json(found)
        return
    output.fields(
        [
            ("endpoint", f"{found['method']} {found['host']}{found['path']}"),
            ("id", found["id"]),
            ("api", found["api"]),
            ("is", marks(found)),
            ("labels", found["labels"]),
            ("first seen", output.moment(found["first_seen"])),
            ("last seen", output.moment(found["last_seen"])),
            ("requests in 24 h", found["requests"]),
            ("statuses", _counts(found["statuses"])),
            ("credentials shown", _counts(found["auth_seen"])),
            ("identity errors", _counts(found["identity_errors"])),
            ("request types", _counts(found["content_types"])),
            ("response types", _counts(found["response_content_types"])),
            ("sensitive in requests", _counts(found["sensitive_request"])),
            ("sensitive in responses", _counts(found["sensitive_response"])),
            ("findings", _counts(found["findings"])),
        ]
    )
    output.heading("Parameters")
    output.table(
        ["in", "name", "types", "seen in %"],
        (
            [each["location"], each["name"], each["types"], 100 * each["share"]]
            for each in found["parameters"]
        ),
        empty="None seen.",
    )
    output.heading(f"Consumers ({found['consumers_total']:,} since {found['consumers_since']})")
    output.table(
        ["subject", "address", "user agent", "bot", "requests", "stopped", "last seen"],
        (
            [
                each["subject"], each["address"], each["user_agent"], each["bot"], each["requests"],
                each["stopped"], output.moment(each["last_seen"]),
            ]
            for each in found["consumers"]
        ),
        empty="None.",
    )  # fmt: skip


def _counts(counted: list[dict[str, Any]]) -> str:
    return ", ".join(f"{each['value']} ({each['count']:,})" for each in counted)
