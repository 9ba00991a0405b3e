"""New posture findings as alerts: one for all serious findings of a check and an API."""

from __future__ import annotations

from collections.abc import Iterable

from starfort.alerts.folding.groups import and_more, grouped, shown
from starfort.alerts.model import Alert
from starfort.base.severity import SERIOUS, severity_rank
from starfort.posture.finding import PostureFinding


def alerts_of_findings(fresh: Iterable[PostureFinding]) -> list[Alert]:
    """One alert for all serious findings of a check and an API.

    Other findings are only shown on the page Findings, because they can wait.

    Args:
        fresh: findings that are new, or more severe than before.
    """
    serious = (finding for finding in fresh if finding.severity in SERIOUS)
    return [_alert(rows) for rows in grouped(serious, lambda row: (row.code, row.api)).values()]


def _alert(rows: list[PostureFinding]) -> Alert:
    first = max(rows, key=lambda row: severity_rank(row.severity))
    return Alert(
        kind=first.code,
        severity=first.severity,
        title=and_more(first.title, len(rows)),
        subject=first.subject,
        evidence=shown(rows, lambda row: {"endpoint_id": row.endpoint_id, **row.evidence}),
        # The endpoint is part of the key, because a finding about another endpoint is another thing to put
        # right.
        dedup_key=f"finding:{first.code}:{first.api}:{first.endpoint_id or first.title}",
    )
