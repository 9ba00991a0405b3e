"""Replaces a control plane with the installed version: the same process goes on as another program.

`starfort restart` writes a request into the data directory and sends `SIGNAL`. The control plane lets Envoy
run, ends everything else, and executes the Python that the request names, with its own arguments. The process
id stays the same, so the parent (systemd, a terminal, a container) notices nothing. The outcome is written
beside the request.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from starfort.base.files import read_json, write_json

SIGNAL: Final = signal.SIGUSR2

REQUEST: Final = "run/restart.json"
OUTCOME: Final = "run/restarted.json"
TURN: Final = "run/restart.lock"

_ID: Final = "STARFORT_RESTART_ID"
_BEFORE: Final = "STARFORT_RESTART_BEFORE"
"""Environment variables of the new program: the request that it answers, and the program to go back to if it
cannot start."""

_MODULE: Final = ("-P", "-m", "starfort.cli")
"""With `-P`, nothing is imported from the working directory, where anybody may have put a `starfort.py`."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a request.

    Attributes:
        id: of the request.
        ok: whether the new control plane runs, with the Envoy that belongs to it.
        version: version of the control plane that runs, "" when none does.
        pid: its process id.
        envoy: process id of the Envoy that takes requests, 0 when it is not known.
        leaving: process ids of Envoys that were replaced and end when their connections have.
        pending: what comes into force when an Envoy that leaves has ended, "" when nothing waits.
        error: what went wrong, "" otherwise.
    """

    id: str
    ok: bool
    version: str = ""
    pid: int = 0
    envoy: int = 0
    leaving: tuple[int, ...] = ()
    pending: str = ""
    error: str = ""


@contextmanager
def turn(data_dir: Path) -> Iterator[bool]:
    """Hold the lock for asking for a restart; false when another command waits for one already.

    Raises:
        OSError: the lock can't be made.
    """
    # Closed on exec, so that a program that this process starts does not hold the lock longer.
    descriptor = os.open(data_dir / TURN, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def deafen() -> None:
    """Let `SIGNAL` do nothing until there is a handler, even in the program that this process executes."""
    # An ignored signal stays ignored after execve(2). A handler does not, and the default action would end
    # the process.
    signal.signal(SIGNAL, signal.SIG_IGN)


def request(data_dir: Path) -> str:
    """Write a request to go on as the program that calls this, and return its id.

    Raises:
        OSError: it can't be written.
    """
    # At random, so that the outcome of an earlier request is never taken for this one's.
    made = secrets.token_hex(8)
    write_json(data_dir / REQUEST, {"id": made, "executable": sys.executable})
    return made


def listens(pid: int) -> bool:
    """Whether a process has a handler for `SIGNAL`: without one the signal would end it."""
    # proc_pid_status(5): `SigCgt` is a mask in hexadecimal, and bit 0 is signal 1.
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    caught = next((line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")), "0")
    return bool(int(caught, 16) >> (SIGNAL - 1) & 1)


def successor(data_dir: Path) -> tuple[list[str], dict[str, str]] | None:
    """Arguments and environment of the program that a request asks for; `None` when it can't be executed."""
    asked = read_json(data_dir / REQUEST)
    asked = asked if isinstance(asked, dict) else {}
    executable = asked.get("executable")
    executable = executable if isinstance(executable, str) else sys.executable
    if not os.access(executable, os.X_OK):
        return None
    before = [sys.executable, *_MODULE, *sys.argv[1:]]
    environment = {**os.environ, _ID: str(asked.get("id", ""))}
    # With the same Python there is no way back, because its packages were just replaced.
    if executable != sys.executable:
        environment[_BEFORE] = json.dumps(before)
    return [executable, *_MODULE, *sys.argv[1:]], environment


def answered() -> str:
    """Id of the request that this process answers, "" without one. A second call returns ""."""
    # Removed from the environment, so that children and a later restart do not inherit it.
    return os.environ.pop(_ID, "")


def predecessor() -> list[str] | None:
    """Arguments of the program that this one replaced, if it is still installed. Works only once."""
    with suppress(ValueError):
        before = json.loads(os.environ.pop(_BEFORE, "null"))
        if isinstance(before, list) and before and os.access(str(before[0]), os.X_OK):
            return [str(part) for part in before]
    return None


def tell(data_dir: Path, outcome: Outcome) -> None:
    """Write the outcome for the command that asked; on a full disk it waits in vain, and says so."""
    with suppress(OSError):
        write_json(data_dir / OUTCOME, asdict(outcome))


def outcome(data_dir: Path, asked: str) -> Outcome | None:
    """The outcome of a request, `None` before there is one.

    Args:
        data_dir: the data directory.
        asked: id of the request.
    """
    found = read_json(data_dir / OUTCOME)
    if not isinstance(found, dict) or found.get("id") != asked:
        return None
    return Outcome(**{**found, "leaving": tuple(found.get("leaving", ()))})
