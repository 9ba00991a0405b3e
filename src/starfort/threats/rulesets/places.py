"""Rules for arguments look at the other places of a request too.

The files of rule sets stay as they are: targets are added when rules are compiled. docs/rules.md says what
the places are; the engine's `rules/places.rs` fills them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from starfort.threats.seclang.model import Variable
from starfort.threats.seclang.resolve import Link, Rule

_ARGUMENTS: Final = Variable("ARGS")
_PLACES: Final = Variable("STARFORT_ARGS")
_NAMES: Final = Variable("ARGS_NAMES")
_NAMES_OF_PLACES: Final = Variable("STARFORT_ARGS_NAMES")

_OWN: Final = "starfort"
"""The tag of Starfort's own rules. These alone look at the names of places too: others would take what a
decoder adds to a name for a command."""

_OF_FORM: Final = "OWASP_CRS/PROTOCOL-ENFORCEMENT"
"""The tag of rules about how a request is written rather than what its values do: how often they are encoded,
which bytes and how many there are. Headers and paths have a syntax of their own."""

_LAST_OF_REQUEST: Final = 2
"""The last phase in which a request can still be refused."""


def look_everywhere(rule: Rule) -> Rule:
    """The rule, with the places added wherever it looks at all arguments for attacks.

    A rule looks for attacks when a tag says so: `attack-sqli` and its like, as in CRS and Starfort's own.
    """
    attack = any(tag.startswith("attack-") for tag in rule.tags)
    if rule.phase > _LAST_OF_REQUEST or not attack or _OF_FORM in rule.tags:
        return rule
    more = {_ARGUMENTS: _PLACES, _NAMES: _NAMES_OF_PLACES} if _OWN in rule.tags else {_ARGUMENTS: _PLACES}
    return replace(rule, links=tuple(_widened(link, more) for link in rule.links))


def _widened(link: Link, more: Mapping[Variable, Variable]) -> Link:
    added = tuple(
        place for whole, place in more.items() if whole in link.variables and place not in link.variables
    )
    return replace(link, variables=link.variables + added)
