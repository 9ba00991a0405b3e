"""What waits for a person: the first thing that the overview shows."""

from collections.abc import Sequence
from urllib.parse import quote

from starfort.admin import models
from starfort.base.severity import as_severity, severity_rank
from starfort.runtime import Status

MAX_ITEMS = 20


def attention(
    status: Status,
    counts: models.CatalogueCounts,
    policies: Sequence[models.Policy],
    alerts: Sequence[models.Alert],
) -> list[models.AttentionItem]:
    """What waits for a person, most urgent first, at most `MAX_ITEMS`.

    Args:
        status: its problems come first: while Starfort itself is blind, nothing else can be relied on.
        counts: undocumented and open endpoints.
        policies: those in observe mode that would have acted are waiting for a decision.
        alerts: open ones, latest first; those of one kind are put together, muted ones left out.
    """
    items = [
        models.AttentionItem(severity="high", title="Starfort needs attention", detail=problem, link="/nodes")
        for problem in status.problems
    ]
    items += _alerts(alerts)
    if counts.undocumented and counts.new:
        items.append(
            models.AttentionItem(
                severity="medium", title="New endpoints",
                detail="first called within the last 24 hours: are they meant to be public?",
                link="/catalogue?show=new", count=counts.new,
            )
        )  # fmt: skip
    items += [
        models.AttentionItem(
            severity="low", title=f"Policy {policy.name} observes",
            detail=f"would have acted on {policy.observed:,} requests in 24 hours: review and enforce",
            link=f"/policies/{quote(policy.name, safe='')}", count=policy.observed,
        )
        for policy in policies
        if policy.mode == "observe" and policy.observed
    ]  # fmt: skip
    # The sort is stable, so items of one severity keep the order in which they were put in above.
    items.sort(key=lambda item: -severity_rank(item.severity))
    return items[:MAX_ITEMS]


def _alerts(alerts: Sequence[models.Alert]) -> list[models.AttentionItem]:
    by_kind: dict[tuple[str, str], list[models.Alert]] = {}
    for alert in alerts:
        if not alert.muted:
            by_kind.setdefault((alert.severity, alert.kind), []).append(alert)
    items = []
    # One line for each kind: twenty alerts of one attack must not hide the one alert of another.
    for (severity, kind), rows in by_kind.items():
        first = rows[0]
        several = len(rows) > 1
        known = as_severity(severity)
        items.append(
            models.AttentionItem(
                severity=known,
                title=kind.replace("_", " ").capitalize() if several else first.title,
                detail=f"{first.title} and {len(rows) - 1} more" if several else first.subject,
                link=f"/alerts?kind={quote(kind, safe='')}" if several else f"/alerts/{first.id}",
                count=len(rows),
            )
        )
    return items
