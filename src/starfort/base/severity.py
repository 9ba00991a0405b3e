"""How urgent an alert, a signal or a posture finding is: one scale for the whole product.

The severities of SecLang rules (`emergency` to `debug`) are another scale, that of syslog; they stay with the
rules.
"""

from typing import Final, Literal, get_args

Severity = Literal["info", "low", "medium", "high", "critical"]

SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)
"""Every severity, the least urgent first."""

SERIOUS: Final = frozenset[Severity]({"high", "critical"})
"""Severities of which people are told at once."""

SEVERE_DATA_CLASSES: Final = ("card_number", "us_ssn", "private_key", "cloud_key", "iban", "password")
"""Classes of sensitive data that do harm by themselves when they leak: money, identity, access.

An address or a name needs more before anyone can misuse it, so such classes raise no severity by themselves.
"""

_RANKS: Final[dict[str, int]] = {name: rank for rank, name in enumerate(SEVERITIES)}


def severity_rank(severity: str) -> int:
    """The place of a severity on the scale, to sort by: 0 is `info`, 4 is `critical`.

    Raises:
        KeyError: it is no severity.
    """
    return _RANKS[severity]


def as_severity(text: str) -> Severity:
    """A severity from a text that was stored; an unknown one counts as `medium`.

    An alert of an older or newer version may carry a word that this version does not know. It is shown with a
    severity in the middle rather than not at all.
    """
    # `high` would call people because of a word that this version does not know, and `info` would hide the
    # alert.
    return SEVERITIES[_RANKS.get(text, _RANKS["medium"])]
