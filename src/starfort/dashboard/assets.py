"""Style sheet, script and icon. Their addresses contain a hash, so browsers keep them until they change."""

import hashlib
import os
from functools import cache
from pathlib import Path
from typing import Final

from starlette.responses import Response
from starlette.staticfiles import PathLike, StaticFiles
from starlette.types import Scope

FOLDER: Final = Path(__file__).parent / "static"
ASSETS: Final = "/assets"
KEPT: Final = "public, max-age=31536000, immutable"
"""A file of this hash never changes, so nobody has to ask for it again (RFC 8246)."""


@cache
def asset(name: str) -> str:
    """The address of a file in `static`."""
    digest = hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()[:12]
    return f"{ASSETS}/{name}?v={digest}"


class Assets(StaticFiles):
    """The files, which browsers keep for a year when they ask with the hash.

    An answer without a header of its own gets `no-store` (`api/headers.py`), and every page would load the
    style sheet again.
    """

    def file_response(
        self, full_path: PathLike, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """One file."""
        answer = super().file_response(full_path, stat_result, scope, status_code)
        if scope["query_string"].startswith(b"v="):
            answer.headers["cache-control"] = KEPT
        return answer
