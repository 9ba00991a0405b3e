"""`starfort config schema`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from starfort.cli import output


def schema(
    path: Annotated[
        Path | None, typer.Option("--output", "-o", dir_okay=False, help="File to write; default: stdout.")
    ] = None,
) -> None:
    """Print the JSON Schema of starfort.yaml, for editors that complete and check as you type."""
    if path is None:
        output.print_json(json_schema())
        return
    path.write_text(schema_text(), encoding="utf-8")
    output.say(f"Wrote {path}. First line of starfort.yaml for editors: {modeline(path.name)}")


def json_schema() -> dict[str, object]:
    """The JSON Schema (2020-12) of the configuration."""
    from starfort.config import Config

    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "starfort.yaml",
        **Config.model_json_schema(mode="validation"),
    }


def schema_text() -> str:
    """The JSON Schema as a file has it."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def modeline(name: str) -> str:
    """The comment that tells editors where the schema is (yaml-language-server, "Using inlined schema")."""
    return f"# yaml-language-server: $schema=./{name}"
