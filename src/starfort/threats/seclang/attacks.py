"""Says which kinds of attacks a rule looks for, and so which grammar weighs a match in a field of people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_TAGS: Final = {
    "attack-sqli": "sql",
    "attack-xss": "xss",
    "attack-rce": "shell",
    "attack-lfi": "path",
    "attack-rfi": "address",
    "attack-ssrf": "address",
    "attack-injection-php": "php",
    "attack-injection-java": "java",
    "attack-injection-generic": "script",
    "attack-nodejs": "script",
    "attack-nosql": "script",
    "attack-ssti": "template",
    "attack-injection-template": "template",
    "attack-ldap": "ldap",
    "language-java": "java",
    "language-javascript": "script",
}
"""The kind of attack that each tag stands for, in the Core Rule Set and in Starfort's own rules."""

_LINE_RULES: Final = frozenset({921110, 921120, 921130, 921160})
"""Rules of the Core Rule Set that look for HTTP header lines in values.

Their tag, `attack-protocol`, also belongs to rules about the protocol itself, which are not weighed.
"""


def attacks_of(rule: int, tags: Iterable[str]) -> list[str]:
    """The kinds of attacks that a rule looks for; a match of a rule without one is not weighed.

    Args:
        rule: its id.
        tags: its tags.
    """
    if rule in _LINE_RULES:
        return ["lines"]
    known = [tag for tag in tags if tag in _TAGS]
    # The language of a rule says which grammar to ask, not that the rule is about an attack.
    if not any(tag.startswith("attack-") for tag in known):
        return []
    # Sorted, so that the same files always give the same bundle.
    return sorted({_TAGS[tag] for tag in known})
