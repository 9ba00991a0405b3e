"""The catalogue as the runtime uses it: a configuration's endpoints go in, alerts come out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Engine

from starfort.alerts import Alert
from starfort.bundle.learned import LearnedEndpoint
from starfort.catalogue import ApiFacts, Catalogue, Declared, Endpoint, News, NewsKind
from starfort.catalogue.finding import Finding
from starfort.config import Config
from starfort.runtime.findings import FindingsBoard, Posture
from starfort.runtime.toolchain import Built
from starfort.store import Reader, Store

MAX_ROWS: Final = 50
"""Rows of evidence of one alert."""

SEVERE_CLASSES: Final = frozenset({"card_number", "us_ssn", "private_key", "cloud_key", "iban", "password"})
"""Classes of sensitive data whose appearance is more than a hint."""

_MANY: Final[Mapping[NewsKind, str]] = {
    "new_endpoint": "{count} new endpoints of {api}",
    "undocumented_endpoint": "{count} undocumented endpoints of {api} are called",
    "new_method": "{count} endpoints of {api} are called with new methods",
    "new_version": "{count} new versions of {api} are called",
    "new_host": "{api} is called by {count} new host names",
    "reappeared": "{count} endpoints of {api} are called again after a long time",
    "sensitive_class": "{count} endpoints of {api} carry sensitive data that they did not carry before",
    "answers_without_credentials": "{count} endpoints of {api} answer without credentials since now",
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
}


class CatalogueFeed:
    """A catalogue whose news are alerts.

    Args:
        store: where events are.
        state: the state database.
    """

    def __init__(self, store: Store, state: Engine) -> None:
        reads = store.reading_as(Reader.BACKGROUND)
        self.catalogue = Catalogue(reads, state)
        self.board = FindingsBoard(reads, state)

    def declare(self, built: Built) -> None:
        """Take over the APIs and endpoints of the configuration that is in force now. Blocking."""
        bundle = built.bundle
        configured = {
            (api.name, *endpoint.match.split(" ", 1))
            for api in built.config.apis
            for endpoint in api.endpoints
        }
        apis = [
            ApiFacts(api.name, tuple(api.hosts), tuple(api.labels), api.documented) for api in bundle.apis
        ]
        endpoints = [
            Declared(apis[row.api].name, row.method, row.path, tuple(row.labels), row.documented)
            for row in bundle.endpoints
            if row.documented or (apis[row.api].name, row.method, row.path) in configured
        ]
        self.catalogue.declare(apis, endpoints)
        providers = len(bundle.identity.jwt_providers)
        self.board.posture = Posture(
            apis=tuple(apis),
            verified_apis=tuple(row.name for row in bundle.apis if row.jwt_providers),
            any_jwt_apis=tuple(row.name for row in bundle.apis if providers and not row.jwt_providers),
            jwt_providers=providers,
            masked=tuple(_masked(built.config)),
        )

    def refresh(self) -> list[Alert]:
        """Take over what came since the last time; alerts about what is new. Blocking."""
        news = self.catalogue.refresh()
        return [*alerts_of(news), *self.board.run(self.catalogue.endpoints())]

    def findings(self) -> Sequence[Finding]:
        """What is wrong with the APIs as they stand, most severe first."""
        return self.board.findings()

    def learned_endpoints(self) -> Sequence[LearnedEndpoint]:
        """Endpoints that traffic showed and nothing declares."""
        return self.catalogue.learned_endpoints()

    def endpoints(self) -> Sequence[Endpoint]:
        """Every endpoint."""
        return self.catalogue.endpoints()

    def dropped(self) -> Mapping[str, int]:
        """What limits kept out since the start, by reason."""
        return self.catalogue.dropped

    def check_failures(self) -> Mapping[str, int]:
        """Runs of posture checks that failed since the start, by check."""
        return dict(self.board.failures)

    def close(self) -> None:
        """Write what is not written yet. Blocking."""
        self.catalogue.save()


def alerts_of(news: Sequence[News]) -> list[Alert]:
    """One alert for all news of a kind and an API: a burst is one thing to look at, not thousands.

    Args:
        news: of one refresh.
    """
    groups: dict[tuple[NewsKind, str], list[News]] = {}
    for item in news:
        groups.setdefault((item.kind, item.api), []).append(item)
    return [_alert(kind, api, rows) for (kind, api), rows in groups.items()]


def _alert(kind: NewsKind, api: str, rows: list[News]) -> Alert:
    first = rows[0]
    if len(rows) == 1:
        title, subject = _ONE[kind].format(api=api, subject=first.subject), first.subject
    else:
        title, subject = _MANY[kind].format(api=api, count=len(rows)), f"api={api}"
    return Alert(
        kind=kind,
        severity=max((_severity(row) for row in rows), key=_RANK.index),
        title=title,
        subject=subject,
        evidence=tuple({"subject": row.subject, **_flat(row.facts)} for row in rows[:MAX_ROWS]),
        dedup_key=f"catalogue:{kind}:{api}:{_what(first) if len(rows) == 1 else 'many'}",
    )


def _what(news: News) -> str:
    """What news of one kind are told apart by: endpoints come in bursts, versions and hosts do not."""
    if news.kind in ("new_endpoint", "undocumented_endpoint", "new_method"):
        return "endpoints"
    classes = ",".join(news.facts.get("classes", ()))
    return f"{news.subject}:{classes}"


def _flat(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: ", ".join(map(str, value)) if isinstance(value, list) else value
        for name, value in facts.items()
    }


_RANK: Final = ("info", "low", "medium", "high", "critical")


def _severity(news: News) -> str:
    severe = bool(SEVERE_CLASSES & {*news.facts.get("sensitive", ()), *news.facts.get("classes", ())})
    is_open = news.endpoint is not None and news.endpoint.open_since is not None
    match news.kind:
        case "answers_without_credentials":
            return "critical" if severe else "high"
        case "new_version":
            return "high"
        case "sensitive_class":
            return "high" if severe and is_open else "medium" if severe else "low"
        case "undocumented_endpoint" | "new_method" | "new_endpoint":
            level = "medium" if news.facts.get("api_documented") else "info"
            return "high" if severe and is_open else level
        case "new_host" | "reappeared":
            return "medium"


def _masked(config: Config) -> Iterator[str]:
    """What policies mask: the tag that each leaves in an event, and a class; `mask` alone masks all."""
    for policy in config.policies:
        if policy.action.kind == "mask":
            classes = policy.action.named("sensitive class that is looked for,")
            for name in classes or config.sensitive.classes:
                yield f"mask:{policy.name} {name}"
