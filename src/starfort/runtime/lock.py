"""Makes sure that one process at a time has a data directory, and that no other user can write to it."""

from __future__ import annotations

import errno
import fcntl
import grp
import os
import pwd
import stat
from pathlib import Path


class StartError(Exception):
    """Starfort cannot start; the text says where, what, and what to do."""


class DataDirectory:
    """The data directory, private and held by one process.

    Args:
        path: where it is; it is made with mode 0700 when it is missing.

    Raises:
        StartError: it can't be made or written, or another process has it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            _refuse_shared(path)
            (path / "run").mkdir(mode=0o700, exist_ok=True)
            # `mkdir` does not change the mode of a folder that exists.
            (path / "run").chmod(0o700)
            self._descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StartError(
                f"data_dir {path}: {error.strerror}; make it writable for this user or set another data_dir"
            ) from error
        try:
            # The kernel releases this lock when the process ends, even after a kill. A file with a process id
            # would stay.
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            if error.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
                raise StartError(f"data_dir {path}: {error.strerror}") from error
            raise StartError(
                f"data_dir {path}: another starfort runs there (process {_owner(path)}); "
                "stop it with `starfort stop` or set another data_dir"
            ) from error
        # The lock decides. The process id is for `holder`, and for the message above.
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Release the directory, so that another process can have it."""
        os.close(self._descriptor)


def _refuse_shared(path: Path) -> None:
    """Refuse a directory that others may write to: their files could decide what Starfort does.

    Raises:
        StartError: with the command that mends it.
        OSError: it cannot be looked at.
    """
    # root may own it, because root can change everything on this machine anyway.
    found = path.stat()
    if found.st_uid not in {os.geteuid(), 0}:
        raise StartError(
            f"data_dir {path} belongs to another user (uid {found.st_uid}), who may change everything in it;"
            f" run `chown {os.geteuid()} {path}`, or set another data_dir"
        )
    shared = found.st_mode & stat.S_IWOTH or (
        found.st_mode & stat.S_IWGRP and not _is_private_group(found.st_gid)
    )
    if shared:
        raise StartError(
            f"data_dir {path} may be written by others (mode {stat.S_IMODE(found.st_mode):04o}); look whether"
            f" anything in it is not yours, then run `chmod go-w {path}`, or set another data_dir"
        )


def _is_private_group(gid: int) -> bool:
    """Whether this user is the only member of a group: many systems give each user one, with umask 002."""
    try:
        group, user = grp.getgrgid(gid), pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return (
        group.gr_gid == user.pw_gid and group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}
    )


def _owner(path: Path) -> str:
    try:
        return (path / "lock").read_text(encoding="ascii").strip() or "unknown"
    except (OSError, UnicodeDecodeError):
        return "unknown"


def holder(path: Path) -> int | None:
    """Process id of the Starfort that holds a data directory; `None` when none does.

    Args:
        path: the data directory; it need not be there.

    Raises:
        StartError: it can't be read, or who holds it did not leave its process id.
    """
    try:
        descriptor = os.open(path / "lock", os.O_RDONLY)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StartError(f"data_dir {path}: {error.strerror}; ask as the user that runs starfort") from error
    try:
        # A shared lock, so that two commands that ask at once do not take each other for a control plane.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
            raise StartError(f"data_dir {path}: {error.strerror}") from error
    else:
        return None
    finally:
        os.close(descriptor)
    owner = _owner(path)
    if not owner.isdecimal():
        raise StartError(f"data_dir {path}: a starfort runs there that left no process id; try again")
    return int(owner)
