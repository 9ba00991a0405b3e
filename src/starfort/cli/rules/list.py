"""`starfort rules list`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from starfort.cli import options, output, target
from starfort.cli.errors import CliError, FoundError
from starfort.cli.options import Json

SIGNATURES: Final = {"crs": "OWASP_CRS"}
"""What a rule set calls itself where it runs, by the name under which it is installed."""


def list_rule_sets(
    *,
    folder: Annotated[
        Path | None,
        typer.Option(envvar="STARFORT_RULESETS", file_okay=False, help="Where rule sets live."),
    ] = None,
    config: options.Config = None,
    data_dir: options.DataDir = None,
    url: options.Url = "",
    json: Json = False,
) -> None:
    """List rule sets: what is installed, whether its files are still that, and what runs in Starfort now."""
    from starfort.config import ConfigError
    from starfort.threats.rulesets.installed import installed, rule_files, rule_set_folder

    place = rule_set_folder() if folder is None else folder
    running = _running(config, data_dir, url)
    rows: list[dict[str, Any]] = []
    try:
        for name, entry in installed(place).items():
            try:
                rule_files(place, name)
            except ConfigError as error:
                state = f"{len(error.problems)} files changed"
            else:
                state = "as installed"
            signature = f"{SIGNATURES.get(name, name)}/{entry.version}"
            in_force = None if running is None else signature in running
            rows.append(
                {**asdict(entry), "state": state, "in_force": in_force, "path": str(place / entry.folder)}
            )
    except ConfigError as error:
        raise FoundError(str(error)) from error
    rows += _elsewhere(running or [], rows)
    if json:
        output.print_json([{name: value for name, value in row.items() if name != "path"} for row in rows])
        return
    output.table(
        ["set", "version", "in force", "state", "origin", "from", "installed", "folder"],
        (
            [
                row["name"], row["version"], row["in_force"], row["state"], row["verified"], row["source"],
                output.moment(row["installed"]), row["path"],
            ]
            for row in rows
        ),
        empty=f"No rule set is installed in {place}. `starfort rules install crs` brings OWASP CRS.",
    )  # fmt: skip
    if rows and not any(row["path"] for row in rows):
        output.say(
            f"No rule set is installed in {place}; those in force are of another folder (STARFORT_RULESETS)."
        )
    if running is None:
        output.say("No Starfort answers here, so what is in force is not known.")


def _running(config: Path | None, data_dir: Path | None, url: str) -> list[str] | None:
    """What runs in a Starfort that answers, as `NAME/VERSION`; `None` where none does.

    Raises:
        CliError: one that was named does not answer.
    """
    from starfort.cli.admin_client import AdminClient

    try:
        with AdminClient(target.find(config, data_dir, url)) as client:
            found = str(client.get("/status")["config"]["rules"])
    except CliError:
        if config is not None or data_dir is not None or url:
            raise
        return None
    return [name for name in found.split(", ") if name]


def _elsewhere(running: list[str], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rule sets that run and are not installed in the folder that was looked at."""
    known = {f"{SIGNATURES.get(row['name'], row['name'])}/{row['version']}" for row in rows}
    found = []
    for signature in running:
        name, _, version = signature.rpartition("/")
        if signature not in known:
            state = "part of Starfort" if name == "starfort" else "not in this folder"
            found.append(
                {
                    "name": name, "version": version, "state": state, "in_force": True,
                    "verified": "", "source": "", "installed": "", "path": "",
                }
            )  # fmt: skip
    return found
