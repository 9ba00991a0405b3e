"""Makes rules for arguments look at the other places of a request, too.

The files of rule sets are not changed: targets are added when rules are compiled. docs/rules.md describes the
places, and the engine's `rules/run/places.rs` fills them. Names of uploaded files are in `FILES`. Only rules
that need a syntax and not just a word look there: `version (2).docx`, `cat & dog.png` and
`alert (1).png` are names.
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

_FILES: Final = Variable("FILES")

_FOR_FILE_NAMES: Final = frozenset(
    {
        *(941100, 941110, 941120, 941140, 941160, 941190, 941200, 941230, 941240, 941250, 941260, 941270),
        *(941280, 941290, 941300, 941310, 941350, 941400),
        *(942240, 942270, 942280, 942500),
        *(921120, 933100, 944100, 944110, 944150, 944151, 944152),
    }
)
"""Rules of CRS that look at names of uploaded files as well: header lines, markup, statements of SQL,
beginnings of PHP, classes and expressions by which Java runs programs (CVE-2017-5638 came in a file's name).
Starfort's own rules name `FILES` where they look at it (9530216, 9530217, 9530225 and others)."""

_LAST_OF_REQUEST: Final = 2
"""The last phase in which a request can still be refused."""


def look_everywhere(rule: Rule) -> Rule:
    """The rule with the places added, if it looks for attacks in all arguments.

    A rule looks for attacks when a tag says so: `attack-sqli` and its like, as in CRS and Starfort's own.
    """
    attack = any(tag.startswith("attack-") for tag in rule.tags)
    # Rules for responses look for leaks, not for what a client wrote.
    if rule.phase > _LAST_OF_REQUEST or not attack or _OF_FORM in rule.tags:
        return rule
    more: dict[Variable, tuple[Variable, ...]] = {_ARGUMENTS: (_PLACES,)}
    if _OWN in rule.tags:
        more[_NAMES] = (_NAMES_OF_PLACES,)
    if rule.id in _FOR_FILE_NAMES:
        more[_ARGUMENTS] = (_PLACES, _FILES)
    return replace(rule, links=tuple(_widened(link, more) for link in rule.links))


def _widened(link: Link, more: Mapping[Variable, tuple[Variable, ...]]) -> Link:
    added = tuple(
        place
        for whole, places in more.items()
        if whole in link.variables
        for place in places
        # A rule that names the place itself must not score twice.
        if place not in link.variables
    )
    return replace(link, variables=link.variables + added)
