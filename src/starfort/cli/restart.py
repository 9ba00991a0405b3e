"""`starfort restart`."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

import starfort
from starfort.cli import options, output, target
from starfort.cli.errors import CliError, FoundError

if TYPE_CHECKING:
    from starfort.runtime.succession import Outcome

LOOK_EVERY_S: Final = 0.1
"""Pause between two looks at the outcome and the lock, which are files."""

GONE_S: Final = 10.0
"""After this many seconds without a control plane, it has not come back."""


def restart(
    *,
    config: options.Config = None,
    data_dir: options.DataDir = None,
    timeout: Annotated[int, typer.Option(min=1, help="Seconds to wait until everything runs.")] = 120,
) -> None:
    """Replace the running Starfort, Envoy and filter with the installed ones, without losing a request.

    Run it after an upgrade. Most mistakes are found before anything is replaced; after any other, the old
    Envoy goes on.
    """
    from starfort.runtime.lock import StartError

    directory = target.data_dir(config, data_dir)
    try:
        done = _replace(directory, target.config_path(config), timeout)
    except StartError as error:
        raise CliError(str(error)) from error
    except OSError as error:
        raise CliError(f"{directory}: {error.strerror}", "restart it as the user that runs it") from error
    if not done.ok:
        raise CliError(done.error)
    output.say(f"Starfort {done.version} runs, process {done.pid}, Envoy {done.envoy}.")
    if done.leaving:
        pids = ", ".join(map(str, done.leaving))
        output.say(f"The Envoy before (process {pids}) ends when its connections have.")
    if done.pending:
        output.say(f"Not yet: {done.pending}.")


def _replace(directory: Path, config: Path, timeout: int) -> "Outcome":
    """Ask the control plane to go on as what is installed now, and wait for its answer.

    Args:
        directory: its data directory.
        config: its configuration, which is checked before anything is asked.
        timeout: seconds to wait.

    Raises:
        CliError: none runs, it cannot be asked now, or it did not answer.
    """
    from starfort.runtime import succession
    from starfort.runtime.lock import holder

    pid = holder(directory)
    if pid is None:
        raise FoundError(f"no starfort runs in {directory}", "start it with `starfort up`")
    with succession.turn(directory) as mine:
        if not mine:
            raise CliError("another `starfort restart` waits for its answer", "try again when it has ended")
        _ready(directory, pid)
        _check(config)
        _ready(directory, pid)  # checking took seconds, in which it may have ended
        # The request is written before the signal, because the control plane reads it when the signal comes.
        asked = succession.request(directory)
        os.kill(pid, succession.SIGNAL)
        return _wait(directory, asked, timeout)


def _ready(directory: Path, pid: int) -> None:
    """Make sure that the control plane takes a request now.

    Raises:
        CliError: it does not.
    """
    from starfort.runtime import succession

    if not succession.listens(pid):
        raise CliError(
            f"the starfort in {directory} (process {pid}) can't be restarted: it is starting, or old",
            "try again in a moment; an older one needs `starfort stop` and `starfort up` once",
        )


def _check(path: Path) -> None:
    """Find what would make the restart fail, before anything is touched.

    Raises:
        CliError: Envoy is missing, or this Starfort refuses the configuration.
    """
    from starfort.config import ConfigError
    from starfort.dataplane.envoy import binary
    from starfort.dataplane.envoy.errors import EnvoyError
    from starfort.runtime.checked import check

    # With --data-dir alone, the file may be another one than the control plane uses, or none at all. The new
    # program reads the right one, and gives way to the old program when it refuses it.
    try:
        binary.find()
        if path.exists():
            check(path)
    except EnvoyError as error:
        raise CliError(f"nothing was restarted: {error}") from error
    except ConfigError as error:
        refused = f"nothing was restarted, for Starfort {starfort.__version__} refuses the configuration:"
        raise CliError("\n".join([refused, *map(str, error.problems)])) from error


def _wait(directory: Path, asked: str, timeout: int) -> "Outcome":
    """Wait for the outcome of a request.

    Raises:
        CliError: no outcome came.
    """
    from starfort.runtime import succession
    from starfort.runtime.lock import holder

    # The control plane replaces its own program, so its lock is free for a moment in between.
    began = seen = time.monotonic()
    while True:
        done = succession.outcome(directory, asked)
        if done is not None:
            return done
        now = time.monotonic()
        if holder(directory) is not None:
            seen = now
        if now - seen > GONE_S:
            raise CliError(
                "the control plane ended and did not come back; Envoy goes on with what it has",
                "its log says why; start it with `starfort up`, which takes Envoy over",
            )
        if now - began > timeout:
            raise CliError(
                f"nothing was heard within {timeout} s; Envoy serves meanwhile",
                "look at `starfort status` and the log",
            )
        time.sleep(LOOK_EVERY_S)
