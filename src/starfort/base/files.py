"""Private files: each appears whole or not at all, survives a crash, and only its owner can read it.

`write_private` is the one way in which the control plane puts a file in place. Its four steps, in this order:

1. Write the content beside the place, under a name that nobody reads, with mode 0600 from the beginning. A
   mode that is set later would leave the file readable for a moment.
2. fsync the file. A rename may reach the disk before the content does (ext4 with delayed allocation); after a
   crash the name would then stand for an empty file.
3. Rename it onto its place. Readers see the old content or the new one, never a part of it.
4. fsync the folder, because the new name is durable only then (fsync(2)).

A kill between the steps leaves a file `.NAME.RANDOM` behind, which nothing reads.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

PRIVATE_FILE: Final = 0o600
PRIVATE_FOLDER: Final = 0o700


class KeyFileError(Exception):
    """The file of a secret key does not hold a key; the message says what it holds and what to do."""


def write_private(path: Path, content: bytes) -> None:
    """Put a file in place at once, durable, with mode 0600.

    Args:
        path: its place, in a folder that exists.
        content: what it is to hold.

    Raises:
        OSError: it cannot be written; what stood in the place before still stands there.
    """
    staged = stage(path, content)
    try:
        staged.replace(path)
    except BaseException:
        with suppress(OSError):
            staged.unlink()
        raise
    sync_folder(path.parent)


def stage(path: Path, content: bytes) -> Path:
    """Write a file beside its place, durable; a rename then puts it there and needs no space on the disk.

    Args:
        path: its place.
        content: what it is to hold.

    Returns:
        The staged file. Its name is random, so that several writers of one place do not meet.

    Raises:
        OSError: it cannot be written; nothing of it is left behind.
    """
    # In the same folder, because a rename is atomic only within one file system (rename(2)).
    staged = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):
            staged.unlink()
        raise
    return staged


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: files that were created, renamed or removed.

    Raises:
        OSError: the disk cannot say that they are.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def key_of_file(path: Path, length: int) -> bytes:
    """A secret key that is made once and then stays the same: random bytes in a private file.

    Args:
        path: the file, in a folder that exists.
        length: bytes of the key.

    Raises:
        OSError: the file cannot be read or made.
        KeyFileError: it holds another number of bytes. The key is then not replaced, since what it signed or
            encrypted would be lost without a word.
    """
    # Another process may make it in between; `_create` then leaves its key alone, and both read the same one.
    with suppress(FileExistsError):
        if not path.exists():
            _create(path, secrets.token_bytes(length))
    key = path.read_bytes()
    if len(key) != length:
        raise KeyFileError(f"{path}: holds {len(key)} bytes, expected {length}")
    return key


def _create(path: Path, content: bytes) -> None:
    """Put a file in place as `write_private` does, but never onto one that exists.

    Raises:
        FileExistsError: another process was faster. A rename would replace its file without a word; a link
            refuses to (link(2)).
    """
    # Staged first, as always: a file that is created and then written could be left empty by a crash.
    staged = stage(path, content)
    try:
        os.link(staged, path)
    finally:
        staged.unlink()
    sync_folder(path.parent)


def write_json(path: Path, value: object) -> None:
    """Put a file of JSON in place, as `write_private` does; its folder is made when it is missing.

    Raises:
        OSError: it cannot be written; what stood in the place before still stands there.
    """
    make_private(path.parent)
    write_private(path, json_bytes(value))


def json_bytes(value: object) -> bytes:
    """A value as `write_json` writes it."""
    return json.dumps(value, indent=1).encode()


def read_json(path: Path) -> Any:
    """What a file of JSON holds; `None` when it is missing or holds no JSON, as after a full disk."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None


def make_private(folder: Path) -> None:
    """Make a folder that only its owner may enter; one that others may enter is closed to them.

    Raises:
        OSError: it cannot be made.
    """
    # `mkdir` leaves the mode of a folder that exists, and gives parents the usual one.
    folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o077:
        folder.chmod(PRIVATE_FOLDER)


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
    """Which file cannot be read or written, why, and what to do, as one sentence."""
    what = _REASONS.get(error.errno or 0) or error.strerror or str(error)
    return f"{error.filename}: {what}" if error.filename else what
