"""The servers of documents, and the base paths that they give."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import unquote, urlsplit

from starfort.contracts.model import Server, ServerVariable

MAX_SERVERS: Final = 64
"""How many servers of one list are read at most."""

MAX_PATHS: Final = 64
"""How many base paths one list of servers gives at most: each multiplies the endpoints of its API."""

MAX_VALUES: Final = 1000
"""How many values of one variable are read at most."""


def read(found: object) -> tuple[Server, ...] | None:
    """The servers of a Server list (OpenAPI 3.1.0, Server Object); `None` when there is no list."""
    if not isinstance(found, list) or not found:
        return None
    servers = []
    for one in found[:MAX_SERVERS]:
        if isinstance(one, dict) and isinstance(one.get("url"), str):
            variables = one.get("variables")
            known = variables if isinstance(variables, dict) else {}
            servers.append(
                Server(
                    one["url"],
                    {str(name): _variable(value) for name, value in known.items() if isinstance(value, dict)},
                )
            )
    return tuple(servers)


def _variable(found: dict[str, object]) -> ServerVariable:
    values = found.get("enum")
    listed = tuple(map(str, values[:MAX_VALUES])) if isinstance(values, list) else ()
    # A default that is missing is a mistake, and the first of the listed values does as well.
    default = str(found.get("default", listed[0] if listed else ""))
    return ServerVariable(default, listed if not listed or default in listed else (default, *listed))


def base_paths(servers: Iterable[Server]) -> tuple[str, ...]:
    """The different base paths of servers: for each variable its default, or each of its values if listed.

    Returns:
        Without a slash at the end, "" for the root; never empty, at most `MAX_PATHS`, those of defaults
        first.
    """
    found: dict[str, None] = {}
    for server in servers:
        for url in _urls(server):
            path = _path(url)
            if path is not None:
                found.setdefault(path)
            if len(found) >= MAX_PATHS:
                return tuple(found)
    return tuple(found) or ("",)


def _urls(server: Server) -> Iterator[str]:
    """The URLs of a server, one for each choice of the values that its path depends on."""
    # What only the host depends on makes no base path, so the default of it is enough.
    rest = re.sub(r"^(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/]*", "", server.url)
    named = [
        name
        for name, variable in server.variables.items()
        if f"{{{name}}}" in rest or any("/" in value for value in variable.values)
    ]
    choices = [
        dict.fromkeys((server.variables[name].default, *server.variables[name].values)) for name in named
    ]
    for values in itertools.islice(itertools.product(*choices), MAX_PATHS * 4):
        url = server.url
        for name, value in zip(named, values, strict=True):
            url = url.replace(f"{{{name}}}", value)
        for name, variable in server.variables.items():
            url = url.replace(f"{{{name}}}", variable.default)
        yield url


def _path(url: str) -> str | None:
    """The path of a URL; `None` when it cannot be read or has a variable that is nowhere defined."""
    try:
        path = unquote(urlsplit(url).path).rstrip("/")
    except ValueError:
        return None
    if "{" in path:
        return None
    # A relative server URL counts from where the document is served, which nobody knows here: the root.
    return f"/{path}" if path and not path.startswith("/") else path
