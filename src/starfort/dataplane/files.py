"""Files that another process reads while we write them: each appears whole, for its owner only."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any


def write_json(path: Path, value: Any) -> None:
    """Put a file in place at once, mode 0600, its directory made with mode 0700.

    Raises:
        OSError: it can't be written; the old one stands.
    """
    make_private(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(value, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


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
