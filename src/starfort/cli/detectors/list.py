"""`starfort detectors list`."""

from starfort.cli import output
from starfort.cli.admin_client import AdminClient
from starfort.cli.options import Json, online


@online
def list_detectors(client: AdminClient, *, json: Json = False) -> None:
    """List the detectors that run, and how they run."""
    found = client.get("/detectors")
    if json:
        output.print_json(found)
        return
    output.table(
        ["detector", "signals kind", "runs", "failures", "last ms", "signals", "behind s", "problem"],
        (
            [
                each["name"], each["kind"], each["runs"], each["failures"], each["last_ms"], each["signals"],
                each["behind_s"], each["problem"] or each["last_error"],
            ]
            for each in found
        ),
        empty="No detector runs.",
    )  # fmt: skip
