"""Starts Envoy, watches it, starts it again when it dies, and brings changed configurations into force.

Envoy outlives this process (docs/adr/0007). A later control plane finds it by its note, and keeps it when
program, filter and bootstrap are still the same. When they are not, a new Envoy takes over without losing a
request (docs/adr/0021): the new one is tried beside the old one first, then it gets the listening sockets,
and the old one ends when its connections have ended.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from starfort.base.addresses import SocketAddress
from starfort.base.files import explain, read_json, write_json
from starfort.base.tasks import Failures, keep_running
from starfort.dataplane import ir
from starfort.dataplane.envoy import hot, ports, process
from starfort.dataplane.envoy.admin import Admin
from starfort.dataplane.envoy.drain import drain
from starfort.dataplane.envoy.errors import EnvoyError
from starfort.dataplane.envoy.placement import (
    BOOTSTRAP,
    MARGIN_S,
    Placed,
    Placement,
    admin_socket_of,
    longest_answer_s,
)
from starfort.dataplane.envoy.process import Command, Process
from starfort.dataplane.envoy.publish import Publisher
from starfort.dataplane.envoy.status import EnvoyStatus
from starfort.dataplane.envoy.watched import Leaving, Patience

IDLE_LOOKS: Final = 2
"""An Envoy that was replaced is ended after this many looks in a row that found no connection."""

SETTLES_S: Final = 0.2
"""How long it takes until an Envoy that was asked to make way for another has reacted."""

SEE_OFF_EVERY_S: Final = 1.0
"""How often the connections of an Envoy that was replaced are counted."""

log = structlog.get_logger(__name__)


class EnvoySupervisor:
    """Keeps one Envoy running for one data directory.

    Args:
        data_dir: where process id file and log are.
        patience: how long it waits.
        envoy: a program to use instead of the installed Envoy.
        modules: a directory of the filter to use instead of this package's.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        patience: Patience | None = None,
        envoy: Path | None = None,
        modules: Path | None = None,
    ) -> None:
        self._data_dir = data_dir
        self._log_file = data_dir / "envoy" / "envoy.log"
        self._pid_file = data_dir / "run" / "envoy.json"
        self._patience = patience or Patience()
        self._placement = Placement(data_dir, self._log_file, (envoy, modules))
        # Starting, changing and ending Envoy take turns: two of them at once would fight for its files.
        self._turn = asyncio.Lock()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._process: Process | None = None
        self._leaving: list[Leaving] = []
        self._dataplane: ir.Dataplane | None = None
        self._state = "stopped"
        self._restarts = 0
        self._last_error = ""
        self._stale = ""
        self._pending = ""
        self._mute = False
        self._rehearsal: Process | None = None
        self._noted = True
        self._started_at = 0.0
        self.found = False
        self.failures = {name: Failures() for name in ("envoy", "envoy log", "old envoy")}

    async def start(self, envoy: ir.Dataplane) -> None:
        """Take over the Envoy that runs here already, or write the configuration and start an Envoy.

        It returns when Envoy takes requests. An Envoy that was found and cannot be replaced goes on as it is,
        and `status` says why.

        Raises:
            EnvoyError: no Envoy runs, and none can be started or it refuses the configuration.
            OSError: no Envoy runs, and a file can't be written.
        """
        async with self._turn:
            self._state = "starting"
            try:
                await self._take_over_or_start(envoy)
            except BaseException:
                self._state = "stopped"
                # An Envoy that was found serves clients, so it goes on when this start fails.
                if not self.found:
                    await self._end_now()
                raise
            self._dataplane, self._state = envoy, "running"
            for name, work in (
                ("envoy", self._watch), ("envoy log", self._tend_log), ("old envoy", self._see_off)
            ):  # fmt: skip
                self._tasks.append(asyncio.create_task(keep_running(name, work, self.failures[name])))

    async def apply(self, envoy: ir.Dataplane) -> None:
        """Bring a changed configuration into force without dropping a connection.

        Some settings (workers, limits, node) need a new process, which then takes over. While Envoy is
        down, the files are written and it is started at once.

        Raises:
            EnvoyError: Envoy refuses it; the old configuration is in force.
            OSError: a file can't be written; the old configuration is in force.
        """
        async with self._turn:
            # Envoy itself holds its present addresses; only new ones must be free.
            known = self._listening()
            ports.require_free(one for one in envoy.listeners if one.address not in known)
            running = self._process
            identity = self._placement.identity(envoy, await self._placement.programs())
            if running is None or not running.alive():
                await asyncio.to_thread(self._write, await self._placement.of_epoch(envoy, 0))
            elif (identity != running.identity or self._mute) and running.base_id and not self._leaving:
                await self._hand_over(envoy, running)
            else:
                placed = await self._placement.of_epoch(envoy, running.epoch)
                await self._publisher(placed.dataplane).publish(placed.resources.files, running.alive)
                # What files can change is in force now. The rest waits for a new process.
                if identity != running.identity:
                    self._wait_for_turn(running)
                else:
                    self._stale = self._pending = ""
            self._dataplane = envoy
            # A restart that is waiting need not wait longer: it has a new configuration to try.
            self._wake.set()

    def _wait_for_turn(self, running: Process) -> None:
        """Remember why a new Envoy has to wait: a family has two Envoys at most."""
        what = "workers, limits, node, program or filter changed"
        if running.base_id:
            until = time.strftime("%H:%M:%S", time.localtime(max(one.until for one in self._leaving)))
            self._pending = f"{what}; in force when the Envoy before has ended, at {until} at the latest"
        else:
            self._pending = f"{what}; in force after `starfort stop` and `starfort up`"
        log.warning("envoy_waits_for_restart", why=self._pending)

    async def stop(self) -> None:
        """Wait for requests to end, up to a limit, and then end Envoy; nothing happens when none runs."""
        await self._end_tasks()
        async with self._turn:
            if self._process is not None and self._dataplane is not None:
                await drain(self._admin(self._dataplane), self._process, self._drain_s())
            await self._end_all()
            self._state = "stopped"

    async def end_left(self, admin_socket: Path) -> bool:
        """Drain and end an Envoy that an earlier control plane left running; false when there is none.

        Args:
            admin_socket: Unix socket of the administration interface of the first of its family.
        """
        async with self._turn:
            await asyncio.to_thread(self._find)
            found, leaving = self._process, bool(self._leaving)
            if found is not None:
                await drain(Admin(admin_socket_of(admin_socket, found.epoch)), found, self._drain_s())
            await self._end_all()
            return leaving or found is not None

    async def leave(self) -> None:
        """Let Envoy run on without this process; a later `start` takes it over again."""
        await self._end_tasks()
        async with self._turn:
            for one in self._leaving:
                one.process.close()
            if self._process is not None:
                self._process.close()
            self._leaving, self._process, self._state = [], None, "stopped"

    def status(self) -> EnvoyStatus:
        """The state of Envoy."""
        pid = self._process.pid if self._process is not None else 0
        leaving = tuple(one.process.pid for one in self._leaving)
        return EnvoyStatus(
            self._state, pid, self._restarts, self._last_error, self._stale, self._pending, leaving
        )

    async def metrics(self) -> bytes:
        """Envoy's own metrics as Prometheus text, empty when it does not answer."""
        if self._process is None or self._dataplane is None:
            return b""
        return await self._admin(self._dataplane).metrics()

    async def addresses(self) -> dict[str, tuple[str, int]]:
        """Address and port of each listener, also of those that asked for any free port."""
        return await self._admin(self._dataplane).listeners() if self._dataplane else {}

    def _find(self) -> None:
        """Take hold of the Envoys that an earlier control plane noted, or left without a note."""
        # A crash of the machine may have damaged the note, so each value in it is checked.
        note = read_json(self._pid_file)
        self._process = Process.of(note)
        for left in note.get("leaving", ()) if isinstance(note, dict) else ():
            process = Process.of(left)
            if process is not None:
                until = left.get("until")
                ports = frozenset(port for port in left.get("ports", ()) if isinstance(port, int))
                self._leaving.append(
                    Leaving(process, until if isinstance(until, int | float) else 0.0, ports)
                )
        if self._process is None and not self._leaving:
            self._find_unnoted()

    def _find_unnoted(self) -> None:
        """Take hold of an Envoy of this data directory that no note names.

        A crash of the machine may have damaged its note, or a person. If this Envoy were not found, it would
        keep the ports, and a new Envoy could not be started.
        """
        found = Process.search(self._log_file.parent)
        if not found:
            return
        *others, self._process = found
        # Nobody knows the settings that the others were started with, so they get the default time.
        until = time.time() + ir.HANDOVER_S
        self._leaving = [Leaving(one, until, frozenset()) for one in others]
        log.warning("envoy_found_without_note", pid=self._process.pid, others=len(others))

    async def _take_over_or_start(self, envoy: ir.Dataplane) -> None:
        await asyncio.to_thread(self._find)
        found, self.found = self._process, self._process is not None
        if found is None:
            await self._start_first(envoy)
            return
        self._started_at = time.monotonic()
        try:
            identity = self._placement.identity(envoy, await self._placement.programs())
            if found.identity == identity and await self._admin(envoy).live():
                placed = await self._placement.of_epoch(envoy, found.epoch)
                await self._publisher(placed.dataplane).publish(placed.resources.files, found.alive)
                log.info("envoy_taken_over", pid=found.pid)
            elif self._leaving:
                self._wait_for_turn(found)
            elif found.base_id:
                await self._hand_over(envoy, found)
            else:
                log.info("envoy_replaced", pid=found.pid, why="program, filter or bootstrap changed")
                await drain(self._admin(envoy), found, self._drain_s())
                await self._end_now()
                self.found = False
                await self._start_first(envoy)
        except (EnvoyError, OSError) as error:
            if self._process is not found or not found.alive():
                raise
            # The old one serves as before: the control plane sees its calls and can change policies.
            self._stale = f"the Envoy that was found goes on as it was: {_told(error)}"
            log.error("envoy_kept", pid=found.pid, why=self._stale)  # noqa: TRY400 (told, not a fault of ours)

    async def _start_first(self, envoy: ir.Dataplane) -> None:
        """Write the files and start the first of a new family."""
        placed = await self._placement.of_epoch(envoy, 0)
        await asyncio.to_thread(self._write, placed)
        await self._spawn(placed)

    async def _spawn(self, placed: Placed) -> None:
        """Start an Envoy with the files that are in place.

        Raises:
            EnvoyError: it ended, or refused the files; it does not run then.
        """
        ports.require_free(placed.dataplane.listeners)
        # Shared memory of families that have ended is removed; Envoys that are leaving still use theirs.
        families = frozenset(one.process.base_id for one in self._leaving)
        await asyncio.to_thread(hot.clean, self._data_dir, families)
        base_id = hot.new_base_id() if hot.available() else 0
        if not base_id:
            log.warning("envoy_without_hot_restart", why=f"{hot.SHARED_MEMORY} can't be written")
        programs = await self._placement.programs()
        await self._begin(placed, self._placement.command(placed, programs, base_id))
        self._stale = self._pending = ""
        self._mute = False

    async def _begin(self, placed: Placed, command: Command) -> None:
        """Start a process and wait until its files are in force; then it is the current one.

        Raises:
            EnvoyError: it ended, or refused the files; it does not run then.
        """
        mark = process.size(command.log)
        begun = await asyncio.to_thread(Process.start, command)
        publisher = self._publisher(placed.dataplane)
        before, self._process = self._process, begun
        # Noted before anything can fail: a control plane that is killed now leaves an Envoy that is found.
        self._note()
        files = await asyncio.to_thread(publisher.read)
        try:
            await publisher.accepted(files, begun.alive, 0, mark)
        except BaseException:
            await self._end_now()
            self._process = before
            self._note()
            raise
        self._started_at = time.monotonic()
        log.info("envoy_started", pid=begun.pid, epoch=begun.epoch)

    async def _hand_over(self, envoy: ir.Dataplane, running: Process) -> None:
        """Let a new process take over from the one that runs.

        Raises:
            EnvoyError: it can't; the old one goes on as it was.
            OSError: a file can't be written; the old one goes on as it was.
        """
        # When the new one begins, the old one closes its administration interface for good, so everything is
        # tried before.
        await self._rehearse(envoy)
        placed = await self._placement.of_epoch(envoy, running.epoch + 1)
        programs = await self._placement.programs()
        await asyncio.to_thread(self._write, placed)
        await asyncio.to_thread(hot.make_way, self._data_dir, running.base_id, running.epoch + 1)
        # Asked now, because the old one answers no more once the new one has begun.
        ports = frozenset(port for _, port in (await self._admin(envoy).listeners()).values())
        until = time.time() + longest_answer_s(envoy) + MARGIN_S
        leaving = Leaving(running, until, ports)
        self._leaving.append(leaving)
        try:
            with hot.stand_in(self._data_dir, running.base_id, running.epoch):
                command = self._placement.command(placed, programs, running.base_id, running.epoch + 1)
                await self._begin(placed, command)
        except BaseException:
            self._leaving.remove(leaving)
            hot.forgive(running.base_id)
            await self._after_failure(envoy, running)
            raise
        self._stale = self._pending = ""
        self._mute = False
        self._wake.set()
        log.info("envoy_handed_over", pid=self._process.pid if self._process else 0, leaving=running.pid)

    async def _after_failure(self, envoy: ir.Dataplane, running: Process) -> None:
        """Find out what the old one still does after the new one has failed during the hand-over."""
        await asyncio.sleep(SETTLES_S)
        if not running.alive() or await self._admin(envoy).live():
            return
        before = self._dataplane
        if before is not None and not await ports.accepts(before.listeners[0].address):
            # The new one took the listeners and died with them. Nobody listens now, so a fresh one is
            # started, as after a crash.
            log.error("envoy_lost_its_listeners", pid=running.pid)
            self._leaving.append(Leaving(running, time.time() + longest_answer_s(before), frozenset()))
            self._process = None
            await self._start_first(before)
            return
        # Envoy closes this interface as soon as another process begins, and there is no way to open it again.
        self._mute = True
        self._stale = (
            "an Envoy that was to take over failed; the old one goes on and takes no changes of routes"
        )
        log.error("envoy_mute", pid=running.pid, why=self._stale)

    async def _rehearse(self, envoy: ir.Dataplane) -> None:
        """Start an Envoy on free ports with everything that the new one will have, and end it again.

        A process that takes over makes the old one stop listening before anybody knows whether the new
        listeners work. So mistakes in program, filter, bundle or configuration are found here first.

        Raises:
            EnvoyError: it does not work.
            OSError: a file can't be written.
        """
        placed = await self._placement.on_trial(envoy)
        trial = placed.dataplane
        programs = await self._placement.programs()
        await asyncio.to_thread(self._write, placed)
        command = self._placement.command(placed, programs, 0)
        mark = process.size(command.log)
        rehearsal = await asyncio.to_thread(Process.start, command)
        # Noted as one that leaves: if this process is killed now, the next control plane ends it.
        self._rehearsal = rehearsal
        self._note()
        try:
            await self._publisher(trial).accepted(placed.resources.files, rehearsal.alive, 0, mark)
        except EnvoyError as error:
            raise EnvoyError(f"the new Envoy does not work, so the old one goes on: {error}") from error
        finally:
            self._rehearsal = None
            # It has no clients, so there is nothing to wait for.
            rehearsal.send(signal.SIGKILL)
            await rehearsal.ended()
            rehearsal.close()
            self._note()
            await asyncio.to_thread(shutil.rmtree, trial.directory, ignore_errors=True)
            trial.admin_socket.unlink(missing_ok=True)

    def _write(self, placed: Placed) -> None:
        publisher = self._publisher(placed.dataplane)
        publisher.write({BOOTSTRAP: placed.resources.bootstrap, **placed.resources.files})
        publisher.tidy(placed.resources.files)

    def _publisher(self, envoy: ir.Dataplane) -> Publisher:
        return Publisher(envoy.directory, Admin(envoy.admin_socket), self._log_file, self._patience.accept_s)

    def _admin(self, envoy: ir.Dataplane) -> Admin:
        """The administration interface of the Envoy that runs."""
        return Admin(admin_socket_of(envoy.admin_socket, self._process.epoch if self._process else 0))

    def _listening(self) -> set[SocketAddress]:
        return {one.address for one in self._dataplane.listeners} if self._dataplane else set()

    def _note(self) -> None:
        """Note the processes for a later control plane; on a full disk, `_tend_log` tries again later."""
        if self._process is None and not self._leaving and self._rehearsal is None:
            with suppress(OSError):
                self._pid_file.unlink(missing_ok=True)
            self._noted = True
            return
        left = [
            {**one.process.note(), "until": one.until, "ports": sorted(one.ports)} for one in self._leaving
        ]
        if self._rehearsal is not None:
            left.append({**self._rehearsal.note(), "until": 0, "ports": []})
        note = {**(self._process.note() if self._process else {}), "leaving": left}
        try:
            write_json(self._pid_file, note)
        except OSError as error:
            if self._noted:
                log.error("envoy_not_noted", why=_told(error))  # noqa: TRY400 (told, not a fault of ours)
            self._noted = False
        else:
            self._noted = True

    async def _watch(self) -> None:
        """Start Envoy again whenever it has ended, until cancelled."""
        delay = self._patience.restart_s
        while True:
            running = self._process
            if running is not None:
                if not await self._ended_or_woken(running):
                    continue
                async with self._turn:
                    if self._process is not running:
                        continue  # another one took over meanwhile
                    how = await running.ended()
                    self._last_error = f"Envoy {how or 'ended'}"
                    log.error("envoy_ended", pid=running.pid, how=how)
                    running.close()
                    self._process, self._state = None, "backoff"
                    self._note()
                if time.monotonic() - self._started_at >= self._patience.stable_s:
                    delay = self._patience.restart_s
            # A changed configuration is tried at once: the old one may be the reason why Envoy ends.
            self._wake.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), delay)
            delay = min(delay * 2, self._patience.longest_restart_s)
            await self._restart()

    async def _ended_or_woken(self, running: Process) -> bool:
        """Wait until a process has ended (true), or until another one is to be watched (false)."""
        ended = asyncio.create_task(running.ended())
        woken = asyncio.create_task(self._wake.wait())
        try:
            await asyncio.wait({ended, woken}, return_when=asyncio.FIRST_COMPLETED)
            self._wake.clear()
            return ended.done() or not running.alive()
        finally:
            for task in (ended, woken):
                task.cancel()
            await asyncio.gather(ended, woken, return_exceptions=True)

    async def _restart(self) -> None:
        async with self._turn:
            envoy = self._dataplane
            if envoy is None or self._process is not None:
                return
            self._restarts += 1
            try:
                await self._start_first(envoy)
            except (EnvoyError, OSError) as error:
                self._last_error = _told(error)
                log.warning("envoy_restart_failed", error=self._last_error)
                return
            self._state = "running"

    async def _see_off(self) -> None:
        """End Envoys that were replaced once their connections have ended, or their time is over."""
        while True:
            await asyncio.sleep(SEE_OFF_EVERY_S)
            for one in list(self._leaving):
                await self._look_after(one)
            self._mind()
            if self._leaving or not (self._pending or self._mute):
                continue
            async with self._turn:
                if self._dataplane is not None and self._process is not None and self._process.base_id:
                    self._pending = ""
                    try:
                        await self._hand_over(self._dataplane, self._process)
                    except (EnvoyError, OSError) as error:
                        self._stale = self._stale or _told(error)
                        log.warning("envoy_not_replaced", why=_told(error))
            # A hand-over that failed is not tried each second: every try starts two Envoys.
            if self._mute:
                await asyncio.sleep(self._patience.longest_restart_s)

    async def _look_after(self, one: Leaving) -> None:
        if one.process.alive():
            # Without ports nobody can count its connections, so it stays until its time is over.
            count = -1
            if one.ports:
                count = await asyncio.to_thread(hot.connections, one.process.pid, one.ports)
            one.idle = one.idle + 1 if count == 0 else 0
            if one.idle < IDLE_LOOKS and time.time() < one.until:
                return
            await self._end(one.process)
        await one.process.ended()
        async with self._turn:
            if one in self._leaving:
                self._leaving.remove(one)
                one.process.close()
                log.info("old_envoy_ended", pid=one.process.pid)
                self._note()

    async def _end_all(self) -> None:
        """End every Envoy. Connections of replaced ones get half of the time that a stop may take."""
        if self._process is None and not self._leaving:
            return
        deadline = time.monotonic() + self._drain_s() / 2
        for one in self._leaving:
            while one.process.alive() and one.ports and time.monotonic() < deadline:
                if await asyncio.to_thread(hot.connections, one.process.pid, one.ports) <= 0:
                    break
                await asyncio.sleep(0.05)
        self._mind()
        # The newest goes first: an Envoy that ends tells the one before it to end, and aborts if that has
        # ended.
        await self._end_now()
        await asyncio.gather(*(self._end(one.process) for one in self._leaving))
        for one in self._leaving:
            one.process.close()
        self._leaving = []
        self._note()
        await asyncio.to_thread(hot.clean, self._data_dir)

    def _mind(self) -> None:
        """Make sure that somebody gets an Envoy's message to the one before it, even if that one has died."""
        running = self._process
        if running is None or not running.base_id or not running.epoch:
            return
        before = running.epoch - 1
        if not any(
            one.process.base_id == running.base_id and one.process.epoch == before for one in self._leaving
        ):
            hot.take_place(self._data_dir, running.base_id, before)

    def _drain_s(self) -> float:
        if self._patience.drain_s is not None:
            return self._patience.drain_s
        return self._dataplane.stop_s if self._dataplane is not None else ir.STOP_S

    async def _end(self, running: Process) -> None:
        """End a process; its filter first sends the events that it has."""
        running.send(signal.SIGTERM)
        try:
            await asyncio.wait_for(running.ended(), self._patience.end_s)
        except TimeoutError:
            log.warning("envoy_killed", pid=running.pid, after_s=self._patience.end_s)
            running.send(signal.SIGKILL)
            await running.ended()

    async def _end_now(self) -> None:
        running, self._process = self._process, None
        if running is None:
            return
        try:
            await self._end(running)
        finally:
            running.close()
            self._note()

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def _tend_log(self) -> None:
        while True:
            await asyncio.sleep(self._patience.log_every_s)
            await asyncio.to_thread(process.rotate, self._log_file)
            # The disk was full when the note was written; it may have room now.
            if not self._noted:
                self._note()


def _told(error: EnvoyError | OSError) -> str:
    return explain(error) if isinstance(error, OSError) else str(error)
