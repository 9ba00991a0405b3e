"""`starfort rules explain`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from starfort.cli import options, output
from starfort.cli.errors import FoundError
from starfort.cli.options import Json


def explain(
    id: Annotated[int, typer.Argument(help="The rule's number, as in a finding `rule:942100`.")],
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            exists=True, help="Rule files, or folders of *.conf. Default: those of the configuration."
        ),
    ] = None,
    *,
    config: options.Config = None,
    json: Json = False,
) -> None:
    """Say in words what a rule looks at, why it is there, what it costs, and how to take it out narrowly."""
    from starfort.cli.rules import source
    from starfort.threats.seclang.explain import explain as put_into_words

    compiled, _ = source.find(paths, config)
    rule = next((rule for rule in compiled.rules if rule.id == id), None)
    if rule is None:
        raise FoundError(
            f"there is no rule {id} among {len(compiled.rules)}", "is it in another file, or removed?"
        )
    words = put_into_words(rule)
    if json:
        output.print_json(asdict(words))
        return
    output.fields(
        [
            ("rule", str(words.id)),
            ("message", words.message),
            ("file", words.location),
            ("severity", words.severity),
            ("paranoia", "" if words.paranoia is None else str(words.paranoia)),
            ("score", words.score),
            ("tags", words.tags),
        ]
    )
    output.heading("Looks at")
    for number, link in enumerate(words.looks_at):
        output.console().print(
            f"{'and ' if number else ''}{output.printable(link)}", markup=False, soft_wrap=True
        )
    output.heading("Does")
    for effect in words.does:
        output.console().print(output.printable(effect), markup=False, soft_wrap=True)
    if words.why:
        output.heading("Why")
        output.console().print(output.printable(words.why), markup=False, soft_wrap=True)
    output.heading("To take it out, as narrowly as it goes")
    output.console().print(words.exclusion, markup=False, soft_wrap=True)
