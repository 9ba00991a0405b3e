"""How large the risk of an endpoint is, and why: one figure from the findings that hold about it.

The figure grows with every finding and never reaches 100 by many small ones alone: each finding takes its
share of what is left (a noisy-or), so that a critical finding outweighs ten low ones. What an endpoint is
exposed to raises it: data that does harm when it leaks, and answers to callers without credentials. An
endpoint without findings has no risk that is known, however exposed it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from starfort.base.severity import SEVERE_DATA_CLASSES, Severity, severity_rank
from starfort.catalogue.model import Endpoint
from starfort.posture.finding import PostureFinding

RiskLevel = Literal["none", "low", "medium", "high", "critical"]

_SHARES: Final[Mapping[Severity, float]] = {
    "critical": 0.8,
    "high": 0.5,
    "medium": 0.25,
    "low": 0.08,
    "info": 0.0,
}
"""What a finding of a severity takes of what is left. One finding alone has the level of its own severity."""

_LEVELS: Final[tuple[tuple[int, RiskLevel], ...]] = (
    (75, "critical"),
    (50, "high"),
    (25, "medium"),
    (1, "low"),
)

_SEVERE_DATA: Final = 0.3
"""By how much severe classes of data raise the exponent of an endpoint: a high finding becomes 59 instead of
50."""

_OPEN: Final = 0.2
"""By how much answers to callers without credentials raise it."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason of a risk.

    Attributes:
        code: the check that found it, or `exposed_data`, `exposed_to_anybody`.
        severity: of the finding; `info` for an exposure.
        title: one sentence.
        owasp: the risk of the OWASP API Security Top 10 that it belongs to, "" for none.
    """

    code: str
    severity: Severity
    title: str
    owasp: str = ""


@dataclass(frozen=True, slots=True)
class Risk:
    """The risk of an endpoint or an API.

    Attributes:
        score: 0 (nothing is known) to 100.
        level: the score in a word.
        reasons: the most severe first.
    """

    score: int
    level: RiskLevel
    reasons: tuple[Reason, ...] = ()


NO_RISK: Final = Risk(0, "none")


def risk_of(endpoint: Endpoint, findings: Iterable[PostureFinding], owasp: Mapping[str, str]) -> Risk:
    """The risk of an endpoint.

    Args:
        endpoint: with its data and its credentials.
        findings: those that hold about it.
        owasp: the OWASP risk of each check by its name.
    """
    found = sorted(findings, key=lambda row: (-severity_rank(row.severity), row.code))
    reasons = [Reason(row.code, row.severity, row.title, owasp.get(row.code, "")) for row in found]
    left = 1.0
    for row in found:
        left *= 1 - _SHARES[row.severity]
    if left == 1.0:
        return Risk(0, "none", tuple(reasons))
    exponent = 1.0
    if severe := sorted(set(endpoint.sensitive) & set(SEVERE_DATA_CLASSES)):
        exponent += _SEVERE_DATA
        title = f"Its calls carry {', '.join(severe)}"
        reasons.append(Reason("exposed_data", "info", title, "API3:2023"))
    if endpoint.open_since is not None:
        exponent += _OPEN
        reasons.append(
            Reason("exposed_to_anybody", "info", "It answers callers without credentials", "API2:2023")
        )
    score = round(100 * (1 - left**exponent))
    return Risk(score, level_of(score), tuple(reasons))


def level_of(score: int) -> RiskLevel:
    """The word for a score."""
    return next((level for least, level in _LEVELS if score >= least), "none")
