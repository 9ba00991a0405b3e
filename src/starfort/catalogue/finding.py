"""Findings: what is wrong with an API as it stands, found by a query over its traffic.

A check is a file of SQL and a sentence. Its query gives a row for each thing that it found, with the columns
`api`, `endpoint_id`, `subject` (what it is about, `GET /orders/{orderId}`), `severity`, `first_seen` and
`last_seen`; all other columns are evidence, and the sentence may name any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from starfort.base.severity import Severity
from starfort.base.sql import load_sql
from starfort.store import Store
from starfort.store.parameters import Value

MAX_FINDINGS: Final = 500
"""Rows of one run of one check."""

_OWN: Final = frozenset({"api", "endpoint_id", "subject", "severity", "first_seen", "last_seen"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that somebody should put right.

    Attributes:
        code: the check that found it.
        severity: how urgent it is.
        api: API.
        endpoint_id: endpoint, "" when it is about a whole API.
        title: one sentence.
        evidence: figures and names that show why; no payloads, no secrets.
        first_seen: earliest call that shows it, UTC.
        last_seen: latest one, UTC.
    """

    code: str
    severity: Severity
    api: str
    endpoint_id: str
    title: str
    evidence: Mapping[str, Any]
    first_seen: datetime
    last_seen: datetime

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes two findings the same one."""
        return (self.code, self.api, self.endpoint_id, "" if self.endpoint_id else self.title)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a run looks at.

    Attributes:
        since: begin of the window of event times, UTC.
        until: its end.
        verified_apis: APIs whose `authentication` names JWT providers.
        any_jwt_apis: APIs that take the tokens of every provider, where there are providers.
        jwt_providers: how many providers there are.
        masked: what policies mask, as `mask:POLICY CLASS`: the tag of an event, and a class.
        stride: minutes of which one is read where a check compares with the past (1: all).
    """

    since: datetime
    until: datetime
    verified_apis: tuple[str, ...] = ()
    any_jwt_apis: tuple[str, ...] = ()
    jwt_providers: int = 0
    masked: tuple[str, ...] = ()
    stride: int = 1


def _nothing(_: Scope) -> dict[str, Value]:
    return {}


@dataclass(frozen=True, slots=True)
class Check:
    """One check of a bastion.

    Attributes:
        bastion: package that has its query.
        code: name, and the query's file name.
        title: sentence with `{column}` of the query's rows.
        why: what is wrong about it and what to do, for people.
        parameters: further parameters of the query.
        every_s: seconds between two runs, at least.
    """

    bastion: str
    code: str
    title: str
    why: str
    parameters: Callable[[Scope], dict[str, Value]] = field(default=_nothing)
    every_s: int = 30

    def run(self, store: Store, scope: Scope) -> list[Finding]:
        """Run it over a window.

        Args:
            store: where events are.
            scope: window and configuration.

        Returns:
            At most `MAX_FINDINGS`, most calls first.

        Raises:
            StoreError: the query was refused or ran into its limits.
        """
        parameters: dict[str, Value] = {"since": scope.since, "until": scope.until, "limit": MAX_FINDINGS}
        rows = store.query(
            load_sql(self.bastion, f"queries/{self.code}"), parameters | self.parameters(scope)
        )
        return [self._finding(row) for row in rows]

    def _finding(self, row: dict[str, Any]) -> Finding:
        shown = {name: _text(value) for name, value in row.items()}
        return Finding(
            code=self.code,
            severity=row["severity"],
            api=row["api"],
            endpoint_id=row["endpoint_id"],
            title=self.title.format_map(shown),
            evidence={"subject": row["subject"], **{k: v for k, v in row.items() if k not in _OWN}},
            first_seen=row["first_seen"].astimezone(UTC),
            last_seen=row["last_seen"].astimezone(UTC),
        )


def _text(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, list) else value
