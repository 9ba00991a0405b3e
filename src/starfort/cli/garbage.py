"""No garbage collection in commands that build much at once and end."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

BUILDERS: Final = frozenset({"check"})
"""Commands that build much at once and end.

A tenth of the CPU of `starfort check` went into looking through modules and rules that all stay. What they
read is bounded (`config.yaml_file.MAX_FILE_BYTES` and the like), and so is what is left until they end.
"""


@contextmanager
def collected(command: str) -> Iterator[None]:
    """Within it garbage is collected as fits a command.

    Args:
        command: its first word.
    """
    if command not in BUILDERS or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
