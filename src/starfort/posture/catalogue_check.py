"""Checks that the catalogue answers by itself, so that they need no query.

The catalogue knows what events have forgotten: when an endpoint was called for the first time, and that
nobody called it for a month. Such a check is a Python function over the endpoints instead of a file of SQL.
It is listed, shown and switched off like every other check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from starfort.catalogue.model import ApiFacts, Endpoint
from starfort.posture.finding import PostureFinding


@dataclass(frozen=True, slots=True)
class CatalogueView:
    """What a check of the catalogue looks at.

    Attributes:
        endpoints: every endpoint.
        apis: what is configured of each API.
        now: UTC.
        findings: what checks by query found so far.
    """

    endpoints: Sequence[Endpoint]
    apis: Sequence[ApiFacts]
    now: datetime
    findings: Sequence[PostureFinding] = ()


@dataclass(frozen=True, slots=True)
class CatalogueCheck:
    """A check that the catalogue answers.

    Its findings hold only while the catalogue confirms them: a finding that the next run does not have is
    gone at once.

    Attributes:
        name: the code of its findings.
        bastion: the bastion that it belongs to.
        title: what its findings say, for lists of checks.
        why: what is wrong about them.
        fix: what to do.
        find: the findings.
        owasp: the risk of the OWASP API Security Top 10 that they belong to; "" for none.
    """

    # The names are those of a check's front matter, so that lists show both kinds in the same way.
    name: str
    bastion: str
    title: str
    why: str
    fix: str
    find: Callable[[CatalogueView], Iterable[PostureFinding]]
    owasp: str = ""

    @property
    def advice(self) -> str:
        """A text that says what is wrong about its findings, and what to do."""
        return f"{self.why} {self.fix}"
