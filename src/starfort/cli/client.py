"""Talks to the REST API of a running Starfort."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx

from starfort.cli.errors import RefusedError, UnreachableError
from starfort.cli.target import TOKEN_VARIABLE, Target

PAGE: Final = 200
"""Items asked for at once: the most that the API gives."""

TIMEOUT_S: Final = 30.0
"""A query over much history takes some seconds; a reload waits for every filter."""


class Client:
    """The REST API.

    Args:
        target: where it is.

    Raises:
        UnreachableError: nobody listens on its Unix socket.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        if target.socket is not None:
            _knock(target.socket)
        transport = httpx.HTTPTransport(uds=str(target.socket)) if target.socket else None
        headers = {"Authorization": f"Bearer {target.token}"} if target.token else {}
        self._http = httpx.Client(
            base_url=f"{target.url or 'http://starfort'}/api/v1",
            transport=transport,
            headers=headers,
            timeout=TIMEOUT_S,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

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
        return self._send("POST", path, json=body, params=_given(parameters))

    def put(self, path: str, body: Any) -> Any:
        """The JSON that a PUT answers. Raises as `get`."""
        return self._send("PUT", path, json=body)

    def patch(self, path: str, body: Any) -> Any:
        """The JSON that a PATCH answers. Raises as `get`."""
        return self._send("PATCH", path, json=body)

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

    def _send(self, method: str, path: str, /, **arguments: Any) -> Any:
        try:
            answer = self._http.request(method, path, **arguments)
        except httpx.ConnectError as error:
            trust = "let SSL_CERT_FILE name a file with the authority of its certificate (admin.tls)"
            fix = trust if "CERTIFICATE_VERIFY_FAILED" in str(error) else "check the address"
            raise UnreachableError(f"no Starfort answers at {self._where}: {error}", fix) from error
        except httpx.TimeoutException as error:
            raise UnreachableError(
                f"{self._where} did not answer within {TIMEOUT_S:.0f} s",
                "look at its log; `starfort status` says what is slow",
            ) from error
        except httpx.TransportError as error:
            raise UnreachableError(f"{self._where} broke off: {error}", "look at its log") from error
        if answer.is_success:
            return answer.json() if answer.content else None
        raise _refusal(answer)

    @property
    def _where(self) -> str:
        return self.target.url or str(self.target.socket)


def _knock(path: Path) -> None:
    """Say why a Unix socket can't be connected to, while the reason is still known.

    Raises:
        UnreachableError: it can't.
    """
    with socket.socket(socket.AF_UNIX) as trial:
        try:
            trial.connect(str(path))
        except PermissionError as error:
            raise UnreachableError(
                f"{path} may not be opened", "run this as the user that runs starfort"
            ) from error
        except OSError as error:
            raise UnreachableError(
                f"no Starfort answers at {path}",
                "start it with `starfort up`, or name another with --config, --data-dir or --url",
            ) from error


def _given(parameters: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value is not None and value != ""}


def _refusal(answer: httpx.Response) -> RefusedError:
    """The error of an answer that is no success."""
    try:
        problem = answer.json()
        detail = str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        return RefusedError(
            f"{answer.request.url} answered {answer.status_code}, and not as Starfort does",
            "is this the address of a Starfort (admin.address)?",
        )
    fix = ""
    if answer.status_code == HTTPStatus.UNAUTHORIZED:
        fix = f"the token in {TOKEN_VARIABLE} is unknown or expired; make one with `starfort token create`"
    elif answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        fix = "look at the log of `starfort up`"
    return RefusedError(detail, fix)
