"""Checks whether the engine can use the MaxMind databases of a configuration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import maxminddb

from starfort.config import ConfigProblem, LoadedConfig

_PROBES: Final = ("1.1.1.1", "81.2.69.160", "203.0.113.1", "2001:218::1", "2a02:ec00::1")
"""Addresses in different parts of the tree: a file that was cut off fails for one of them."""

_HOLDS: Final = {"country": ("Country", "City", "Enterprise", "Insights"), "asn": ("ASN", "ISP")}


def problems(loaded: LoadedConfig) -> Iterator[ConfigProblem]:
    """The problems of the databases that a configuration names."""
    for name, path in (("country", loaded.config.geo.country), ("asn", loaded.config.geo.asn)):
        if path is not None and (what := _problem(name, path)):
            fix = "download it again" if "broken" in what else f"give a database of kind {name}"
            yield loaded.source.problem(("geo", name), f"{path} {what}", fix)


def _problem(name: str, path: Path) -> str:
    try:
        # Mapped and probed, not read: such a database has 10 to 100 MB.
        with maxminddb.open_database(path, maxminddb.MODE_MMAP) as database:
            kind = database.metadata().database_type
            for address in _PROBES:
                if database.metadata().ip_version == 6 or ":" not in address:  # noqa: PLR2004
                    database.get(address)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    except Exception as error:  # noqa: BLE001 - a broken file makes the reader fail in any way
        return f"is broken: {type(error).__name__}"
    # A country database in the place of the ASN one loads well and then answers nothing, so it is refused.
    other = next(other for other in _HOLDS if other != name)
    if any(word.lower() in kind.lower() for word in _HOLDS[other]) and not any(
        word.lower() in kind.lower() for word in _HOLDS[name]
    ):
        return f"is a database of kind {kind}"
    return ""
