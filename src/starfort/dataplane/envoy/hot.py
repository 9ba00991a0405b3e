"""Prepares Envoy's hot restart: a new process takes the listening sockets over from the one that runs.

Envoy uses two things for it: a socket for each process, and a page of shared memory for each family of
processes, named by its base id. Each family has a random base id, so that two families on one machine do not
share a page. A new family begins when no process is left that could hand over. The sockets are in the data
directory, where no other user can reach them.

Sources: Envoy's "Hot restart" and its command line options; the rest was found by trying Envoy 1.40.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
import struct
from contextlib import suppress
from pathlib import Path
from typing import Final

SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 (the place is Linux's, shm_overview(7))

SOCKETS: Final = "run/h"
"""Envoy appends a role, such as `_parent_`, and ten times the base id plus the epoch modulo 3."""

LONGEST_SOCKET: Final = f"{SOCKETS}_udp_parent_999999"

_ROLES: Final = ("parent", "child", "udp_parent", "udp_child", "stand")

# Ten times the base id plus the process is a number in the names, of six digits at most.
_BASE_IDS: Final = range(1, 99_999)
_PROCESSES: Final = 3

_LAYOUT: Final = struct.Struct("=QQ40s40sQ")
"""Envoy's shared memory of hot restart version 11.104: size, version, two locks, flags."""
_VERSION: Final = 11


def available() -> bool:
    """Whether Envoy can have shared memory here; some containers mount `/dev/shm` read-only."""
    return os.access(SHARED_MEMORY, os.W_OK | os.X_OK)


def new_base_id() -> int:
    """A base id that no other Envoy of this machine has."""
    while True:
        # At random rather than counted up: two data directories that start at once would count to the same
        # one.
        base_id = _BASE_IDS[secrets.randbelow(len(_BASE_IDS))]
        if not _page(base_id).exists():
            return base_id


def arguments(data_dir: Path, base_id: int, epoch: int) -> tuple[str, ...]:
    """Envoy's arguments.

    Args:
        data_dir: where the sockets are.
        base_id: 0: no hot restart.
        epoch: 0 for the first of its family.
    """
    if not base_id:
        return ("--disable-hot-restart",)
    own = (
        "--base-id", str(base_id), "--restart-epoch", str(epoch),
        "--socket-path", str(data_dir / SOCKETS), "--socket-mode", "600",
    )  # fmt: skip
    # Nobody waits for a parent that has just died. Counters begin at 0: refusals that the old one counted
    # would look like refusals by the new one.
    return own if not epoch else (*own, "--skip-hot-restart-on-no-parent", "--skip-hot-restart-parent-stats")


def make_way(data_dir: Path, base_id: int, epoch: int) -> None:
    """Remove the sockets that an earlier process with the same place in the family left."""
    for role in _ROLES:
        with suppress(OSError):
            _socket(data_dir, role, base_id, epoch).unlink()


def stand_in(data_dir: Path, base_id: int, epoch: int) -> socket.socket:
    """A socket for the messages of a process to the one before it, when that one has ended.

    Envoy tells the process before it to end, both when that one's time is over and when Envoy itself ends. If
    that process has ended earlier, Envoy tries for ten seconds and then aborts. So each Envoy inherits a
    socket that takes the message in any case, and `take_place` puts it where Envoy looks.

    Args:
        data_dir: where the sockets are.
        base_id: of the family.
        epoch: of the process before.

    Raises:
        OSError: the socket can't be made.
    """
    place = _socket(data_dir, "stand", base_id, epoch)
    place.unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        made.bind(str(place))
        place.chmod(0o600)
        made.set_inheritable(True)
    except BaseException:
        made.close()
        raise
    return made


def take_place(data_dir: Path, base_id: int, epoch: int) -> None:
    """Put the stand-in of a process that has ended where its successor looks for it."""
    with suppress(OSError):
        _socket(data_dir, "stand", base_id, epoch).replace(_socket(data_dir, "parent", base_id, epoch))


def forgive(base_id: int) -> None:
    """Remove the mark of a process that died while it began: with it, Envoy lets no other process begin."""
    # Only the layout that was tried is written to. One byte more is read, so that a longer page is refused.
    with suppress(OSError, struct.error), _page(base_id).open("r+b") as page:
        size, version, _, _, _ = _LAYOUT.unpack(page.read(_LAYOUT.size + 1))
        if (size, version) == (_LAYOUT.size, _VERSION):
            page.seek(_LAYOUT.size - 8)
            page.write(bytes(8))


def clean(data_dir: Path, keep: frozenset[int] = frozenset()) -> None:
    """Remove the files of those families of this data directory that have ended.

    Args:
        data_dir: the data directory.
        keep: base ids of families that live.
    """
    for left in (data_dir / SOCKETS).parent.glob("h_*_*"):
        found = re.fullmatch(rf"h_(?:{'|'.join(_ROLES)})_([0-9]{{1,6}})", left.name)
        if found is None or int(found[1]) // 10 in keep:
            continue
        with suppress(OSError):
            left.unlink()
        with suppress(OSError):
            _page(int(found[1]) // 10).unlink()


def _socket(data_dir: Path, role: str, base_id: int, epoch: int) -> Path:
    return data_dir / f"{SOCKETS}_{role}_{10 * base_id + epoch % _PROCESSES}"


def _page(base_id: int) -> Path:
    return SHARED_MEMORY / f"envoy_shared_memory_{10 * base_id}"


def connections(pid: int, ports: frozenset[int]) -> int:
    """How many connections of clients a process holds; -1 when that can't be known.

    Args:
        pid: the process.
        ports: ports of the listeners.
    """
    held = set()
    try:
        with os.scandir(f"/proc/{pid}/fd") as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    held.add(str(Path(entry.path).readlink()))
    except OSError:
        return -1
    count = 0
    # Two processes share the ports, so a connection counts only if this process holds its socket.
    for table in ("tcp", "tcp6"):
        with suppress(OSError), Path(f"/proc/{pid}/net/{table}").open(encoding="ascii") as lines:
            next(lines, None)
            for line in lines:
                # proc(5): number, local address, remote address, state, queues, timer, ..., inode.
                fields = line.split()
                established = fields[3] == "01"
                if established and int(fields[1].rpartition(":")[2], 16) in ports:
                    count += f"socket:[{fields[9]}]" in held
    return count
