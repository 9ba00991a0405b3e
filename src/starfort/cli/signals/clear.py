"""`starfort signals clear`."""

from typing import Annotated

import typer

from starfort.cli import output
from starfort.cli.admin_client import AdminClient
from starfort.cli.errors import FoundError, UsageError
from starfort.cli.options import online


@online
def clear(
    client: AdminClient,
    kind: Annotated[str, typer.Argument(help="Kind of the signal.")],
    key_type: Annotated[str | None, typer.Argument(help="What its key is: address, ja4 …")] = None,
    key: Annotated[str | None, typer.Argument(help="Its key.")] = None,
    *,
    all: Annotated[bool, typer.Option("--all", help="Lift every signal of the kind.")] = False,
) -> None:
    """Lift a signal in every filter. A detector that still sees the behaviour raises it again."""
    if all == (key is not None):
        raise UsageError("name one signal by KIND KEY_TYPE KEY, or give --all", "see `starfort signals list`")
    if not all:
        wanted = [(str(key_type), str(key))]
    else:
        # All are listed before the first is lifted, since lifting moves the pages of the list.
        found = client.pages("/signals", 10_000, kind=kind)
        wanted = [(each["key_type"], each["key"]) for each in found]
    if not wanted:
        raise FoundError(f"no signal of kind {kind!r} is active", "see `starfort signals list`")
    for each_type, each_key in wanted:
        client.delete("/signals", kind=kind, key_type=each_type, key=each_key)
    output.say(f"Lifted {len(wanted)} of kind {kind}.")
