"""Makes alerts of news of the catalogue: one for all news of a kind and an API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from starfort.alerts.folding.groups import grouped, most_severe, shown
from starfort.alerts.model import Alert
from starfort.base.severity import SEVERE_DATA_CLASSES, Severity
from starfort.catalogue.model import News, NewsKind

_MANY: Final[Mapping[NewsKind, str]] = {
    "new_endpoint": "{count} new endpoints of {api}",
    "undocumented_endpoint": "{count} undocumented endpoints of {api} are called",
    "new_method": "{count} endpoints of {api} are called with new methods",
    "new_version": "{count} new versions of {api} are called",
    "new_host": "{api} is called by {count} new host names",
    "reappeared": "{count} endpoints of {api} are called again after a long time",
    "sensitive_class": "{count} endpoints of {api} carry sensitive data that they did not carry before",
    "answers_without_credentials": "{count} endpoints of {api} answer without credentials since now",
    "zombie_endpoint": "{count} deprecated endpoints of {api} are called",
    "orphan_endpoint": "{count} documented endpoints of {api} are not called any more",
    "drifting_endpoint": "{count} endpoints of {api} differ from their document",
}
_ONE: Final[Mapping[NewsKind, str]] = {
    "new_endpoint": "New endpoint of {api}: {subject}",
    "undocumented_endpoint": "Undocumented endpoint of {api} is called: {subject}",
    "new_method": "{subject} of {api} is called; the path was known with other methods only",
    "new_version": "New version of {api} is live: {subject}",
    "new_host": "{api} is called by a new host name: {subject}",
    "reappeared": "{subject} of {api} is called again after a long time",
    "sensitive_class": "{subject} of {api} carries sensitive data that it did not carry before",
    "answers_without_credentials": "{subject} of {api} answers without credentials since now",
    "zombie_endpoint": "{subject} of {api} is deprecated and called",
    "orphan_endpoint": "{subject} of {api} is documented and not called any more",
    "drifting_endpoint": "{subject} of {api} differs from its document",
}

_IN_BURSTS: Final = frozenset({
    "new_endpoint", "undocumented_endpoint", "new_method", "zombie_endpoint", "orphan_endpoint",
    "drifting_endpoint",
})  # fmt: skip
"""News of endpoints, of which many come at once."""


def alerts_of_news(news: Sequence[News]) -> list[Alert]:
    """One alert for all news of a kind and an API: a burst is one thing to look at, not thousands.

    Args:
        news: what one refresh of the catalogue found.
    """
    groups = grouped(news, lambda item: (item.kind, item.api))
    return [_alert(kind, api, rows) for (kind, api), rows in groups.items()]


def _alert(kind: NewsKind, api: str, rows: list[News]) -> Alert:
    first = rows[0]
    if len(rows) == 1:
        title, subject = _ONE[kind].format(api=api, subject=first.subject), first.subject
    else:
        title, subject = _MANY[kind].format(api=api, count=len(rows)), f"api={api}"
    return Alert(
        kind=kind,
        severity=most_severe(map(_severity, rows)),
        title=title,
        subject=subject,
        evidence=shown(rows, _evidence),
        # "many" and "endpoints" instead of names: the next burst within the hour is the same alert, counted
        # up
        dedup_key=f"catalogue:{kind}:{api}:{_what(first) if len(rows) == 1 else 'many'}",
    )


def _evidence(news: News) -> dict[str, object]:
    """What one piece of news shows; the id leads to the page of its endpoint."""
    about = {"endpoint_id": news.endpoint.id} if news.endpoint is not None else {}
    return {**about, "subject": news.subject, **_flat(news.facts)}


def _what(news: News) -> str:
    """The part of the key that tells news apart. Endpoints come in bursts; versions and hosts do not."""
    if news.kind in _IN_BURSTS:
        return "endpoints"
    classes = ",".join(news.names("classes"))
    return f"{news.subject}:{classes}"


def _flat(facts: Mapping[str, object]) -> dict[str, object]:
    """Facts as channels show them: a CEF field or a table cell holds no list."""
    return {
        name: ", ".join(map(str, value)) if isinstance(value, list) else value
        for name, value in facts.items()
    }


def _severity(news: News) -> Severity:
    classes = {*news.names("sensitive"), *news.names("classes")}
    severe = not classes.isdisjoint(SEVERE_DATA_CLASSES)
    is_open = news.endpoint is not None and news.endpoint.open_since is not None
    match news.kind:
        case "answers_without_credentials":
            return "critical" if severe else "high"
        case "new_version":
            return "critical" if severe and news.names("opened") else "high"
        case "sensitive_class":
            return "high" if severe and is_open else "medium" if severe else "low"
        case "undocumented_endpoint" | "new_method" | "new_endpoint":
            level: Severity = "medium" if news.facts.get("api_documented") else "info"
            return "high" if severe and is_open else level
        case "zombie_endpoint" | "drifting_endpoint":
            return "high" if severe and is_open else "medium"
        case "new_host" | "reappeared" | "orphan_endpoint":
            return "info" if news.kind == "orphan_endpoint" else "medium"
