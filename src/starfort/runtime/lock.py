"""One Starfort for one data directory."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path


class StartError(Exception):
    """Starfort can't start; the text says where, what and what to do."""


class DataDirectory:
    """The data directory, made private and held by one process.

    Args:
        path: where it is; made with mode 0700 when it is not there.

    Raises:
        StartError: it can't be made or written, or another process has it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            (path / "run").mkdir(mode=0o700, exist_ok=True)
            (path / "run").chmod(0o700)
            self._descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StartError(
                f"data_dir {path}: {error.strerror}; make it writable for this user or set another data_dir"
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            if error.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
                raise StartError(f"data_dir {path}: {error.strerror}") from error
            raise StartError(
                f"data_dir {path}: another starfort runs there (process {_owner(path)}); "
                "stop it with `starfort stop` or set another data_dir"
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let another process have it."""
        os.close(self._descriptor)


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
