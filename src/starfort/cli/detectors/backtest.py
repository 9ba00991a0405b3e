"""`starfort detectors backtest`."""

import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from starfort.cli import output
from starfort.cli.admin_client import AdminClient
from starfort.cli.errors import UsageError
from starfort.cli.options import Json, online
from starfort.cli.questions import subject

Detector = Annotated[str, typer.Argument(help="Name of a detector that runs, or path of a detector file.")]


@online
def backtest(
    client: AdminClient,
    detector: Detector,
    *,
    since: Annotated[str, typer.Option(help="How far back: 1h, 7d.")] = "24h",
    step: Annotated[str, typer.Option(help="From one run to the next; default: half its window.")] = "",
    json: Json = False,
) -> None:
    """Say what a detector would have signalled in the past, from the events that are stored."""
    # The end is fixed once, since the parts are asked for one after the other and new events keep coming.
    until = datetime.now(UTC)
    begin = until - _duration("--since", since)
    body = subject(detector) | {"step_s": _duration("--step", step).total_seconds() if step else None}
    hits, runs = _collect(client, body, begin, until)
    found = sorted(hits.values(), key=lambda hit: (-hit["score"], hit["first_at"]))
    if json:
        output.print_json(
            {"since": begin.isoformat(), "until": until.isoformat(), "runs": runs, "hits": found}
        )
        return
    output.say(
        f"{runs:,} runs from {output.moment(begin.isoformat())} to {output.moment(until.isoformat())}."
    )
    show_hits(found, f"{detector} would have signalled nothing.")


def _duration(option: str, text: str) -> timedelta:
    from starfort.base.units import parse_duration

    try:
        length = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None
    if length < timedelta(seconds=1):
        raise UsageError(f"{option} {text} is less than a second")
    return length


def _collect(
    client: AdminClient, body: dict[str, Any], begin: datetime, until: datetime
) -> tuple[dict[tuple[str, str], dict[str, Any]], int]:
    """Ask for one part of the time after the other, as far as the API goes each time, and join the hits."""
    from rich.console import Console
    from rich.progress import Progress

    hits: dict[tuple[str, str], dict[str, Any]] = {}
    runs = 0
    # The bar is drawn on stderr and only on a terminal, because stdout may be JSON.
    with Progress(
        console=Console(file=sys.stderr), transient=True, disable=not sys.stderr.isatty()
    ) as progress:
        task = progress.add_task("Looking back", total=(until - begin).total_seconds())
        moment = begin
        while moment < until:
            part = client.post(
                "/detectors/backtest", body | {"since": moment.isoformat(), "until": until.isoformat()}
            )
            runs += part["runs"]
            for hit in part["hits"]:
                _join(hits, hit)
            moment = datetime.fromisoformat(part["until"])
            progress.update(task, completed=(moment - begin).total_seconds())
    return hits, runs


def _join(hits: dict[tuple[str, str], dict[str, Any]], hit: dict[str, Any]) -> None:
    known = hits.get((hit["key_type"], hit["key"]))
    if known is None:
        hits[hit["key_type"], hit["key"]] = hit
        return
    # Parts come in the order of time: the known hit has the first time, and the new one has the last.
    stronger = hit if hit["score"] > known["score"] else known
    hits[hit["key_type"], hit["key"]] = stronger | {
        "first_at": known["first_at"],
        "last_at": hit["last_at"],
        "runs": known["runs"] + hit["runs"],
    }


def show_hits(found: list[dict[str, Any]], nothing: str) -> None:
    """Print what a detector signalled, or would have."""
    output.table(
        ["kind", "key type", "key", "score", "first", "last", "title"],
        (
            [
                each["kind"], each["key_type"], each["key"], f"{each['score']:.2f}",
                output.moment(each["first_at"]), output.moment(each["last_at"]), each["title"],
            ]
            for each in found
        ),
        empty=nothing,
    )  # fmt: skip
