"""The user's cache folder, where commands keep what makes their next run quicker."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path


def folder() -> Path:
    """`$XDG_CACHE_HOME/starfort`, else `~/.cache/starfort` (XDG Base Directory Specification 0.8)."""
    # A relative path must be ignored, says the specification.
    given = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(given) if given and Path(given).is_absolute() else Path("~/.cache").expanduser()
    return base / "starfort"


def known_rules() -> AbstractContextManager[None]:
    """A context in which rules that an earlier command accepted are not compiled again to be checked."""
    from starfort.threats.seclang.runnable import remembering

    return remembering(folder() / "accepted-rules")
