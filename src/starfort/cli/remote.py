"""The REST API of a Starfort elsewhere, over TLS and through the proxies that the environment names."""

from __future__ import annotations

import httpx

from starfort.cli.errors import UnreachableError
from starfort.cli.target import Target
from starfort.cli.way import Answer, broke_off, timed_out


class Remote:
    """A Starfort that `--url` names.

    Args:
        target: its address and the token.
        timeout_s: how long an answer may take.
    """

    def __init__(self, target: Target, timeout_s: float) -> None:
        self._url, self._timeout_s = target.url, timeout_s
        headers = {"Authorization": f"Bearer {target.token}"}
        self._http = httpx.Client(base_url=target.url, headers=headers, timeout=timeout_s)

    def send(self, method: str, path: str, body: bytes | None) -> Answer:
        """Send one request.

        Raises:
            UnreachableError: no answer came.
        """
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            found = self._http.request(method, path, content=body, headers=headers)
        except httpx.ConnectError as error:
            # httpx has no exception of its own for a certificate that is not trusted.
            trust = "let SSL_CERT_FILE name a file with the authority of its certificate (admin.tls)"
            fix = trust if "CERTIFICATE_VERIFY_FAILED" in str(error) else "check the address"
            raise UnreachableError(f"no Starfort answers at {self._url}: {error}", fix) from error
        except httpx.TimeoutException as error:
            raise timed_out(self._url, self._timeout_s) from error
        except httpx.TransportError as error:
            raise broke_off(self._url, error) from error
        return Answer(found.status_code, found.content, str(found.request.url))

    def close(self) -> None:
        """Close connections."""
        self._http.close()
