"""Rule sets on disk: says what is installed, and whether its files are still those that were installed."""

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
"""The file, in the folder of rule sets, that says which version of each rule set is in use."""


@dataclass(frozen=True, slots=True)
class InstalledRuleSet:
    """A rule set that is installed.

    Attributes:
        name: `crs`.
        version: the version that its files name, such as 4.28.0.
        folder: its folder in the folder of rule sets; it contains `setup.conf` and `rules/`.
        source: the file or address that it came from.
        sha256: the digest of the archive, hexadecimal; "" for a folder.
        verified: how its origin was checked, in words.
        installed: the time of installation, ISO 8601.
        files: the SHA-256 of every file, by its path in `folder`.
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
    """The folder of rule sets: `STARFORT_RULESETS`, else in the user's data folder (XDG Base Directory)."""
    if chosen := os.environ.get("STARFORT_RULESETS"):
        return Path(chosen)
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local/share") / "starfort/rulesets"


def installed(folder: Path) -> dict[str, InstalledRuleSet]:
    """The installed rule sets, by name.

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
    """Record atomically that a rule set is the one in use."""
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
            # This is checked at each compilation: an edit in place would be lost at the next installation.
            found = hashlib.sha256((base / path).read_bytes()).hexdigest()
        except OSError as error:
            found = str(error.strerror)
        if found != digest:
            fix = f"install {name} again; say what shall differ in `rules:` of starfort.yaml instead"
            problems.append(ConfigProblem(base / path, 0, 0, "is not as it was installed", fix))
    if problems:
        raise ConfigError(problems)
    # Sorted by name, because CRS numbers its files in the order in which they must be read.
    rules = sorted(
        base / path for path in entry.files if path.startswith("rules/") and path.endswith(".conf")
    )
    return entry, base / "setup.conf", rules
