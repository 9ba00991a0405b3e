"""Garbage collection is off for commands that build many objects and then end."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

BUILDERS: Final = frozenset({"check"})
"""Commands that build many objects and then end.

The collector took a tenth of the CPU of `starfort check`, to look through modules and rules that all stay.
What these commands read is bounded (`config.yaml_file.MAX_FILE_BYTES` and others), so the memory that nobody
collects is bounded too.
"""


@contextmanager
def collected(command: str) -> Iterator[None]:
    """A context in which the collector is off for `BUILDERS` and on for other commands.

    Args:
        command: the first word of the command.
    """
    # Where the collector was off before, `gc.enable` below must not turn it on.
    if command not in BUILDERS or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        # Tests run commands in a process that goes on.
        gc.enable()
