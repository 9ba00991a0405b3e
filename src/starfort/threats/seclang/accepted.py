"""Remembers the rules that the engine accepted, by digest, so that a check asks only about new rules.

The digests are kept in a file of the user's own cache, which holds nothing else. At worst, a false digest
lets a check pass a rule that cannot run. A start asks the engine about every rule and uses no such file.
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
"""How many rules a file holds, in 320 kB. CRS with Starfort's own rules has 700. A full file restarts."""

_HEAD: Final = b"starfort accepted rules 1\n"


class Accepted:
    """Digests of rules that this engine accepted.

    Args:
        file: where they are kept; it may be missing. A file that others may write, or that another engine
            wrote, counts as missing.
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
        """Write the new digests, with mode 0600. It is no error when the cache cannot be written."""
        if not self._fresh:
            return
        known = self._known | self._fresh
        # It is not known which old digests are still in use, but those that were asked for just now are.
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
                # Someone who may write the file could let a check pass a rule that cannot run.
                if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                    return frozenset()
                content = file.read(most + 1)
        except OSError:
            return frozenset()
        body = content[len(self._head) :]
        # The file belongs to another engine or has another format, so it is replaced.
        if not content.startswith(self._head) or len(body) % DIGEST_BYTES or len(content) > most:
            return frozenset()
        return frozenset(body[at : at + DIGEST_BYTES] for at in range(0, len(body), DIGEST_BYTES))


def _digest(packed: bytes) -> bytes:
    # Sixteen bytes: nobody gains from a collision, which only a user's own check would pass.
    return hashlib.blake2b(packed, digest_size=DIGEST_BYTES).digest()


def _engine_identity() -> bytes:
    """The identity of the engine. Another build may accept other rules."""
    found = Path(_engine.__file__).stat()
    # The version alone is not enough: a developer builds the same version many times.
    text = f"{_engine.VERSION} {found.st_size} {found.st_mtime_ns} {found.st_ino}"
    return hashlib.blake2b(text.encode(), digest_size=DIGEST_BYTES).digest()
