"""Fetches a document by HTTPS."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import httpcore

from starfort.config.documents import UrlDocument
from starfort.contracts.resolver import MAX_DOCUMENT_BYTES
from starfort.contracts.sources.addresses import checked
from starfort.contracts.sources.kept import FetchError

MAX_TIME_S: Final = 120.0
"""How long one document may take: 100 MB come within it at 1 MB/s."""

WAIT_S: Final = 10.0
"""How long one connection, or one piece of an answer, is waited for."""


class _Checked(httpcore.NetworkBackend):
    """Connects to addresses that were checked, and to no others."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = networks
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that answers; the name is resolved once, here."""
        addresses = checked(host, port, self._networks)
        for address in addresses[:-1]:
            try:
                return self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.NetworkError:
                continue
        return self._inner.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

    def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.NetworkStream:
        """Nothing is fetched from sockets of this machine."""
        raise FetchError("a document is fetched by https only")


def fetch(document: UrlDocument, known: str, target: Path) -> str | None:
    """Write a document to a file.

    Args:
        document: where it is.
        known: version of the copy that is there, or "".
        target: the file.

    Returns:
        The version of what was written; `None` when the copy that is there is still right.

    Raises:
        FetchError: it cannot be had, is too large, or took too long.
    """
    headers = {
        "user-agent": "starfort",
        "accept": "application/json, application/yaml, */*",
        "accept-encoding": "identity",
    }
    if known:
        headers["if-none-match"] = known
    if document.authorization_env is not None:
        headers["authorization"] = _secret(document.authorization_env)
    limits = {"connect": WAIT_S, "read": WAIT_S, "write": WAIT_S, "pool": WAIT_S}
    context = ssl.create_default_context(cafile=str(document.ca) if document.ca else None)
    try:
        with (
            httpcore.ConnectionPool(context, network_backend=_Checked(document.networks)) as pool,
            pool.stream(
                "GET", document.url, headers=list(headers.items()), extensions={"timeout": limits}
            ) as answer,
        ):
            return _take(answer, target)
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
        raise FetchError(f"no answer: {str(error)[:200] or type(error).__name__}") from error
    except (OSError, UnicodeError, ValueError) as error:
        raise FetchError(str(error)[:200]) from error


def _take(answer: httpcore.Response, target: Path) -> str | None:
    headers = {name.lower(): value.decode("latin-1") for name, value in answer.headers}
    if answer.status == 304:  # noqa: PLR2004 (Not Modified)
        return None
    if 300 <= answer.status < 400:  # noqa: PLR2004 (a redirect)
        raise FetchError(f"it answers {answer.status}: write the address that it leads to")
    if answer.status != 200:  # noqa: PLR2004 (OK)
        raise FetchError(f"it answers {answer.status}")
    if headers.get(b"content-encoding", "identity").lower() != "identity":
        raise FetchError("it is compressed although that was not asked for")
    end, left = time.monotonic() + MAX_TIME_S, MAX_DOCUMENT_BYTES
    with target.open("wb") as file:
        for piece in answer.iter_stream():
            left -= len(piece)
            if left < 0:
                raise FetchError(f"it is larger than {MAX_DOCUMENT_BYTES >> 20} MiB")
            if time.monotonic() > end:
                raise FetchError(f"it took longer than {MAX_TIME_S:.0f} s")
            file.write(piece)
    return headers.get(b"etag", "")[:200]


def _secret(name: str) -> str:
    value = os.environ.get(name, "")
    if not value or not value.isprintable():
        raise FetchError(f"the environment variable {name} is not set, or holds no header's value")
    return value
