"""`starfort catalogue list`."""

from typing import Annotated, Literal

import typer

from starfort.cli import output
from starfort.cli.admin_client import AdminClient
from starfort.cli.answers import Endpoint
from starfort.cli.options import Json, Limit, online


@online
def list_endpoints(
    client: AdminClient,
    *,
    search: Annotated[
        str, typer.Option("--search", "-s", help="Only with each of these words in method, host or path.")
    ] = "",
    api: Annotated[str, typer.Option(help="Only of this API.")] = "",
    host: Annotated[str, typer.Option(help="Only of this host.")] = "",
    prefix: Annotated[str, typer.Option(help="Only at or below this path.")] = "",
    show: Annotated[
        Literal["", "new", "undocumented", "sensitive", "unauthenticated"],
        typer.Option(help="Only endpoints of this kind."),
    ] = "",
    sort: Annotated[
        Literal["path", "requests", "first_seen", "last_seen", "errors"], typer.Option(help="The order.")
    ] = "path",
    limit: Limit = 200,
    json: Json = False,
) -> None:
    """List the endpoints of the catalogue, with the traffic of the last 24 hours."""
    wanted = {"search": search, "api": api, "host": host, "prefix": prefix, "show": show, "sort": sort}
    found: list[Endpoint] = list(client.pages("/catalogue", limit, **wanted))
    if json:
        output.print_json(found)
        return
    output.table(
        [
            "id", "api", "method", "host", "path", "requests", "errors %", "is", "labels", "sensitive",
            "first seen",
        ],
        (
            [
                each["id"], each["api"], each["method"], each["host"], each["path"], each["requests"],
                100 * each["error_share"], marks(each), each["labels"], each["sensitive"],
                output.moment(each["first_seen"]),
            ]
            for each in found
        ),
        empty="No such endpoint.",
    )  # fmt: skip


def marks(endpoint: Endpoint) -> str:
    """What is remarkable about an endpoint, in words."""
    # `authenticated` is null where nothing is known of credentials, as before the first call.
    words = {
        "new": endpoint["new"],
        "undocumented": not endpoint["documented"] and endpoint["state"] != "shadow",
        endpoint["state"]: endpoint["state"] in ("shadow", "orphan", "zombie", "drifting"),
        "open": endpoint["authenticated"] is False,
    }
    return ", ".join(word for word, holds in words.items() if holds)
