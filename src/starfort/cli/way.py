"""What both ways to the API share: the answer, and the errors of a connection."""

from __future__ import annotations

from dataclasses import dataclass

from starfort.cli.errors import UnreachableError


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the API.

    Attributes:
        status: HTTP status.
        body: as sent.
        url: the address that was asked, for messages.
    """

    status: int
    body: bytes
    url: str


def timed_out(where: str, timeout_s: float) -> UnreachableError:
    """No answer came in time."""
    return UnreachableError(
        f"{where} did not answer within {timeout_s:.0f} s",
        "look at its log; `starfort status` says what is slow",
    )


def broke_off(where: str, error: Exception) -> UnreachableError:
    """The connection ended before an answer came."""
    return UnreachableError(f"{where} broke off: {str(error) or type(error).__name__}", "look at its log")
