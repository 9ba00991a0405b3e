"""Which Starfort a command asks: the one on this machine, or the one that `--url` names."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from starfort.cli.errors import UsageError

DEFAULT_CONFIG: Final = Path("starfort.yaml")
SYSTEM_CONFIG: Final = Path("/etc/starfort/starfort.yaml")
DEFAULT_DATA_DIR: Final = "./var"
TOKEN_VARIABLE: Final = "STARFORT_TOKEN"  # noqa: S105 (a variable's name)


@dataclass(frozen=True, slots=True)
class Target:
    """The way to a control plane.

    Attributes:
        socket: its Unix socket, when it runs on this machine.
        url: its address, when it runs elsewhere; else "".
        token: API token for `url`.
    """

    socket: Path | None
    url: str
    token: str


def config_path(given: Path | None) -> Path:
    """The configuration file: as given, `./starfort.yaml`, or the system's."""
    if given is not None:
        return given
    return SYSTEM_CONFIG if not DEFAULT_CONFIG.exists() and SYSTEM_CONFIG.exists() else DEFAULT_CONFIG


def data_dir(config: Path | None, given: Path | None) -> Path:
    """The data directory, from the option, else from the configuration file.

    A file with mistakes suffices: somebody who looks for what is wrong often has one.

    Raises:
        UsageError: neither names it.
    """
    if given is not None:
        return given
    # Read as plain YAML: building the configuration's models would take longer than the question to Starfort.
    from starfort.config import ConfigError
    from starfort.config.yaml_file import read

    path = config_path(config)
    try:
        data = read(path).data
        named = data.get("data_dir", DEFAULT_DATA_DIR) if isinstance(data, dict) else DEFAULT_DATA_DIR
    except ConfigError as error:
        named = _written_data_dir(path)
        if not named:
            raise UsageError(
                f"the data directory is not known: {error.problems[0]}",
                "name the configuration with --config, or the directory with --data-dir or STARFORT_DATA_DIR",
            ) from None
    return path.resolve().parent / str(named)


def _written_data_dir(path: Path) -> str:
    """The `data_dir` line of a file that is not YAML, which is when somebody needs `starfort status` most."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    found = re.search(r"^data_dir:[ \t]*([^#\s][^#\n]*)", text, re.MULTILINE)
    return found[1].strip().strip("'\"") if found else DEFAULT_DATA_DIR


def find(config: Path | None, directory: Path | None, url: str) -> Target:
    """The Starfort that the options name.

    Args:
        config: the configuration file.
        directory: the data directory.
        url: an admin address elsewhere; it wins over both.

    Raises:
        UsageError: the address is not one, there is no token, or the token would be sent unencrypted.
    """
    if not url:
        return Target(data_dir(config, directory) / "run" / "admin.sock", "", "")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(f"--url {url!r} is no address", "write it as https://HOST:PORT")
    # Not an option: the arguments of a process can be read by everybody on the machine.
    token = os.environ.get(TOKEN_VARIABLE, "")
    if not token:
        raise UsageError(
            f"--url needs an API token in {TOKEN_VARIABLE}",
            "make one with `starfort token create NAME` on the machine that runs Starfort",
        )
    # On this machine nobody listens in between.
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise UsageError(
            f"--url {url}: the token would be sent unencrypted", "use https (admin.tls), or a tunnel"
        )
    return Target(None, url.rstrip("/"), token)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
