"""Files that another process reads while we write them: each appears whole, for its owner only."""

from __future__ import annotations

import errno
import json
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any, Final


def write_json(path: Path, value: Any) -> None:
    """Put a file in place at once, mode 0600, its directory made with mode 0700.

    Raises:
        OSError: it can't be written; the old one stands.
    """
    make_private(path.parent)
    write_bytes(path, json_bytes(value))


def json_bytes(value: Any) -> bytes:
    """A value as `write_json` writes it."""
    return json.dumps(value, indent=1).encode()


def write_bytes(path: Path, content: bytes) -> None:
    """Put a file in place at once, mode 0600.

    Raises:
        OSError: it can't be written; the old one stands.
    """
    staged = stage(path, content)
    try:
        staged.replace(path)
    except BaseException:
        with suppress(OSError):
            staged.unlink()
        raise


def stage(path: Path, content: bytes) -> Path:
    """Write a file beside its place, on disk for good; a rename then puts it there and needs no space.

    Args:
        path: its place.
        content: what it is to hold.

    Raises:
        OSError: it can't be written; nothing is left of it.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    return temporary


def read_json(path: Path) -> Any:
    """What a file holds; `None` when it is not there or holds no JSON, as after a full disk."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None


def make_private(directory: Path) -> None:
    """Make a directory that only its owner may enter.

    Raises:
        OSError: it can't be made.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if directory.stat().st_mode & 0o077:
        directory.chmod(0o700)


_REASONS: Final = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EFBIG: "the limit for the size of files is reached; raise it (ulimit -f)",
    errno.EROFS: "the file system is read-only; mount it for writing",
    errno.EIO: "the disk fails; look at the kernel's log",
    errno.EACCES: "permission denied; data_dir must belong to the user that runs starfort",
    errno.EPERM: "permission denied; data_dir must belong to the user that runs starfort",
}


def explain(error: OSError) -> str:
    """Which file can't be read or written, why, and what to do, as one sentence."""
    what = _REASONS.get(error.errno or 0) or error.strerror or str(error)
    return f"{error.filename}: {what}" if error.filename else what
