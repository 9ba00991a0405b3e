"""Talks to the REST API of a running Starfort."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from http import HTTPStatus
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
    """

    def __init__(self, target: Target) -> None:
        self.target = target
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

    def get(self, path: str, **parameters: Any) -> Any:
        """The JSON that a GET answers.

        Args:
            path: below `/api/v1`.
            parameters: query; `None` and "" are left out.

        Raises:
            UnreachableError: nobody answers.
            RefusedError: the answer is an error.
        """
        return self._send("GET", path, params=_given(parameters))

    def post(self, path: str, body: Any = None, **parameters: Any) -> Any:
        """The JSON that a POST answers. Raises as `get`."""
        return self._send("POST", path, json=body, params=_given(parameters))

    def patch(self, path: str, body: Any) -> Any:
        """The JSON that a PATCH answers. Raises as `get`."""
        return self._send("PATCH", path, json=body)

    def delete(self, path: str, **parameters: Any) -> None:
        """Send a DELETE. Raises as `get`."""
        self._send("DELETE", path, params=_given(parameters))

    def pages(self, path: str, most: int, **parameters: Any) -> Iterator[Any]:
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

    def _send(self, method: str, path: str, **arguments: Any) -> Any:
        try:
            answer = self._http.request(method, path, **arguments)
        except httpx.ConnectError as error:
            raise self._unreachable(error) from error
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

    def _unreachable(self, error: Exception) -> UnreachableError:
        if self.target.socket is None:
            return UnreachableError(f"no Starfort answers at {self.target.url}: {error}", "check the address")
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, OSError):
            cause = cause.__cause__ or cause.__context__
        if isinstance(cause, OSError) and cause.errno in {errno.EACCES, errno.EPERM}:
            return UnreachableError(
                f"{self.target.socket} may not be opened", "run this as the user that runs starfort"
            )
        return UnreachableError(
            f"no Starfort answers at {self.target.socket}",
            "start it with `starfort up`, or name another with --config, --data-dir or --url",
        )


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
