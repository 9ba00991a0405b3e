"""`starfort rules explain`."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from starfort.cli import options, output
from starfort.cli.errors import FoundError
from starfort.cli.options import Json

if TYPE_CHECKING:
    from starfort.threats.seclang.explain import Explanation


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
    _show(words)


def _show(words: "Explanation") -> None:
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
    links = [f"{'and ' if number else ''}{link}" for number, link in enumerate(words.looks_at)]
    _part("Looks at", links)
    _part("Does", words.does)
    if words.why:
        _part("Why", [words.why])
    _part("To take it out, as narrowly as it goes", [words.exclusion])


def _part(title: str, lines: Iterable[str]) -> None:
    output.heading(title)
    for line in lines:
        # Rules are full of brackets, which rich would take for markup.
        output.console().print(output.printable(line), markup=False, soft_wrap=True)
