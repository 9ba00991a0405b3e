"""Finds all commands by reading their files, without importing them.

A file whose docstring begins with "`starfort VERB`" or "`starfort NOUN VERB`" holds that command: its first
public function. The `__init__.py` of a folder says in the same way what its noun is about. So a new command
is one file, and the list of commands shows the docstring of each command.

The files are read as text: importing all commands would take half a second of every `starfort --help`.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final, TypeVar

Entry = TypeVar("Entry")

FOLDER: Final = Path(__file__).parent

ORDER: Final = (
    "init", "check", "up", "stop", "restart", "reload", "status", "discover", "events", "findings", "version",
    "catalogue", "policy", "alerts", "signals", "detectors", "checks", "rules", "config", "apikey",
    "user", "token",
)  # fmt: skip
"""Commands and nouns in the order in which people need them, which help uses. Others follow by name."""

ORDER_OF_A_NOUN: Final = (
    "add", "create", "check", "explain", "install", "list", "show", "export", "diff", "test", "backtest",
    "ack", "clear", "remove", "revoke", "password", "role", "factor",
)  # fmt: skip
"""The same for the commands of one noun."""

_FIRST_LINE: Final = re.compile(r'"""`starfort ([a-z][a-z ]*?)(?: …)?`(?:: ([^\n"]+))?')
_FUNCTION: Final = re.compile(r'^def ([a-z]\w*)\(.*?\n    """(.+?)(?:\n\s*\n|""")', re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Verb:
    """A command that is not imported yet.

    Attributes:
        place: module below `starfort.cli` and its function, as `module:function`.
        help: the first paragraph of the function's docstring, for lists of commands.
    """

    place: str
    help: str

    def load(self) -> Callable[..., None]:
        """Import the function."""
        module, _, function = self.place.partition(":")
        found: Callable[..., None] = getattr(importlib.import_module(f"starfort.cli.{module}"), function)
        return found


@dataclass(frozen=True, slots=True)
class Noun:
    """Commands about one thing.

    Attributes:
        help: what the thing is.
        verbs: the commands by name, in the order of the help.
    """

    help: str
    verbs: dict[str, Verb] = field(default_factory=dict)


@cache
def verbs() -> dict[str, Verb]:
    """The commands without a noun, by name, in the order of the help."""
    return _ordered(_verbs_in(FOLDER, ""), ORDER)


@cache
def nouns() -> dict[str, Noun]:
    """The nouns with their commands, by name, in the order of the help."""
    found = {}
    # The folder of a noun without such a line is a package of helpers.
    for path in FOLDER.glob("*/__init__.py"):
        first = _FIRST_LINE.match(path.read_text(encoding="utf-8"))
        if first is not None:
            about = first[2] or ""
            noun = path.parent.name
            verbs_of = _ordered(_verbs_in(path.parent, f"{noun}."), ORDER_OF_A_NOUN)
            found[noun] = Noun(about[:1].upper() + about[1:], verbs_of)
    return _ordered(found, ORDER)


def _verbs_in(folder: Path, package: str) -> dict[str, Verb]:
    found = {}
    for path in folder.glob("[a-z]*.py"):
        text = path.read_text(encoding="utf-8")
        if _FIRST_LINE.match(text) is None:
            continue  # a module that helps commands
        function = _FUNCTION.search(text)
        if function is None:
            raise RuntimeError(f"{path} begins like a command and has no public function with a docstring")
        found[path.stem] = Verb(f"{package}{path.stem}:{function[1]}", " ".join(function[2].split()))
    return found


def _ordered(found: dict[str, Entry], order: Iterable[str]) -> dict[str, Entry]:
    places = {name: place for place, name in enumerate(order)}
    return {
        name: found[name] for name in sorted(found, key=lambda name: (places.get(name, len(places)), name))
    }
