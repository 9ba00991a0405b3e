"""`starfort catalogue diff`."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from starfort.cli import output, target
from starfort.cli.admin_client import AdminClient
from starfort.cli.errors import CliError, FoundError, UsageError
from starfort.cli.options import Config, DataDir, Json, Url

if TYPE_CHECKING:
    from starfort.contracts import Contract
    from starfort.contracts.changes import Change

Side = Annotated[
    str,
    typer.Argument(
        help="A document's file, `document` (the API's own), `learned` (the last seven days), or a day "
        "(2026-11-27, UTC)."
    ),
]
ORDER = ("error", "warning", "info")


def diff(
    old: Side,
    new: Side,
    *,
    api: Annotated[str, typer.Option(help="The API, where `document`, `learned` or a day is compared.")] = "",
    level: Annotated[
        Literal["error", "warning", "info"], typer.Option(help="Show changes of this level and above.")
    ] = "info",
    fail_on: Annotated[
        Literal["error", "warning", "info", "none"],
        typer.Option(help="End with exit code 1 when there is a change of this level or above."),
    ] = "error",
    json: Json = False,
    config: Config = None,
    data_dir: DataDir = None,
    url: Url = "",
) -> None:
    """Compare two documents, two days, or an API's document with what was learned, as oasdiff does.

    A change is an error when it breaks callers that kept to the old contract, a warning when it may, and else
    info. Two files are compared without a running Starfort.
    """
    from starfort.contracts.changes import compare
    from starfort.contracts.mounted import fitted, named_like

    def ask(query: dict[str, str]) -> Any:
        with AdminClient(target.find(config, data_dir, url)) as client:
            return client.get("/catalogue/openapi", **query)

    before, after = _contract(old, api, ask), _contract(new, api, ask)
    if Path(old).is_file() != Path(new).is_file():
        before, after = fitted(before, after), fitted(after, before)
    if _is_traffic(old) and not _is_traffic(new):
        before = named_like(before, after)
    if _is_traffic(new) and not _is_traffic(old):
        after = named_like(after, before)
    changes = compare(before, after)
    shown = [one for one in changes if ORDER.index(one.level) <= ORDER.index(level)]
    _show(shown, as_json=json)
    worst = [one for one in changes if fail_on != "none" and ORDER.index(one.level) <= ORDER.index(fail_on)]
    if worst:
        raise FoundError(
            f"{len(worst)} changes of level {fail_on}" + (" or above" if fail_on != "error" else "")
        )


def _is_traffic(side: str) -> bool:
    return side != "document" and not Path(side).is_file()


def _contract(side: str, api: str, ask: Callable[[dict[str, str]], Any]) -> Contract:
    """One side of a comparison.

    Raises:
        CliError: it cannot be read.
        UsageError: it names nothing.
    """
    from json import dumps

    if Path(side).is_file():
        return _read(Path(side), side)
    query = {"api": api}
    if re.fullmatch(r"\d{4}-\d\d-\d\d", side):
        query["day"] = side
    elif side == "document":
        query["source"] = "document"
    elif side != "learned":
        fix = "write a file, `document`, `learned` or a day as 2026-11-27"
        raise UsageError(f"{side} is neither a file nor a day", fix)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "api.json"
        file.write_text(dumps(ask(query)), encoding="utf-8")
        return _read(file, side)


def _read(file: Path, name: str) -> Contract:
    from starfort.contracts import documents

    found = documents.read(file)
    if found.problems:
        raise CliError("\n".join(str(one) for one in found.problems[:20]), f"mend {name}")
    return found.contract


def _show(changes: list[Change], *, as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        output.print_json([asdict(one) for one in changes])
        return
    output.table(
        ["level", "operation", "where", "what", "code"],
        ([one.level, f"{one.method} {one.path}".strip(), one.where, one.text, one.code] for one in changes),
        empty="No change.",
    )
    counts: Counter[str] = Counter(one.level for one in changes)
    if counts:
        output.say(", ".join(f"{counts[name]} {name}" for name in ORDER if counts[name]))
