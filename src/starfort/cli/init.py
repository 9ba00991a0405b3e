"""`starfort init`."""

from importlib import resources
from pathlib import Path
from typing import Annotated, Final

import typer

from starfort.cli import output
from starfort.cli.config.schema import modeline, schema_text
from starfort.cli.errors import CliError, FoundError
from starfort.cli.target import DEFAULT_CONFIG

SCHEMA_FILE: Final = "starfort.schema.json"


def init(
    path: Annotated[
        Path,
        typer.Argument(help="File to write, or a folder for starfort.yaml.", show_default="starfort.yaml"),
    ] = DEFAULT_CONFIG,
    *,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
    schema: Annotated[bool, typer.Option(help="Also write its JSON Schema beside it, for editors.")] = True,
) -> None:
    """Write a commented starfort.yaml that works as it is: change upstream, API and log-in to yours."""
    file = path / DEFAULT_CONFIG if path.is_dir() else path
    if file.exists() and not force:
        raise FoundError(f"{file} is there already", "overwrite it with --force, or name another file")
    # The schema comes first: the file names it, so it must be there.
    text = resources.files("starfort.cli").joinpath("starfort.yaml.template").read_text(encoding="utf-8")
    try:
        if schema:
            file.with_name(SCHEMA_FILE).write_text(schema_text(), encoding="utf-8")
            text = f"{modeline(SCHEMA_FILE)}\n{text}"
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CliError(f"{error.filename} cannot be written: {error.strerror}") from error
    output.say(f"Wrote {file}" + (f" and {file.with_name(SCHEMA_FILE)}" if schema else ""))
    output.say(
        f"Next: put your API's address in it, then `starfort check {file}` and `starfort up --config {file}`."
    )
