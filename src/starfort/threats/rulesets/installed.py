"""Rule sets on disk: what is installed, and whether it is still what was installed."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from starfort.base.files import write_private
from starfort.config.problems import ConfigError, ConfigProblem

MANIFEST: Final = "installed.json"
"""In the folder of rule sets: which version of each is in use."""


@dataclass(frozen=True, slots=True)
class InstalledRuleSet:
    """A rule set that is installed.

    Attributes:
        name: `crs`.
        version: as its files say, such as 4.28.0.
        folder: below the folder of rule sets; holds `setup.conf` and `rules/`.
        source: file or address that it came from.
        sha256: of the archive, hexadecimal; "" for a folder.
        verified: how its origin was checked, in words.
        installed: when, ISO 8601.
        files: SHA-256 of every file, by its path below `folder`.
    """

    name: str
    version: str
    folder: str
    source: str
    sha256: str
    verified: str
    installed: str
    files: dict[str, str]


def rule_set_folder() -> Path:
    """Where rule sets live: `STARFORT_RULESETS`, else the user's data folder (XDG Base Directory)."""
    if chosen := os.environ.get("STARFORT_RULESETS"):
        return Path(chosen)
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local/share") / "starfort/rulesets"


def installed(folder: Path) -> dict[str, InstalledRuleSet]:
    """What is installed, by name; nothing where nothing is.

    Raises:
        ConfigError: the manifest is damaged.
    """
    manifest = folder / MANIFEST
    try:
        listed = json.loads(manifest.read_bytes())
        return {name: InstalledRuleSet(**entry) for name, entry in listed.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ConfigError(
            [ConfigProblem(manifest, 0, 0, f"cannot be read: {error}", "install the rule set again")]
        ) from error


def record(folder: Path, entry: InstalledRuleSet) -> None:
    """Make a rule set the one in use, atomically."""
    everything = {**installed(folder), entry.name: entry}
    text = json.dumps({name: asdict(value) for name, value in everything.items()}, indent=2)
    write_private(folder / MANIFEST, text.encode())


def rule_files(folder: Path, name: str) -> tuple[InstalledRuleSet, Path, list[Path]]:
    """An installed rule set: its entry, its set-up file and its rule files in order.

    Raises:
        ConfigError: it is not installed, or its files are not what was installed.
    """
    entry = installed(folder).get(name)
    if entry is None:
        fix = f"`starfort rules install {name}` brings it; `--from FILE` where there is no network"
        raise ConfigError([ConfigProblem(folder, 0, 0, f"rule set {name!r} is not installed", fix)])
    base = folder / entry.folder
    problems = []
    for path, digest in entry.files.items():
        try:
            # At each compilation: a rule that somebody edited in place would be lost at the next install.
            found = hashlib.sha256((base / path).read_bytes()).hexdigest()
        except OSError as error:
            found = str(error.strerror)
        if found != digest:
            fix = f"install {name} again; say what shall differ in `rules:` of starfort.yaml instead"
            problems.append(ConfigProblem(base / path, 0, 0, "is not as it was installed", fix))
    if problems:
        raise ConfigError(problems)
    # By name: CRS numbers its files in the order in which they have to be read.
    rules = sorted(
        base / path for path in entry.files if path.startswith("rules/") and path.endswith(".conf")
    )
    return entry, base / "setup.conf", rules
