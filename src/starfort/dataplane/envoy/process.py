"""Starts, finds and ends Envoy processes, even those that an earlier control plane left (docs/adr/0007)."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from starfort.base.files import make_private, read_json
from starfort.dataplane.json import Json

MAX_DESCRIPTORS: Final = 1 << 20
"""Open files that Envoy may have, if the hard limit allows so many; each connection is one."""

LOG_BYTES: Final = 10 << 20
"""Size at which the log is moved to `envoy.log.1`; older logs are not kept."""

TAIL_BYTES: Final = 16 << 10

_ENDED: Final = frozenset({"", "Z", "X"})
"""States of a process that runs no more: gone, or its parent has not asked yet how it ended (proc(5))."""


@dataclass(frozen=True, slots=True)
class Command:
    """How Envoy is started.

    Attributes:
        arguments: program and arguments.
        modules: where it looks for our filter.
        log: the file to which it writes.
        identity: differs for every other program, filter or bootstrap.
        base_id: number of its family in hot restarts; 0: it can't hand over to another.
        epoch: how many processes of its family came before it.
    """

    arguments: tuple[str, ...]
    modules: Path
    log: Path
    identity: str
    base_id: int = 0
    epoch: int = 0


class Process:
    """A running Envoy, held by a descriptor. A process id may be given to another process; a descriptor not.

    Args:
        pid: its process id.
        identity: see `Command`.
        base_id: see `Command`.
        epoch: see `Command`.
    """

    def __init__(self, pid: int, identity: str, base_id: int = 0, epoch: int = 0) -> None:
        self.pid = pid
        self.identity = identity
        self.base_id = base_id
        self.epoch = epoch
        self._descriptor = os.pidfd_open(pid)
        self.started = _stat(pid)[1]
        self._how = ""

    @classmethod
    def start(cls, command: Command) -> Process:
        """Start Envoy in a session of its own: it outlives this process and gets no signals of the terminal.

        Raises:
            OSError: it can't be started.
        """
        log = _open_log(command.log)
        try:
            pid = os.posix_spawn(
                command.arguments[0],
                command.arguments,
                {**os.environ, "ENVOY_DYNAMIC_MODULES_SEARCH_PATH": str(command.modules)},
                # Not `--log-path`: what the loader says, or a crash, is in the same log in this way.
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, log, 1),
                    (os.POSIX_SPAWN_DUP2, log, 2),
                ],
                setsid=True,
                # A child inherits which signals are blocked or ignored, and Python ignores SIGPIPE.
                setsigmask=(),
                setsigdef=(signal.SIGPIPE, signal.SIGINT, signal.SIGTERM),
            )
        finally:
            os.close(log)
        process = cls(pid, command.identity, command.base_id, command.epoch)
        _allow_descriptors(pid)
        return process

    @classmethod
    def find(cls, pid_file: Path) -> Process | None:
        """The process that a file names, if that very process still runs."""
        return cls.of(read_json(pid_file))

    @classmethod
    def of(cls, note: object) -> Process | None:
        """The process of a `note`, if that very process still runs."""
        if not isinstance(note, dict) or not isinstance(note.get("pid"), int):
            return None
        family = [note.get("base_id"), note.get("epoch")]
        base_id, epoch = [value if isinstance(value, int) and value >= 0 else 0 for value in family]
        try:
            process = cls(note["pid"], str(note.get("identity")), base_id, epoch)
        except OSError:
            return None
        # Checked only now that the descriptor is held: from here on the process id can't change hands.
        state, started = _stat(process.pid)
        if state in _ENDED or started != note.get("started"):
            _reap(process.pid)
            process.close()
            return None
        return process

    @classmethod
    def search(cls, directory: Path) -> list[Process]:
        """Running Envoys whose bootstrap is in a directory, by their command lines, the newest last.

        Args:
            directory: where the files of the data plane are.
        """
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal() and (family := _family(entry, directory)) is not None:
                with suppress(OSError):
                    # Without an identity nobody knows whether it is the right one, so it will be replaced.
                    found.append(cls(int(entry.name), "", *family))
        # An Envoy on trial has no family and epoch 0, so it never comes last beside a real one.
        return sorted((one for one in found if one.alive()), key=lambda one: (bool(one.base_id), one.epoch))

    def note(self) -> Json:
        """The data by which a later control plane finds it."""
        return {
            "pid": self.pid,
            "started": self.started,
            "identity": self.identity,
            "base_id": self.base_id,
            "epoch": self.epoch,
        }

    async def ended(self) -> str:
        """Wait until it has ended. Returns how it ended, or "" where only its parent is told."""
        loop = asyncio.get_running_loop()
        gone = asyncio.Event()
        loop.add_reader(self._descriptor, gone.set)
        try:
            # pidfd_open(2): the descriptor becomes readable when the process ends, even if it is no child.
            await gone.wait()
        finally:
            loop.remove_reader(self._descriptor)
        # waitpid(2) tells this only once, so it is remembered for the next caller.
        self._how = self._how or _reap(self.pid)
        return self._how

    def alive(self) -> bool:
        """Whether it runs."""
        return _stat(self.pid)[0] not in _ENDED

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when it has ended."""
        with suppress(OSError):
            signal.pidfd_send_signal(self._descriptor, number)

    def close(self) -> None:
        """Close the descriptor; the process runs on."""
        os.close(self._descriptor)


def _family(entry: Path, directory: Path) -> tuple[int, int] | None:
    """Base id and epoch of an Envoy; `None` for any other process.

    Args:
        entry: its folder in `/proc`.
        directory: where its bootstrap must be.
    """
    try:
        # proc_pid_cmdline(5): arguments are separated by NUL. Those of other users cannot always be read.
        arguments = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return None
    options = dict(pairwise(arguments))
    config = options.get("--config-path", "")
    if Path(config).name != "bootstrap.json" or not Path(config).is_relative_to(directory):
        return None
    numbers = [options.get(name, "") for name in ("--base-id", "--restart-epoch")]
    base_id, epoch = [int(number) if number.isdecimal() else 0 for number in numbers]
    return base_id, epoch


def _open_log(log: Path) -> int:
    """A descriptor of the log, or of `/dev/null`: an Envoy without a log is better than no Envoy."""
    try:
        make_private(log.parent)
        return os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)


def _stat(pid: int) -> tuple[str, int]:
    """State and start time of a process (proc(5), `stat`, fields 3 and 22); `("", 0)` without one."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "", 0
    # The second field is a file's name in parentheses, which may itself have parentheses and spaces.
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[19])


def _reap(pid: int) -> str:
    """How a process ended; "" when it was not our child."""
    try:
        # Never waits: a process id that has changed hands may be a child that still runs.
        _, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return ""
    code = os.waitstatus_to_exitcode(status)
    return f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"


def _allow_descriptors(pid: int) -> None:
    """Let it open as many files as the hard limit allows; the usual soft limit, 1,024, is for `select`."""
    with suppress(OSError, ValueError):
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        soft = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))


def rotate(log: Path) -> None:
    """Move the end of a log that has grown too large to `NAME.1`, and empty it.

    Envoy appends, so it goes on at the new beginning. What Envoy writes between copying and emptying is
    lost; the alternative is a log without a bound.
    """
    # Copied, not renamed: Envoy holds the file open and would go on writing to the renamed one.
    with suppress(OSError):
        if log.stat().st_size <= LOG_BYTES:
            return
        old = log.with_name(f"{log.name}.1")
        descriptor = os.open(old, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as kept, log.open("rb") as current:
            current.seek(-LOG_BYTES, os.SEEK_END)
            while block := current.read(1 << 20):
                kept.write(block)
        os.truncate(log, 0)


def tail(log: Path, offset: int) -> list[str]:
    """The last lines of a log from `offset` on, at most `TAIL_BYTES`. Without a log there are none."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(min(offset, size), size - TAIL_BYTES))
            return file.read(TAIL_BYTES).decode(errors="replace").splitlines()
    except OSError:
        return []


def size(log: Path) -> int:
    """The size of a log in bytes, 0 when there is none."""
    try:
        return log.stat().st_size
    except OSError:
        return 0
