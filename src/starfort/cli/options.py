"""Options that many commands have."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from starfort.cli import target
from starfort.cli.admin_client import AdminClient

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar="STARFORT_CONFIG",
        dir_okay=False,
        help="Configuration file. Default: ./starfort.yaml, else /etc/starfort/starfort.yaml.",
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        envvar="STARFORT_DATA_DIR",
        file_okay=False,
        help="Data directory of the Starfort to ask. Default: the configuration's.",
    ),
]
Url = Annotated[
    str,
    typer.Option(
        envvar="STARFORT_URL",
        help="Ask a Starfort elsewhere: its admin address. Needs an API token in STARFORT_TOKEN.",
    ),
]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="The most to show.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask whether you are sure.")]

_CONNECTION = {"config": (Config, None), "data_dir": (DataDir, None), "url": (Url, "")}


def online(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a command an `AdminClient` as first argument, and the options that say where the control plane is.

    Typer reads the options of a command from its signature, so the command gets one that names both kinds.

    Args:
        verb: takes the client, then its own arguments and options.
    """
    # The first argument is the client, which comes from here and not from the command line.
    own = list(inspect.signature(verb, eval_str=True).parameters.values())[1:]

    def command(**arguments: Any) -> None:
        where = [arguments.pop(name) for name in _CONNECTION]
        with AdminClient(target.find(*where)) as client:
            verb(client, **arguments)

    connection = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in _CONNECTION.items()
    ]
    # Arguments of the command line may come in any order, so all are keywords here.
    keyword = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
    signature = inspect.Signature([*keyword, *connection])
    command.__name__, command.__doc__, command.__module__ = verb.__name__, verb.__doc__, verb.__module__
    command.__signature__ = signature  # type: ignore[attr-defined]  # inspect reads it
    command.__annotations__ = {
        parameter.name: parameter.annotation for parameter in signature.parameters.values()
    }
    return command
