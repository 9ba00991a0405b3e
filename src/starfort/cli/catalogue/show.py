"""`starfort catalogue show`."""

from collections.abc import Iterator
from typing import Annotated

import typer

from starfort.cli import output
from starfort.cli.admin_client import AdminClient
from starfort.cli.answers import Counted, EndpointDetail
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
    found: EndpointDetail = client.get(f"/catalogue/{endpoint_id(client, endpoint)}", range=range)
    if json:
        output.print_json(found)
        return
    output.fields(_overview(found))
    _parameters(found)
    _consumers(found)


def _overview(found: EndpointDetail) -> Iterator[tuple[str, object]]:
    yield "endpoint", f"{found['method']} {found['host']}{found['path']}"
    yield "id", found["id"]
    yield "api", found["api"]
    yield "is", marks(found)
    yield "labels", found["labels"]
    yield "first seen", output.moment(found["first_seen"])
    yield "last seen", output.moment(found["last_seen"])
    yield "requests in 24 h", found["requests"]
    yield "statuses", _counts(found["statuses"])
    yield "credentials shown", _counts(found["auth_seen"])
    yield "identity errors", _counts(found["identity_errors"])
    yield "request types", _counts(found["content_types"])
    yield "response types", _counts(found["response_content_types"])
    yield "sensitive in requests", _counts(found["sensitive_request"])
    yield "sensitive in responses", _counts(found["sensitive_response"])
    yield "findings", _counts(found["findings"])


def _parameters(found: EndpointDetail) -> None:
    output.heading("Parameters")
    output.table(
        ["in", "name", "types", "seen in %"],
        (
            [each["location"], each["name"], each["types"], 100 * each["share"]]
            for each in found["parameters"]
        ),
        empty="None seen.",
    )


def _consumers(found: EndpointDetail) -> None:
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


def _counts(counted: list[Counted]) -> str:
    return ", ".join(f"{each['value']} ({each['count']:,})" for each in counted)
