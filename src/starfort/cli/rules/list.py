"""`starfort rules list`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from starfort.cli import output
from starfort.cli.errors import FoundError
from starfort.cli.options import Json


def list_rule_sets(
    *,
    folder: Annotated[
        Path | None,
        typer.Option(envvar="STARFORT_RULESETS", file_okay=False, help="Where rule sets live."),
    ] = None,
    json: Json = False,
) -> None:
    """List installed rule sets, and whether their files are still what was installed."""
    from starfort.config import ConfigError
    from starfort.threats.rulesets.installed import installed, rule_files, rule_set_folder

    place = rule_set_folder() if folder is None else folder
    rows = []
    try:
        for name, entry in installed(place).items():
            try:
                rule_files(place, name)
            except ConfigError as error:
                rows.append((entry, f"{len(error.problems)} files changed"))
            else:
                rows.append((entry, "as installed"))
    except ConfigError as error:
        raise FoundError(str(error)) from error
    if json:
        output.print_json([{**asdict(entry), "state": state} for entry, state in rows])
        return
    output.table(
        ["set", "version", "state", "origin", "from", "installed", "folder"],
        (
            [
                entry.name, entry.version, state, entry.verified, entry.source,
                output.moment(entry.installed),
                str(place / entry.folder),
            ]
            for entry, state in rows
        ),
        empty=f"No rule set is installed in {place}. `starfort rules install crs` brings OWASP CRS.",
    )  # fmt: skip
