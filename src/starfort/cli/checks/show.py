"""`starfort checks show`."""

from typing import Annotated

import typer

from starfort.cli import output, questions
from starfort.cli.admin_client import AdminClient
from starfort.cli.options import Json, online

Name = Annotated[str, typer.Argument(help="The check's name, from `starfort checks list`.")]


@online
def show(client: AdminClient, name: Name, *, json: Json = False) -> None:
    """Show one check: what is wrong about its findings, its settings in force, its query."""
    found = client.get(f"/checks/{name}")
    if json:
        output.print_json(found)
        return
    fields = [
        ("check", found["name"]),
        ("file", found["file"]),
        ("bastion", found["bastion"]),
        ("says", found["title"]),
        ("why", found["why"]),
        ("fix", found["fix"]),
        ("severity", output.cell(found["severity"])),
    ]
    if found["sql"]:
        fields += [("window", output.span(found["window_s"])), ("every", output.span(found["every_s"]))]
    questions.show_details(fields, found)
