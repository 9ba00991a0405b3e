"""`starfort restart` beside another one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from starfort.cli.errors import CliError
from starfort.cli.restart import restart
from starfort.runtime import succession
from starfort.runtime.lock import DataDirectory

EXECUTES = """
import os, sys
from starfort.runtime import succession
succession.deafen()
told = "import os, signal; os.kill(os.getpid(), signal.SIGUSR2); print('alive', flush=True)"
os.execv(sys.executable, [sys.executable, "-c", told])
"""


def test_second_restart_is_refused_at_once(tmp_path: Path) -> None:
    """The request of the first stays, and nobody waits for an answer that never comes."""
    held = DataDirectory(tmp_path)
    first = succession.request(tmp_path)
    try:
        with succession.turn(tmp_path) as mine:
            assert mine
            with pytest.raises(CliError, match="another `starfort restart`"):
                restart(data_dir=tmp_path, timeout=1)
        assert first in (tmp_path / succession.REQUEST).read_text()
        with succession.turn(tmp_path) as mine:
            assert mine
    finally:
        held.release()


def test_a_signal_between_two_programs_ends_nobody() -> None:
    """The program that goes on has no handler yet: a late request does nothing instead of killing it."""
    done = subprocess.run(
        [sys.executable, "-c", EXECUTES], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr
