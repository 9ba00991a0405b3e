"""`starfort checks list`."""

from starfort.cli import output
from starfort.cli.admin_client import AdminClient
from starfort.cli.options import Json, online


@online
def list_checks(client: AdminClient, *, json: Json = False) -> None:
    """List the posture checks that run, and how they run."""
    found = client.get("/checks")
    if json:
        output.print_json(found)
        return
    output.table(
        ["check", "bastion", "answered by", "severity", "runs", "failures", "last ms", "findings", "problem"],
        (
            [
                each["name"], each["bastion"], each["source"], output.cell(each["severity"]), each["runs"],
                each["failures"], each["last_ms"], each["findings"], each["last_error"],
            ]
            for each in found
        ),
        empty="No check runs.",
    )  # fmt: skip
