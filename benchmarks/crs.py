"""The Core Rule Set that Starfort and ModSecurity are both given."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starfort.threats.rulesets.installed import installed as rule_sets
from starfort.threats.rulesets.installed import rule_files, rule_set_folder

_DIRECTIVE: Final = re.compile(r"(?<!\\)\n(?=[ \t]*Sec[A-Z])")


@dataclass(frozen=True)
class CoreRuleSet:
    """CRS as `starfort rules install` put it there.

    Attributes:
        version: such as 4.25.0.
        setup: its set-up file.
        rules: its rule files in order.
    """

    version: str
    setup: Path
    rules: list[Path]


def installed() -> CoreRuleSet | None:
    """CRS from the folder of rule sets (`STARFORT_RULESETS`), or None."""
    folder = rule_set_folder()
    if "crs" not in rule_sets(folder):
        return None
    entry, setup, rules = rule_files(folder, "crs")
    return CoreRuleSet(entry.version, setup, rules)


def for_modsecurity(found: CoreRuleSet, folder: Path) -> list[Path]:
    """Copy the rule set so that ModSecurity 3.0.9 reads it; set-up first, then rules.

    The module that carries CRS has no comments and no empty lines. ModSecurity does not see that a directive
    begins right behind a chained rule without actions (949111), so each gets an empty line before it. The
    rules stay what they are.

    Args:
        found: the rule set.
        folder: where the copy goes, with the data files that rules name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for data in found.rules[0].parent.glob("*.data"):
        (folder / data.name).write_bytes(data.read_bytes())
    copies = []
    for file in (found.setup, *found.rules):
        copies.append(folder / file.name)
        copies[-1].write_text(spaced(file.read_text()))
    return copies


def spaced(rules: str) -> str:
    """SecLang with an empty line before every directive."""
    return _DIRECTIVE.sub("\n\n", rules)
