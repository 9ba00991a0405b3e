"""Commands that build much at once and end do without garbage collection."""

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
    """A context in which garbage is collected as a command needs it.

    Args:
        command: the first word of the command.
    """
    if command not in BUILDERS or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        # Tests run commands in a process that goes on.
        gc.enable()
