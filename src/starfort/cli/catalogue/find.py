"""Finds the endpoint that a person means, by its id or by method and path."""

from __future__ import annotations

import difflib
import re
from typing import Final

from starfort.cli.admin_client import AdminClient
from starfort.cli.answers import Endpoint
from starfort.cli.errors import FoundError, UsageError

MOST: Final = 1_000
"""Endpoints of the catalogue that are compared: five pages of the API."""

_ID: Final = re.compile(r"[0-9a-f]{1,64}")
_WRITTEN: Final = re.compile(r"(?:(?P<method>[A-Za-z]+|\*)\s+)?(?:https?://)?(?P<host>[^/\s]*)(?P<path>/\S*)")
_PARAMETER: Final = re.compile(r"\{[^{}]*\}|:[A-Za-z_]\w*|<[^<>]*>")


def endpoint_id(client: AdminClient, given: str) -> str:
    """The id of the endpoint that a person means.

    Args:
        client: asks the catalogue.
        given: an id, `METHOD /path/{template}` with or without the host, or a path that was called;
            parameters may have any name.

    Raises:
        UsageError: it is neither.
        FoundError: the catalogue has none, or several.
    """
    given = given.strip()
    # An id is not looked up: the command that follows asks for it, and says when there is none.
    if _ID.fullmatch(given):
        return given
    written = _WRITTEN.fullmatch(given)
    if written is None:
        raise UsageError(f"{given!r} is no endpoint", 'write its id, or method and path: "GET /notes/{id}"')
    method, host, path = (written["method"] or "").upper(), written["host"].lower(), written["path"]
    # The API narrows the list by words; paths are compared here, since their parameters may have any name.
    every: list[Endpoint] = list(client.pages("/catalogue", MOST, search=f"{method} {host}".strip()))
    here = [each for each in every if method in {"", "*", each["method"]} and host in {"", each["host"]}]
    found = [each for each in here if _shape(each["path"]) == _shape(path)]
    # A template is more exact than a path that was called, which may belong to several templates.
    found = found or [each for each in here if _covers(each["path"], path.partition("?")[0])]
    if len(found) == 1:
        return found[0]["id"]
    if found:
        listed = "\n".join(f"- {each['id']}  {_name(each)} ({each['api']})" for each in found[:20])
        raise FoundError(f"{len(found)} endpoints are called {given!r}:\n{listed}", "name one by its id")
    names = {_name(each, host=bool(host)): each for each in every}
    close = difflib.get_close_matches(f"{method} {host}{path}".strip(), names, 3)
    fix = (
        f"did you mean {' or '.join(map(repr, close))}?"
        if close
        else "`starfort catalogue list` has all of them"
    )
    raise FoundError(f"the catalogue has no endpoint {given!r}", fix)


def _name(endpoint: Endpoint, *, host: bool = True) -> str:
    return f"{endpoint['method']} {endpoint['host'] if host else ''}{endpoint['path']}"


def _shape(path: str) -> str:
    """A template without the names of its parameters: `{id}`, `:id` and `<id>` are the same."""
    return _PARAMETER.sub("{}", path).rstrip("/") or "/"


def _covers(template: str, path: str) -> bool:
    """Whether a path that was called belongs to a template."""
    parts, given = template.strip("/").split("/"), path.strip("/").split("/")
    return len(parts) == len(given) and all(
        _matches(part, segment) for part, segment in zip(parts, given, strict=True)
    )


def _matches(part: str, segment: str) -> bool:
    pattern = "[^/]+".join(map(re.escape, _PARAMETER.split(part)))
    return re.fullmatch(pattern, segment) is not None
