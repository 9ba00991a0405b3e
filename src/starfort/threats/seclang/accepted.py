"""Rules that the engine accepted before, by digest, so that a check asks it only about new ones.

They are kept in a file of the user's own cache. It holds digests and nothing else: at worst, a false one lets
a check pass over a rule that cannot run. A start asks the engine about every rule and uses no such file.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from pathlib import Path
from typing import Final

from starfort import _engine
from starfort.base.files import write_private

DIGEST_BYTES: Final = 16
MAX_KNOWN: Final = 20_000
"""Rules that a file remembers: 320 kB. CRS with Starfort's own is 700. A full file begins anew."""

_HEAD: Final = b"starfort accepted rules 1\n"


class Accepted:
    """Digests of rules that this engine accepted.

    Args:
        file: where they are kept; it need not be there. A file that others may write, or that another engine
            wrote, counts as none.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._head = _HEAD + _engine_identity()
        self._known = self._read()
        self._fresh: set[bytes] = set()

    def __contains__(self, packed: bytes) -> bool:
        """Whether the engine accepted this rule, byte for byte."""
        return _digest(packed) in self._known

    def add(self, packed: bytes) -> None:
        """Remember a rule that the engine accepted."""
        self._fresh.add(_digest(packed))

    def save(self) -> None:
        """Write what is new, mode 0600. A cache that can't be written is no error."""
        if not self._fresh:
            return
        known = self._known | self._fresh
        # Which old ones are still in use is not known; what was asked just now is.
        if len(known) > MAX_KNOWN:
            known = frozenset(self._fresh)
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(self._file, self._head + b"".join(sorted(known)[:MAX_KNOWN]))

    def _read(self) -> frozenset[bytes]:
        most = len(self._head) + MAX_KNOWN * DIGEST_BYTES
        try:
            with self._file.open("rb") as file:
                found = os.fstat(file.fileno())
                # Somebody else could make a check pass over a rule that cannot run.
                if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                    return frozenset()
                content = file.read(most + 1)
        except OSError:
            return frozenset()
        body = content[len(self._head) :]
        # A file of another engine or another format; it is written anew.
        if not content.startswith(self._head) or len(body) % DIGEST_BYTES or len(content) > most:
            return frozenset()
        return frozenset(body[at : at + DIGEST_BYTES] for at in range(0, len(body), DIGEST_BYTES))


def _digest(packed: bytes) -> bytes:
    return hashlib.blake2b(packed, digest_size=DIGEST_BYTES).digest()


def _engine_identity() -> bytes:
    """Which engine this is: another build may accept other rules."""
    found = Path(_engine.__file__).stat()
    text = f"{_engine.VERSION} {found.st_size} {found.st_mtime_ns} {found.st_ino}"
    return hashlib.blake2b(text.encode(), digest_size=DIGEST_BYTES).digest()
