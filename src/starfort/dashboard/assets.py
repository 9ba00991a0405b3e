"""Style sheet, script and icon. Their addresses contain a hash, so browsers keep them until they change."""

import hashlib
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "static"
ASSETS = "/assets"


@cache
def asset(name: str) -> str:
    """Address of a file in `static`."""
    digest = hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()[:12]
    return f"{ASSETS}/{name}?v={digest}"
