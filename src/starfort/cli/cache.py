"""What commands keep for their next run, in the user's cache folder."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path


def folder() -> Path:
    """`$XDG_CACHE_HOME/starfort`, else `~/.cache/starfort` (XDG Base Directory Specification 0.8)."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(given) if given and Path(given).is_absolute() else Path("~/.cache").expanduser()
    return base / "starfort"


def known_rules() -> AbstractContextManager[None]:
    """Within it, rules that an earlier command found right are not compiled again only to be judged."""
    from starfort.threats.seclang.runnable import remembering

    return remembering(folder() / "accepted-rules")
