"""`starfort discover`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from starfort.cli import options, output
from starfort.cli.errors import FoundError, UsageError

if TYPE_CHECKING:
    from starfort.cli.discovery import Door, Known
    from starfort.sources.batches import Batch
    from starfort.sources.reading import Options, Tally

MOST_HOSTS: Final = 10
"""Hosts of no API that are shown."""

MOST_NEW: Final = 50
"""New endpoints that are listed; `--json` has all."""

Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE...",
        help="Files, folders, or - for standard input; gzip and Zstandard are undone.",
        show_default=False,
    ),
]


@dataclass(slots=True)
class Found:
    """What came of the calls.

    Attributes:
        apis: calls by API.
        hosts: calls of no API, by host.
        new: endpoints that the catalogue did not have before.
        endpoints: how many it has now.
    """

    apis: Counter[str] = field(default_factory=Counter)
    hosts: Counter[str] = field(default_factory=Counter)
    new: list[Known] = field(default_factory=list)
    endpoints: int = 0

    def take(self, batch: Batch) -> None:
        """Count a batch."""
        self.apis.update({api: count for api, count in batch.apis.items() if api})
        self.hosts.update(batch.hosts)


def discover(
    files: Files,
    *,
    log_format: Annotated[
        str,
        typer.Option(
            help="Format of access logs, as nginx, Apache or Envoy is configured. Default: recognised."
        ),
    ] = "",
    host: Annotated[
        str, typer.Option(help="Host of calls whose file names none. Default: the host of the only API.")
    ] = "",
    api: Annotated[
        str, typer.Option(help="Take all calls for calls of this API, whatever host they name.")
    ] = "",
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", min=1, help="Read at most so many calls.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and count, and change nothing.")] = False,
    config: options.Config = None,
    json: options.Json = False,
) -> None:
    """Learn APIs from calls that were recorded elsewhere, before Starfort is in front of them.

    Reads HAR files, Postman collections, access logs (nginx, Apache, Envoy, AWS ALB, Caddy, JSON),
    OpenTelemetry spans (OTLP) and taps of Envoy, and recognises them by their content. The calls keep their
    times, and detectors do not see them. Starfort may run or not; this runs on its machine, as its user.
    """
    from starfort.cli.discovery import opened
    from starfort.sources import files as inputs
    from starfort.sources.errors import SourceError
    from starfort.sources.formats import lines
    from starfort.sources.reading import Options, Tally

    tally, found = Tally(), Found()
    try:
        paths = inputs.expand(files)
        format_ = lines.custom(log_format) if log_format else None
    except SourceError as error:
        raise UsageError(error.what, error.fix) from None
    with opened(config, dry_run=dry_run) as door:
        every = door.host_of(api) if api else ""
        _run(door, paths, Options(format_, host or door.only_host(), every, limit), tally, found)
        if not dry_run and tally.calls:
            _learn(door, tally, found)
    _tell(tally, found, dry_run=dry_run, json=json)
    if tally.broken or not tally.calls:
        raise FoundError(
            "no call was found" if not tally.calls else f"{tally.broken} of the files could not be read",
            "" if tally.failures else "name other files",
        )


def _run(door: Door, paths: list[Path], options_: Options, tally: Tally, found: Found) -> None:
    from starfort.sources import files as inputs
    from starfort.sources.batches import batches
    from starfort.sources.reading import read

    with _progress(inputs.size_of(paths), tally) as progress:
        for batch in batches(read(paths, options_, tally, progress), door.recorder):
            found.take(batch)
            door.take(batch)


def _learn(door: Door, tally: Tally, found: Found) -> None:
    before = {known["id"] for known in door.endpoints()}
    door.learn(f"{sum(tally.files.values())} files, {tally.calls} calls")
    after = door.endpoints()
    found.endpoints = len(after)
    found.new = [known for known in after if known["id"] not in before]


@contextmanager
def _progress(total: int | None, tally: Tally) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr; nothing without a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn(),
        console=console, disable=not console.is_terminal, transient=True,
    ) as shown:  # fmt: skip
        task = shown.add_task("reading", total=total)

        def progress(done: int) -> None:
            about = f"{tally.calls:,} calls" + (f", {tally.failed:,} mistakes" if tally.failed else "")
            shown.update(task, completed=done, description=about)

        yield progress


def _tell(tally: Tally, found: Found, *, dry_run: bool, json: bool) -> None:
    from starfort.sources.reading import missing

    if json:
        output.print_json(_summary(tally, found))
        return
    output.fields(_overview(tally, found, dry_run=dry_run))
    for sentence in missing(tally):
        output.say(f"not in the files: {sentence}")
    if tally.without_time:
        output.say(f"not in the files: times of calls ({tally.without_time:,}); they count as made now")
    if found.hosts:
        shown = ", ".join(
            f"{host or '(no host)'} ({count:,})" for host, count in found.hosts.most_common(MOST_HOSTS)
        )
        output.say(f"calls of no API of the configuration, not learned from: {shown}", "yellow")
        output.say("  fix: add the host to an API, or name the API with --api, or a missing host with --host")
    for text in tally.failures:
        output.say(f"not read: {text}", "yellow")
    more = tally.failed + tally.broken - len(tally.failures)
    if more > 0:
        output.say(f"not read: {more:,} more", "yellow")
    if found.new:
        output.heading("New in the catalogue")
        rows = [[known["api"], known["method"], known["path"]] for known in found.new[:MOST_NEW]]
        output.table(["api", "method", "path"], rows, empty="")
        if len(found.new) > MOST_NEW:
            output.say(f"and {len(found.new) - MOST_NEW:,} more: `starfort catalogue list --show new`")


def _overview(tally: Tally, found: Found, *, dry_run: bool) -> Iterator[tuple[str, object]]:
    yield "formats", ", ".join(f"{name} ({count:,})" for name, count in tally.files.most_common())
    yield "calls", tally.calls
    if tally.first_us:
        first, last = (output.moment(time / 1e6) for time in (tally.first_us, tally.last_us))
        yield "from, to", f"{first}, {last}"
    yield "apis", ", ".join(f"{name} ({count:,})" for name, count in found.apis.most_common())
    yield "skipped", ", ".join(f"{name} ({count:,})" for name, count in tally.skipped.most_common())
    yield "not read", tally.failed
    if not dry_run:
        yield "new endpoints", len(found.new)
        yield "endpoints", found.endpoints


def _summary(tally: Tally, found: Found) -> dict[str, object]:
    from starfort.sources.reading import missing

    return {
        "formats": dict(tally.files), "calls": tally.calls, "first": _iso(tally.first_us),
        "last": _iso(tally.last_us), "apis": dict(found.apis), "other_hosts": dict(found.hosts),
        "skipped": dict(tally.skipped), "failed": tally.failed, "broken_files": tally.broken,
        "failures": tally.failures, "unseen": dict(tally.unseen), "missing": missing(tally),
        "without_time": tally.without_time, "new": found.new, "endpoints": found.endpoints,
    }  # fmt: skip


def _iso(time_us: int) -> str | None:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(time_us / 1e6, UTC).isoformat() if time_us else None
