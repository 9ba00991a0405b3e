"""`starfort rules tune`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from starfort.cli import output
from starfort.cli.admin_client import AdminClient
from starfort.cli.events import Range
from starfort.cli.options import Json, online

if TYPE_CHECKING:
    from starfort.threats.rulesets.tune import Proposal


@online
def tune(
    client: AdminClient,
    *,
    range: Range = "24h",
    rule: Annotated[int, typer.Option(help="Only this rule.")] = 0,
    api: Annotated[str, typer.Option(help="Only this API.")] = "",
    events: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="How many events to look at, latest first.")
    ] = 20_000,
    all: Annotated[
        bool, typer.Option("--all", help="Also show what is more likely an attack, with the doubts.")
    ] = False,
    rules: Annotated[
        list[Path] | None,
        typer.Option(exists=True, help="Rule files, for the rules' messages. Default: the configuration's."),
    ] = None,
    json: Json = False,
) -> None:
    """Propose exclusions from what was observed, by endpoint and parameter, with the evidence."""
    from starfort.threats.rulesets.tune import as_configuration, propose

    # Events are read page by page and summed up at once, so memory does not grow with --events.
    found = propose(client.latest("/events", events, range=range, api=api))
    shown = [one for one in found if (all or one.likely) and rule in {0, one.rule}]
    if json:
        output.print_json([_plain(one) for one in shown])
        return
    _show(shown, empty="No rule found anything." if all else "Nothing looks like a false positive.")
    likely = [one for one in shown if one.likely]
    if likely:
        output.heading("For starfort.yaml, after you have looked at the samples")
        output.console().print(as_configuration(likely, _messages(rules)), markup=False, soft_wrap=True)


def _show(proposals: "list[Proposal]", *, empty: str) -> None:
    output.table(
        ["rule", "endpoint", "parameter", "requests", "addresses", "subjects", "answered", "stopped",
         "doubts"],
        (
            [
                str(one.rule), one.endpoint, one.parameter, one.evidence.requests, len(one.evidence.callers),
                len(one.evidence.subjects), one.evidence.succeeded, one.evidence.stopped, one.doubts,
            ]
            for one in proposals
        ),
        empty=empty,
    )  # fmt: skip


def _messages(paths: list[Path] | None) -> dict[int, str]:
    """The message of each rule; none when the rules cannot be read on this machine."""
    from starfort.cli.errors import CliError
    from starfort.cli.rules import source

    try:
        compiled, _ = source.find(paths, None)
    except CliError:
        return {}
    return {rule.id: rule.message for rule in compiled.rules}


def _plain(one: "Proposal") -> dict[str, object]:
    """A proposal as JSON, with the figures of its evidence beside it."""
    seen = one.evidence
    return {
        "rule": one.rule,
        "api": one.api,
        "endpoint": one.endpoint,
        "parameter": one.parameter,
        "likely": one.likely,
        "doubts": list(one.doubts),
        "requests": seen.requests,
        "addresses": len(seen.callers),
        "subjects": len(seen.subjects),
        "answered_below_400": seen.succeeded,
        "stopped": seen.stopped,
        "first": seen.first,
        "last": seen.last,
        "samples": seen.samples,
        "masked_values": seen.values,
    }
