"""`starfort rules list`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

from starfort.cli import options, output, target
from starfort.cli.answers import Status
from starfort.cli.errors import CliError, FoundError
from starfort.cli.options import Json

Row = dict[str, object]
"""A rule set as `--json` prints it, with the `path` of its folder for the table."""

SIGNATURES: Final = {"crs": "OWASP_CRS"}
"""The name that a rule set has where it runs, by the name under which it is installed."""


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
    """List rule sets: what is installed, whether its files were changed, and what runs in Starfort now."""
    from starfort.threats.rulesets.installed import rule_set_folder

    place = rule_set_folder() if folder is None else folder
    running = _running(config, data_dir, url)
    rows = _installed(place, running)
    rows += _elsewhere(running or [], rows)
    if json:
        output.print_json([{name: value for name, value in row.items() if name != "path"} for row in rows])
        return
    _show(rows, place)
    if running is None:
        output.say("No Starfort answers here, so what is in force is not known.")


def _installed(place: Path, running: list[str] | None) -> list[Row]:
    """The rule sets that are installed in a folder.

    Args:
        place: the folder.
        running: what runs, as `NAME/VERSION`; `None` when that is not known.

    Raises:
        FoundError: what the folder says about itself cannot be read.
    """
    from starfort.config import ConfigError
    from starfort.threats.rulesets.installed import installed

    rows: list[Row] = []
    try:
        for name, entry in installed(place).items():
            in_force = None if running is None else _signature(name, entry.version) in running
            state, path = _state(place, name), str(place / entry.folder)
            rows.append({**asdict(entry), "state": state, "in_force": in_force, "path": path})
    except ConfigError as error:
        raise FoundError(str(error)) from error
    return rows


def _state(place: Path, name: str) -> str:
    """Whether the files of a rule set are still those that were installed."""
    from starfort.config import ConfigError
    from starfort.threats.rulesets.installed import rule_files

    try:
        rule_files(place, name)
    except ConfigError as error:
        return f"{len(error.problems)} files changed"
    return "as installed"


def _signature(name: object, version: object) -> str:
    """The name and version that an installed rule set has where it runs."""
    return f"{SIGNATURES.get(str(name), str(name))}/{version}"


def _show(rows: list[Row], place: Path) -> None:
    output.table(
        ["set", "version", "in force", "state", "origin", "from", "installed", "folder"],
        (
            [
                row["name"], row["version"], row["in_force"], row["state"], row["verified"], row["source"],
                output.moment(str(row["installed"])), row["path"],
            ]
            for row in rows
        ),
        empty=f"No rule set is installed in {place}. `starfort rules install crs` brings OWASP CRS.",
    )  # fmt: skip
    if rows and not any(row["path"] for row in rows):
        output.say(
            f"No rule set is installed in {place}; those in force are of another folder (STARFORT_RULESETS)."
        )


def _running(config: Path | None, data_dir: Path | None, url: str) -> list[str] | None:
    """The rule sets in force in the Starfort that answers, as `NAME/VERSION`; `None` when none answers.

    Raises:
        CliError: the options name a Starfort, and it does not answer.
    """
    from starfort.cli.admin_client import AdminClient

    try:
        with AdminClient(target.find(config, data_dir, url)) as client:
            status: Status = client.get("/status")
            found = status["config"]["rules"]
    except CliError:
        # Without options nobody promised that a Starfort runs here.
        if config is not None or data_dir is not None or url:
            raise
        return None
    return [name for name in found.split(", ") if name]


def _elsewhere(running: list[str], rows: list[Row]) -> list[Row]:
    """Rule sets that run and are not installed in the folder that was looked at."""
    # A control plane on another machine, or with another STARFORT_RULESETS, runs sets that are not here.
    known = {_signature(row["name"], row["version"]) for row in rows}
    found: list[Row] = []
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
