"""Talks to the REST API of a running Starfort.

`AdminClient` is the API. `_Local` and `remote.Remote` are the two ways to reach it: a Unix socket and HTTPS.
Answers of the API are JSON; each command says which type of `answers.py` it reads.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self
from urllib.parse import quote, urlencode

from starfort.cli.answers import Page
from starfort.cli.errors import RefusedError, UnreachableError
from starfort.cli.target import TOKEN_VARIABLE, Target
from starfort.cli.way import Answer, broke_off, timed_out

Parameter = str | int | bool | None
"""A value of a query; `None` and "" stand for a parameter that is not given."""

PAGE: Final = 200
"""Items to ask for at once: the most that the API gives (`api.paging.MAX_LIMIT`)."""

TIMEOUT_S: Final = 30.0
"""How long an answer may take. A query over much history takes seconds; a reload waits for every filter."""


class _Way(Protocol):
    """How requests get to the API."""

    def send(self, method: str, path: str, body: bytes | None) -> Answer:
        """Send one request.

        Raises:
            UnreachableError: no answer came.
        """

    def close(self) -> None:
        """Close connections."""


class AdminClient:
    """The REST API.

    Args:
        target: where it is.

    Raises:
        UnreachableError: nobody listens on its Unix socket.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        if target.socket is not None:
            self._way: _Way = _Local(target.socket)
        else:
            # Only here: httpx is the larger part of what `--url` costs.
            from starfort.cli.remote import Remote

            self._way = Remote(target, TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._way.close()

    def get(self, path: str, /, **parameters: Parameter) -> Any:
        """The JSON that a GET answers; the caller says which type of `answers.py` it has.

        Args:
            path: below `/api/v1`.
            parameters: query; `None` and "" are left out.

        Raises:
            UnreachableError: nobody answers.
            RefusedError: the answer is an error.
        """
        return self._send("GET", path, params=_given(parameters))

    def post(self, path: str, body: object = None, /, **parameters: Parameter) -> Any:
        """The JSON that a POST answers. Raises as `get`."""
        return self._send("POST", path, params=_given(parameters), body=body)

    def put(self, path: str, body: object) -> Any:
        """The JSON that a PUT answers. Raises as `get`."""
        return self._send("PUT", path, params={}, body=body)

    def patch(self, path: str, body: object) -> Any:
        """The JSON that a PATCH answers. Raises as `get`."""
        return self._send("PATCH", path, params={}, body=body)

    def delete(self, path: str, /, **parameters: Parameter) -> None:
        """Send a DELETE. Raises as `get`."""
        self._send("DELETE", path, params=_given(parameters))

    def pages(self, path: str, most: int, /, **parameters: Parameter) -> Iterator[Any]:
        """The items of a list with `limit` and `offset`, page by page.

        Args:
            path: below `/api/v1`.
            most: the most items to ask for.
            parameters: query; `None` and "" are left out.
        """
        offset = 0
        while offset < most:
            limit = min(PAGE, most - offset)
            items = self.get(path, **parameters, limit=limit, offset=offset)["items"]
            yield from items
            offset += limit
            # Their number may change meanwhile, so the end is a page that is not full.
            if len(items) < limit:
                return

    def latest(self, path: str, most: int, /, **parameters: Parameter) -> Iterator[Any]:
        """The items of a list that goes on at `before`, latest first, page by page.

        Args:
            path: below `/api/v1`.
            most: the most items to ask for.
            parameters: query; `None` and "" are left out.
        """
        # A page goes on behind an event and not after a number of rows, which new events would shift.
        before: str | None = None
        while most > 0:
            page: Page[object] = self.get(path, **parameters, limit=min(PAGE, most), before=before)
            yield from page["items"]
            most -= len(page["items"])
            before = page["next"]
            if before is None:
                return

    def _send(self, method: str, path: str, *, params: Mapping[str, Parameter], body: object = None) -> Any:
        # Ids and names come from the command line: a "?" or "#" in one must not begin a query or fragment.
        where = "/api/v1" + quote(path, safe="/:@!$&'()*+,;=~")
        if params:
            where += "?" + urlencode(params, doseq=True)
        # One connection for the whole command: a list of many pages asks often.
        answer = self._way.send(method, where, None if body is None else json.dumps(body).encode())
        # 204 has no body (RFC 9110, 15.3.5).
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return json.loads(answer.body) if answer.body else None
        raise _refusal(answer)


class _Unix(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        # HTTP/1.1 wants a Host header (RFC 9112, 3.2); no name is resolved, since `connect` uses the socket.
        super().__init__("starfort", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        """Connect, or say why not while the reason is still known.

        Raises:
            UnreachableError: nobody listens, or the socket may not be opened.
        """
        # http.client would wrap every failure in one error without the reason.
        trial = socket.socket(socket.AF_UNIX)
        trial.settimeout(TIMEOUT_S)
        try:
            trial.connect(str(self._path))
        except PermissionError as error:
            trial.close()
            raise UnreachableError(
                f"{self._path} may not be opened", "run this as the user that runs starfort"
            ) from error
        except OSError as error:
            trial.close()
            raise UnreachableError(
                f"no Starfort answers at {self._path}",
                "start it with `starfort up`, or name another with --config, --data-dir or --url",
            ) from error
        self.sock = trial


class _Local:
    """The Starfort of this machine, through its Unix socket.

    It uses the standard library, because importing httpx takes a tenth of a second of CPU.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = _Unix(path)
        # Connected before the first request, so that a command fails before it asks for a password.
        self._connection.connect()

    def send(self, method: str, path: str, body: bytes | None) -> Answer:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
            return Answer(response.status, response.read(), f"{self._path}: {path}")
        except TimeoutError as error:
            raise timed_out(str(self._path), TIMEOUT_S) from error
        except (OSError, http.client.HTTPException) as error:
            raise broke_off(str(self._path), error) from error

    def close(self) -> None:
        self._connection.close()


def _given(parameters: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """The parameters that were given, as the API writes them: its booleans are lower case."""
    return {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in parameters.items()
        if value is not None and value != ""
    }


def _refusal(answer: Answer) -> RefusedError:
    """The error that an unsuccessful answer becomes."""
    try:
        problem = json.loads(answer.body)
        detail = str(problem["detail"])
    # A proxy, or another server under that address, answers HTML or other JSON.
    except (ValueError, KeyError, TypeError):
        return RefusedError(
            f"{answer.url} answered {answer.status}, and not as Starfort does",
            "is this the address of a Starfort (admin.address)?",
        )
    fix = ""
    if answer.status == HTTPStatus.UNAUTHORIZED:
        fix = f"the token in {TOKEN_VARIABLE} is unknown or expired; make one with `starfort token create`"
    elif answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        fix = "look at the log of `starfort up`"
    return RefusedError(detail, fix)
