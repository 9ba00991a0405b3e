"""`starfort user list`."""

from starfort.cli import output
from starfort.cli.admin_client import AdminClient
from starfort.cli.answers import Account
from starfort.cli.options import Json, online


@online
def list_users(client: AdminClient, *, json: Json = False) -> None:
    """List accounts."""
    # The list has no pages, because there are at most `accounts.MAX_USERS` (1,000) accounts.
    found: list[Account] = client.get("/users")
    if json:
        output.print_json(found)
        return
    output.table(
        ["name", "role", "created", "password changed", "last login"],
        (
            [
                each["name"],
                each["role"],
                *map(output.moment, (each["created"], each["password_changed"], each["last_login"])),
            ]
            for each in found
        ),
        empty="No account.",
    )
