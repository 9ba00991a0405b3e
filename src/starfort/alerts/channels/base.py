"""The interface of a channel, and its error."""

from __future__ import annotations

from typing import Protocol

from starfort.alerts.model import Alert


class DeliveryError(Exception):
    """An alert did not arrive.

    Attributes:
        permanent: whether another try would fail in the same way.
    """

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        super().__init__(reason)
        self.permanent = permanent


class Channel(Protocol):
    """A way on which alerts leave."""

    @property
    def name(self) -> str:
        """Its name in metrics, logs and status; it holds no secrets."""

    async def send(self, alert: Alert) -> None:
        """Deliver one alert.

        Raises:
            DeliveryError: it did not arrive.
        """

    async def close(self) -> None:
        """Let go of connections and files."""
