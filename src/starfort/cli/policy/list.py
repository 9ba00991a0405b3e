"""`starfort policy list`."""

from starfort.cli import output
from starfort.cli.admin_client import AdminClient
from starfort.cli.options import Json, online


@online
def list_policies(client: AdminClient, *, json: Json = False) -> None:
    """List policies in order, with what they did, or in observe mode would have done, in 24 hours."""
    found = client.get("/policies")
    if json:
        output.print_json(found)
        return
    output.table(
        ["policy", "mode", "action", "acted", "would have", "last", "apis", "endpoints", "when"],
        (
            [
                each["name"], each["mode"], each["action"], each["enforced"], each["observed"],
                output.moment(each["last_at"]), each["apis"] or "all", each["endpoints"] or "all",
                each["when"],
            ]
            for each in found
        ),
        empty="The configuration has no policy.",
    )  # fmt: skip
