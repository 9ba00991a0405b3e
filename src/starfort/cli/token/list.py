"""`starfort token list`."""

from starfort.cli import output
from starfort.cli.admin_client import AdminClient
from starfort.cli.answers import Token
from starfort.cli.options import Json, online


@online
def list_tokens(client: AdminClient, *, json: Json = False) -> None:
    """List API tokens."""
    found: list[Token] = client.get("/tokens")
    if json:
        output.print_json(found)
        return
    output.table(
        ["id", "name", "owner", "role", "begins with", "created", "ends", "last used"],
        (
            [
                each["id"], each["name"], each["owner"], each["role"], each["hint"],
                *map(output.moment, (each["created"], each["expires"], each["last_used"])),
            ]
            for each in found
        ),
        empty="No token.",
    )  # fmt: skip
