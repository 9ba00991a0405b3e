"""Talks to the REST API of a running Starfort."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self
from urllib.parse import quote, urlencode

from starfort.cli.errors import RefusedError, UnreachableError
from starfort.cli.target import TOKEN_VARIABLE, Target

PAGE: Final = 200
"""Items asked for at once: the most that the API gives."""

TIMEOUT_S: Final = 30.0
"""A query over much history takes some seconds; a reload waits for every filter."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: HTTP status.
        body: as sent.
        url: what was asked, for messages.
    """

    status: int
    body: bytes
    url: str


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
            from starfort.cli.remote import Remote

            self._way = Remote(target, TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._way.close()

    def get(self, path: str, /, **parameters: Any) -> Any:
        """The JSON that a GET answers.

        Args:
            path: below `/api/v1`.
            parameters: query; `None` and "" are left out.

        Raises:
            UnreachableError: nobody answers.
            RefusedError: the answer is an error.
        """
        return self._send("GET", path, params=_given(parameters))

    def post(self, path: str, body: Any = None, /, **parameters: Any) -> Any:
        """The JSON that a POST answers. Raises as `get`."""
        return self._send("POST", path, params=_given(parameters), json=body)

    def put(self, path: str, body: Any) -> Any:
        """The JSON that a PUT answers. Raises as `get`."""
        return self._send("PUT", path, params={}, json=body)

    def patch(self, path: str, body: Any) -> Any:
        """The JSON that a PATCH answers. Raises as `get`."""
        return self._send("PATCH", path, params={}, json=body)

    def delete(self, path: str, /, **parameters: Any) -> None:
        """Send a DELETE. Raises as `get`."""
        self._send("DELETE", path, params=_given(parameters))

    def pages(self, path: str, most: int, /, **parameters: Any) -> Iterator[Any]:
        """Items of a list with `limit` and `offset`, page by page.

        Args:
            path: below `/api/v1`.
            most: how many at most.
            parameters: query.
        """
        offset = 0
        while offset < most:
            limit = min(PAGE, most - offset)
            items = self.get(path, **parameters, limit=limit, offset=offset)["items"]
            yield from items
            offset += limit
            if len(items) < limit:
                return

    def _send(self, method: str, path: str, *, params: dict[str, Any], json: Any = None) -> Any:
        # Ids and names come from the command line: nothing in them may reach into the query.
        where = "/api/v1" + quote(path, safe="/:@!$&'()*+,;=~")
        if params:
            where += "?" + urlencode(params, doseq=True)
        answer = self._way.send(method, where, None if json is None else _dump(json))
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return _load(answer.body) if answer.body else None
        raise _refusal(answer)


class _Unix(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("starfort", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        """Connect, or say why not while the reason is still known.

        Raises:
            UnreachableError: it can't.
        """
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

    By the standard library: a client that can do more takes a tenth of a second of CPU to import.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = _Unix(path)
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


def timed_out(where: str, timeout_s: float) -> UnreachableError:
    """No answer came in time."""
    return UnreachableError(
        f"{where} did not answer within {timeout_s:.0f} s",
        "look at its log; `starfort status` says what is slow",
    )


def broke_off(where: str, error: Exception) -> UnreachableError:
    """The connection ended before an answer came."""
    return UnreachableError(f"{where} broke off: {str(error) or type(error).__name__}", "look at its log")


def _dump(value: Any) -> bytes:
    return json.dumps(value).encode()


def _load(body: bytes) -> Any:
    return json.loads(body)


def _given(parameters: dict[str, Any]) -> dict[str, Any]:
    return {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in parameters.items()
        if value is not None and value != ""
    }


def _refusal(answer: Answer) -> RefusedError:
    """The error of an answer that is no success."""
    try:
        problem = _load(answer.body)
        detail = str(problem["detail"])
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
