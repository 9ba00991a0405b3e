"""Makes the Envoy supervisor the runtime's `Proxy`: its errors and its status become the runtime's."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from starfort.base.tasks import Failures
from starfort.compile.dataplane import ADMIN_SOCKET
from starfort.dataplane import ir
from starfort.dataplane.envoy.errors import EnvoyError
from starfort.dataplane.supervisor import EnvoySupervisor
from starfort.runtime.lock import StartError
from starfort.runtime.status import EnvoyStatus
from starfort.runtime.toolchain import RefusedError


class Proxy(Protocol):
    """The operations that the runtime needs from the proxy. `EnvoyProxy` is the real one.

    Attributes:
        failures: how often the work that watches it failed, by name.
    """

    failures: dict[str, Failures]

    @property
    def found(self) -> bool:
        """Whether `start` found a proxy that served already."""

    async def start(self, dataplane: ir.Dataplane) -> None:
        """Write its configuration and start it."""

    async def apply(self, dataplane: ir.Dataplane) -> None:
        """Bring a changed configuration into force without dropping a connection."""

    async def stop(self) -> None:
        """Drain and end it."""

    async def leave(self) -> None:
        """Let it run on; another `start` takes it over."""

    def status(self) -> EnvoyStatus:
        """Its state."""

    async def metrics(self) -> bytes:
        """Envoy's own metrics as Prometheus text, empty when it does not answer."""


class EnvoyProxy:
    """The Envoy child of a data directory.

    Args:
        data_dir: where it keeps its files.
    """

    def __init__(self, data_dir: Path) -> None:
        self._supervisor = EnvoySupervisor(data_dir)
        self.failures: dict[str, Failures] = self._supervisor.failures

    @property
    def found(self) -> bool:
        """Whether `start` found an Envoy that served already."""
        return self._supervisor.found

    async def start(self, dataplane: ir.Dataplane) -> None:
        """Start it, or take over the one that runs here already.

        Raises:
            StartError: it can't be started, or refuses its configuration.
        """
        # Only Envoy's errors are translated; `Runtime.start` explains errors of the disk.
        try:
            await self._supervisor.start(dataplane)
        except EnvoyError as error:
            raise StartError(str(error)) from error

    async def apply(self, dataplane: ir.Dataplane) -> None:
        """Bring a changed configuration into force.

        Raises:
            RefusedError: Envoy refuses it; the old configuration is in force.
        """
        try:
            await self._supervisor.apply(dataplane)
        except EnvoyError as error:
            raise RefusedError([str(error)]) from error

    async def stop(self) -> None:
        """Drain and end it."""
        await self._supervisor.stop()

    async def leave(self) -> None:
        """Let it run on; another `start` takes it over."""
        await self._supervisor.leave()

    def status(self) -> EnvoyStatus:
        """Its state."""
        return self._supervisor.status()

    async def metrics(self) -> bytes:
        """Envoy's own metrics as Prometheus text, empty when it does not answer."""
        return await self._supervisor.metrics()


async def end_left_envoy(data_dir: Path) -> bool:
    """Drain and end an Envoy that a killed control plane left running; false when there is none.

    Args:
        data_dir: the data directory of that control plane, which no longer runs.
    """
    return await EnvoySupervisor(data_dir).end_left(data_dir / ADMIN_SOCKET)
