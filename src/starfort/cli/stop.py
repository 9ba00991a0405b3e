"""`starfort stop`."""

import os
import signal
import time
from pathlib import Path
from typing import Annotated, Final

import typer

from starfort.cli import options, output, target
from starfort.cli.errors import CliError, FoundError

LOOK_EVERY_S: Final = 0.1
"""Pause between two looks at the lock."""


def stop(
    *,
    config: options.Config = None,
    data_dir: options.DataDir = None,
    timeout: Annotated[int, typer.Option(min=1, help="Seconds to wait until everything has ended.")] = 60,
) -> None:
    """Stop Starfort on this machine. Envoy finishes its connections, and its last events are stored."""
    from starfort.runtime.lock import StartError, holder

    directory = target.data_dir(config, data_dir)
    try:
        pid = holder(directory)
        if pid is None:
            _stop_left(directory)
            return
        # The lock tells when it has ended: a process id may belong to another process by then.
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + timeout
        while holder(directory) is not None:
            if time.monotonic() > deadline:
                raise CliError(
                    f"process {pid} has not ended within {timeout} s",
                    "its log says what it waits for; wait longer with --timeout, or end it with `kill`",
                )
            time.sleep(LOOK_EVERY_S)
    except StartError as error:
        raise CliError(str(error)) from error
    # Only its own user, or root, may send it a signal.
    except PermissionError as error:
        raise CliError(f"the starfort in {directory} is another user's", "stop it as that user") from error
    except ProcessLookupError:
        pass  # it ended by itself in between
    output.say("Stopped.")


def _stop_left(directory: Path) -> None:
    """End an Envoy whose control plane was killed: it serves until somebody ends it."""
    import asyncio

    from starfort.runtime.envoy import end_left_envoy

    if not asyncio.run(end_left_envoy(directory)):
        raise FoundError(f"no starfort runs in {directory}")
    output.say("Stopped Envoy, whose control plane was gone.")
