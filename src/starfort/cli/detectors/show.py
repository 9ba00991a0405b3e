"""`starfort detectors show`."""

from typing import Annotated

import typer

from starfort.cli import output, questions
from starfort.cli.admin_client import AdminClient
from starfort.cli.options import Json, online

Name = Annotated[str, typer.Argument(help="The detector's name, from `starfort detectors list`.")]


@online
def show(client: AdminClient, name: Name, *, json: Json = False) -> None:
    """Show one detector: what it watches, its settings in force, its query."""
    found = client.get(f"/detectors/{name}")
    if json:
        output.print_json(found)
        return
    questions.show_details(
        [
            ("detector", found["name"]),
            ("file", found["file"]),
            ("description", found["description"]),
            ("watches", found["watches"]),
            ("signals", f"{found['kind']} of {output.cell(found['key_type'])}"),
            ("window", output.span(found["window_s"])),
            ("every", output.span(found["every_s"])),
            ("holds", output.span(found["ttl_s"])),
            ("severity", output.severity(found["severity"])),
            ("score", found["score"]),
        ],
        found,
    )
