"""`starfort rules check`."""

from pathlib import Path
from typing import Annotated

import typer

from starfort.cli import options, output
from starfort.cli.options import Json

Paths = Annotated[
    list[Path] | None,
    typer.Argument(
        exists=True, help="Rule files, or folders of *.conf. Default: those of the configuration."
    ),
]


def check(
    paths: Paths = None,
    *,
    notes: Annotated[
        bool, typer.Option("--notes", help="Also show what is accepted and has no effect.")
    ] = False,
    config: options.Config = None,
    json: Json = False,
) -> None:
    """Check SecLang rules as a start would: every problem with its location. Changes nothing."""
    from starfort.cli.rules import source

    compiled, sets = source.find(paths, config)
    if json:
        output.print_json(
            {
                "ok": True,
                "version": compiled.version,
                "rules": len(compiled.rules),
                "files": [str(file) for file in compiled.files],
                "sets": [
                    {"name": one.name, "version": one.version, "verified": one.verified} for one in sets
                ],
                "bytes": len(compiled.data),
                "digest": compiled.digest,
                "notes": [str(note) for note in compiled.notes],
            }
        )
        return
    for note in compiled.notes if notes else ():
        output.console().print(output.printable(str(note)), markup=False, soft_wrap=True)
    # Notes are many and rarely matter, so they are counted unless somebody asks for them.
    more = "" if notes or not compiled.notes else f" {len(compiled.notes)} notes (--notes shows them)."
    output.say(
        f"The rules are right: {len(compiled.rules)} rules of {len(compiled.files)} files"
        f"{', ' + compiled.version if compiled.version else ''}.{more}",
        "green",
    )
