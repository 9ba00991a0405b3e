"""Starts Envoy, watches it, starts it again when it dies, and brings changed configurations into force.

Envoy outlives this process (docs/adr/0007): it is found again by its process id file, and taken over when
program, filter and bootstrap are the same; else it is drained and another is started.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import os
import signal
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from starfort.dataplane import ir
from starfort.dataplane.envoy import binary, process
from starfort.dataplane.envoy.admin import Admin
from starfort.dataplane.envoy.errors import EnvoyError
from starfort.dataplane.envoy.messages import Json
from starfort.dataplane.envoy.process import Command, Process
from starfort.dataplane.envoy.publish import Publisher
from starfort.dataplane.envoy.resources import Resources, render
from starfort.dataplane.files import write_json

LISTENER_DRAIN_S: Final = 600
"""How long connections of a changed listener may live on; each is asked to close with its next answer."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the supervisor waits for what. All in seconds.

    Attributes:
        accept_s: for Envoy to take a configuration.
        drain_s: for requests under way to end before Envoy is ended.
        end_s: for Envoy to end when told to, before it is killed.
        restart_s: before the first restart; doubled with each that follows soon.
        longest_restart_s: at most before a restart.
        stable_s: an Envoy that ran this long begins at `restart_s` again.
        log_every_s: between looks at the log's size.
    """

    accept_s: float = 30.0
    drain_s: float = 10.0
    end_s: float = 5.0
    restart_s: float = 0.1
    longest_restart_s: float = 30.0
    stable_s: float = 10.0
    log_every_s: float = 5.0


@dataclass(frozen=True, slots=True)
class SupervisorStatus:
    """How Envoy is.

    Attributes:
        state: `stopped`, `starting`, `running`, `backoff`.
        pid: its process id, 0 when it does not run.
        restarts: restarts since start.
        last_error: why it ended or did not start last, "" when it did not.
    """

    state: str
    pid: int
    restarts: int
    last_error: str = ""


class EnvoySupervisor:
    """One Envoy for one data directory.

    Args:
        data_dir: where process id file and log are.
        _config: not needed; the data plane says it all.
        patience: how long it waits.
        envoy: another Envoy than the installed one.
        modules: another directory of the filter than this package's.
    """

    def __init__(
        self,
        data_dir: Path,
        _config: object = None,
        *,
        patience: Patience = Patience(),
        envoy: Path | None = None,
        modules: Path | None = None,
    ) -> None:
        self._log_file = data_dir / "envoy" / "envoy.log"
        self._pid_file = data_dir / "run" / "envoy.json"
        self._patience = patience
        self._programs = (envoy, modules)
        self._turn = asyncio.Lock()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._process: Process | None = None
        self._dataplane: ir.Dataplane | None = None
        self._state = "stopped"
        self._restarts = 0
        self._last_error = ""
        self._started_at = 0.0

    async def start(self, envoy: ir.Dataplane) -> None:
        """Take over the Envoy that runs here already, or write its configuration and start one.

        Returns when it takes requests.

        Raises:
            EnvoyError: it can't be started or refuses the configuration; none runs then.
            OSError: a file can't be written.
        """
        async with self._turn:
            self._state = "starting"
            try:
                await self._take_over_or_start(envoy)
            except BaseException:
                self._state = "stopped"
                await self._end_now()
                raise
            self._dataplane, self._state = envoy, "running"
            self._tasks = [asyncio.create_task(self._watch()), asyncio.create_task(self._tend_log())]

    async def apply(self, envoy: ir.Dataplane) -> None:
        """Bring a changed configuration into force without dropping a connection.

        While Envoy is down the files are written and it is started at once.

        Raises:
            EnvoyError: Envoy refuses it; what was before is in force.
            OSError: a file can't be written; the same.
        """
        async with self._turn:
            resources = await asyncio.to_thread(render, envoy)
            known = self._listening()
            _ports_free([one for one in envoy.listeners if one.address not in known])
            running = self._process
            if running is not None and running.alive():
                await self._publisher(envoy).publish(resources.files, running.alive)
            else:
                await asyncio.to_thread(self._write, envoy, resources)
            command = self._command(envoy, resources, await asyncio.to_thread(binary.find, *self._programs))
            if running is not None and command.identity != running.identity:
                log.warning("envoy_needs_restart", why="node, workers, connections or memory changed")
            self._dataplane = envoy
            self._wake.set()

    async def stop(self) -> None:
        """Let requests end, up to a limit, and end Envoy. Safe when it does not run."""
        await self._end_tasks()
        async with self._turn:
            if self._process is not None and self._dataplane is not None:
                await self._drain(Admin(self._dataplane.admin_socket), self._process)
            await self._end_now()
            self._state = "stopped"

    async def end_left(self, admin_socket: Path) -> bool:
        """Drain and end an Envoy that an earlier control plane left running; false when there is none.

        Args:
            admin_socket: Unix socket of its administration interface.
        """
        async with self._turn:
            self._process = await asyncio.to_thread(Process.find, self._pid_file)
            if self._process is None:
                return False
            await self._drain(Admin(admin_socket), self._process)
            await self._end_now()
            return True

    async def leave(self) -> None:
        """Let Envoy run on without us, as when this process is killed; `start` takes it over again."""
        await self._end_tasks()
        async with self._turn:
            if self._process is not None:
                self._process.close()
            self._process, self._state = None, "stopped"

    def status(self) -> SupervisorStatus:
        """How Envoy is."""
        pid = self._process.pid if self._process is not None else 0
        return SupervisorStatus(self._state, pid, self._restarts, self._last_error)

    async def metrics(self) -> bytes:
        """Envoy's own metrics as Prometheus text, empty when it does not answer."""
        if self._process is None or self._dataplane is None:
            return b""
        return await Admin(self._dataplane.admin_socket).metrics()

    async def addresses(self) -> dict[str, tuple[str, int]]:
        """Where each listener listens: address and port, also where any free port was asked for."""
        return await Admin(self._dataplane.admin_socket).listeners() if self._dataplane else {}

    async def _take_over_or_start(self, envoy: ir.Dataplane) -> None:
        programs = await asyncio.to_thread(binary.find, *self._programs)
        resources = await asyncio.to_thread(render, envoy)
        command = self._command(envoy, resources, programs)
        found = await asyncio.to_thread(Process.find, self._pid_file)
        if found is not None and found.identity == command.identity:
            try:
                await self._publisher(envoy).publish(resources.files, found.alive)
            except BaseException:
                found.close()  # it goes on as it was
                raise
            self._process, self._started_at = found, time.monotonic()
            log.info("envoy_taken_over", pid=found.pid)
            return
        if found is not None:
            log.info("envoy_replaced", pid=found.pid, why="program, filter or bootstrap changed")
            self._process = found
            await self._drain(Admin(envoy.admin_socket), found)
            await self._end_now()
        await asyncio.to_thread(self._write, envoy, resources)
        await self._spawn(envoy, command)

    async def _spawn(self, envoy: ir.Dataplane, command: Command) -> None:
        """Start one with the files as they are.

        Raises:
            EnvoyError: it ends, or refuses them; it does not run then.
        """
        _ports_free(envoy.listeners)
        mark = process.size(command.log)
        self._process = await asyncio.to_thread(Process.start, command)
        self._started_at = time.monotonic()
        publisher = self._publisher(envoy)
        files = await asyncio.to_thread(publisher.read)
        try:
            await publisher.accepted(files, self._process.alive, 0, mark)
        except BaseException:
            await self._end_now()
            raise
        log.info("envoy_started", pid=self._process.pid)

    def _write(self, envoy: ir.Dataplane, resources: Resources) -> None:
        write_json(_bootstrap_file(envoy), resources.bootstrap)
        publisher = self._publisher(envoy)
        publisher.write(resources.files)
        publisher.tidy(resources.files)

    def _publisher(self, envoy: ir.Dataplane) -> Publisher:
        return Publisher(envoy.directory, Admin(envoy.admin_socket), self._log_file, self._patience.accept_s)

    def _command(self, envoy: ir.Dataplane, resources: Resources, programs: binary.Binary) -> Command:
        workers = envoy.workers or len(os.sched_getaffinity(0))
        arguments = (
            str(programs.envoy),
            "--config-path", str(_bootstrap_file(envoy)),
            "--concurrency", str(workers),
            "--log-level", "warning",
            "--drain-strategy", "immediate",
            "--drain-time-s", str(LISTENER_DRAIN_S),
            "--disable-hot-restart",
        )  # fmt: skip
        identity: list[str | Json] = [programs.build, *arguments, resources.bootstrap]
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
        return Command(arguments, programs.modules, self._log_file, self._pid_file, digest)

    def _listening(self) -> set[ir.SocketAddress]:
        return {one.address for one in self._dataplane.listeners} if self._dataplane else set()

    async def _watch(self) -> None:
        """Start Envoy again whenever it has ended, until cancelled."""
        delay = self._patience.restart_s
        while True:
            if self._process is not None:
                how = await self._process.ended()
                self._last_error = f"Envoy {how or 'ended'}"
                log.error("envoy_ended", pid=self._process.pid, how=how)
                self._process.close()
                self._process, self._state = None, "backoff"
                if time.monotonic() - self._started_at >= self._patience.stable_s:
                    delay = self._patience.restart_s
            self._wake.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), delay)
            delay = min(delay * 2, self._patience.longest_restart_s)
            await self._restart()

    async def _restart(self) -> None:
        async with self._turn:
            envoy = self._dataplane
            if envoy is None or self._process is not None:
                return
            self._restarts += 1
            try:
                programs = await asyncio.to_thread(binary.find, *self._programs)
                resources = await asyncio.to_thread(render, envoy)
                await asyncio.to_thread(self._write, envoy, resources)
                await self._spawn(envoy, self._command(envoy, resources, programs))
            except (EnvoyError, OSError) as error:
                self._last_error = str(error)
                log.warning("envoy_restart_failed", error=str(error))
                return
            self._state = "running"

    async def _drain(self, admin: Admin, running: Process) -> None:
        """Ask clients to leave, then take no new ones, and wait for requests under way; at most `drain_s`."""
        half = self._patience.drain_s / 2
        await admin.post("/healthcheck/fail")
        await admin.post("/drain_listeners?graceful&skip_exit")
        if not await _idle(admin, running, half):
            await admin.post("/drain_listeners")
            if not await _idle(admin, running, half):
                log.warning("envoy_requests_cut", requests=await admin.active_requests())

    async def _end_now(self) -> None:
        running, self._process = self._process, None
        if running is None:
            return
        running.send(signal.SIGTERM)
        try:
            await asyncio.wait_for(running.ended(), self._patience.end_s)
        except TimeoutError:
            log.warning("envoy_killed", pid=running.pid, after_s=self._patience.end_s)
            running.send(signal.SIGKILL)
            await running.ended()
        finally:
            running.close()
        self._pid_file.unlink(missing_ok=True)

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def _tend_log(self) -> None:
        while True:
            await asyncio.sleep(self._patience.log_every_s)
            await asyncio.to_thread(process.rotate, self._log_file)


def _bootstrap_file(envoy: ir.Dataplane) -> Path:
    return envoy.directory / "bootstrap.json"


async def _idle(admin: Admin, running: Process, limit_s: float) -> bool:
    """Wait until no request is under way; false when that takes longer than `limit_s`."""
    deadline = time.monotonic() + limit_s
    while running.alive() and (await admin.active_requests() or 0) > 0:
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.05)
    return True


def _ports_free(listeners: list[ir.Listener] | tuple[ir.Listener, ...]) -> None:
    """Whether these listeners' addresses can be had.

    Envoy's sockets share their port (`SO_REUSEPORT`, a socket a worker): with another Envoy of this user
    there it would be given half of that one's connections rather than an error.

    Raises:
        EnvoyError: one can't; the text names listener and address.
    """
    for listener in listeners:
        address = listener.address
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((address.host, address.port))
            except OSError as error:
                why = _BIND_ERRORS.get(error.errno or 0, os.strerror(error.errno or 0))
                raise EnvoyError(f"the listener {listener.name!r} can't have {address}: {why}") from error


_BIND_ERRORS: Final = {
    errno.EADDRINUSE: "another program listens there; end it or choose another address",
    errno.EACCES: "ports below 1024 need a privilege (CAP_NET_BIND_SERVICE); choose a higher one",
    errno.EADDRNOTAVAIL: "this machine does not have that address",
}
