"""The catalogue as people look at it: counted, filtered, sorted, as a tree, and one endpoint in detail."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

from starfort.admin import models
from starfort.admin.errors import NotFoundError
from starfort.admin.filters import EndpointFilter
from starfort.admin.window import RangeName, Window
from starfort.catalogue import Endpoint
from starfort.catalogue.model import State
from starfort.catalogue.states import state_of
from starfort.posture.risk import NO_RISK, Risk
from starfort.store.parameters import Value
from starfort.store.rows import Row

NEW_FOR = timedelta(hours=24)
"""How long an endpoint counts as new: a working day and its night."""
MAX_CHILDREN = 300
"""Children of one place in the tree that are shown; beyond it people filter."""
MAX_EXPORTED = 100_000
"""Endpoints of one export: as many as the catalogue is made for."""
MAX_VALUES = 200
MAX_CONSUMERS = 100
MAX_CALLS = 200_000
"""Calls of a busy endpoint whose callers are counted. Two of three calls would have a row of their own in a
rollup of callers by endpoint, so that none saves much."""
MAX_TRAFFIC_ROWS = 100_000

Rows = Callable[[str, str, Mapping[str, Value]], Awaitable[list[Row]]]
IsFar = Callable[[Window], Awaitable[bool]]


class EndpointView:
    """Answers about the catalogue.

    Args:
        endpoints: every endpoint of the catalogue.
        rows: runs a bastion's query in a thread.
        reads_rollups: whether a window has too many events to read them all.
        risks: the risk of each of these endpoints, by id.
    """

    def __init__(
        self,
        endpoints: Callable[[], Sequence[Endpoint]],
        rows: Rows,
        reads_rollups: IsFar,
        risks: Callable[[Sequence[Endpoint]], Mapping[str, Risk]],
    ) -> None:
        self._endpoints = endpoints
        self._risks = risks
        self._rows = rows
        self._reads_rollups = reads_rollups

    async def counts(self) -> models.CatalogueCounts:
        """How many endpoints there are of each kind."""
        rows = await asyncio.to_thread(self._summaries)
        return models.CatalogueCounts(
            total=len(rows),
            **{kind: sum(map(holds, rows)) for kind, holds in _KINDS.items()},
        )

    async def page(
        self, wanted: EndpointFilter, limit: int, offset: int
    ) -> models.Page[models.EndpointSummary]:
        """A page of the endpoints that a filter lets through, with their traffic of the last day."""
        rows = [row for row in await asyncio.to_thread(self._summaries) if _matches(row, wanted)]
        traffic = await self._traffic()
        # Traffic is added to all rows only when they are sorted by it, else only to those of the page.
        if wanted.sort in ("requests", "errors"):
            rows = [_with_traffic(row, traffic) for row in rows]
        rows.sort(key=_ORDER[wanted.sort])
        items = [_with_traffic(row, traffic) for row in rows[offset : offset + limit]]
        return models.Page[models.EndpointSummary](items=items, total=len(rows), limit=limit, offset=offset)

    async def every(self, wanted: EndpointFilter) -> list[models.EndpointSummary]:
        """All endpoints that a filter lets through, as an export has them."""
        return (await self.page(wanted, MAX_EXPORTED, 0)).items

    async def tree(self, wanted: EndpointFilter) -> models.Tree:
        """The children of one place: hosts when the filter names none, else the next path segments.

        Args:
            wanted: `host` and `prefix` are the place; the other fields filter what is counted.
        """
        anywhere = wanted.model_copy(update={"prefix": ""})
        nodes: dict[str, list[models.EndpointSummary]] = {}
        depth = len(_segments(wanted.prefix))
        below = _segments(wanted.prefix)
        for row in await asyncio.to_thread(self._summaries):
            if not _matches(row, anywhere):
                continue
            if not wanted.host:
                nodes.setdefault(row.host, []).append(row)
                continue
            segments = _segments(row.path)
            if segments[:depth] == below and len(segments) > depth:
                nodes.setdefault(segments[depth], []).append(row)
        children = [_node(wanted, name, rows, depth) for name, rows in sorted(nodes.items())]
        return models.Tree(
            host=wanted.host, prefix=wanted.prefix, children=children[:MAX_CHILDREN], total=len(children)
        )

    def find(self, endpoint_id: str) -> models.EndpointSummary:
        """One endpoint without figures.

        Raises:
            NotFoundError: the catalogue has none of that id.
        """
        for row in self._summaries(endpoint_id):
            return row
        raise NotFoundError(f"there is no endpoint {endpoint_id[:64]!r} in the catalogue")

    async def detail(self, endpoint_id: str, name: RangeName) -> models.EndpointDetail:
        """One endpoint with all that is known of it.

        Raises:
            NotFoundError: the catalogue has none of that id.
        """
        summary = self.find(endpoint_id)
        # Where there are too many events, values come from a rollup, and callers are counted over the latest
        # calls only: no rollup has callers by endpoint.
        window = Window.of(name)
        since = window.since
        scope: dict[str, Value] = {"since": since, "endpoint_id": endpoint_id}
        which = scope | {"limit": MAX_VALUES}
        rolled = ""
        if await self._reads_rollups(window):
            rolled, which["api"] = "_rolled", summary.api
            since = scope["since"] = await self._latest_calls(since, {**scope, "api": summary.api})
        # At once: each runs on a session of its own, and they do not depend on each other.
        values, consumers, traffic = await asyncio.gather(
            self._rows("visibility", f"endpoint_values{rolled}", which),
            self._rows("access", "endpoint_consumers", scope | {"limit": MAX_CONSUMERS}),
            self._traffic(),
        )
        return models.EndpointDetail.model_validate(
            _with_traffic(summary, traffic).model_dump()
            | _seen_values(values)
            | {
                "consumers": [
                    {key: value for key, value in row.items() if key != "total"} for row in consumers
                ],
                "consumers_total": consumers[0]["total"] if consumers else 0,
                "consumers_since": since,
                "risk_reasons": self._reasons(endpoint_id),
            }
        )

    def _reasons(self, endpoint_id: str) -> list[models.RiskReason]:
        wanted = [row for row in self._endpoints() if row.id == endpoint_id]
        risk = self._risks(wanted).get(endpoint_id, NO_RISK)
        return [models.RiskReason.model_validate(dataclasses.asdict(row)) for row in risk.reasons]

    async def _latest_calls(self, since: datetime, scope: Mapping[str, Value]) -> datetime:
        """Since when an endpoint had as many calls as can be read to count its callers."""
        # By whole hours, since that is what the rollup has.
        rows = await self._rows("visibility", "endpoint_latest", {**scope, "most": MAX_CALLS})
        hour = datetime.fromtimestamp(rows[0]["since"] if rows else 0, UTC)
        return max(hour, since)

    def _summaries(self, endpoint_id: str = "") -> list[models.EndpointSummary]:
        known = self._endpoints()
        now = datetime.now(UTC)
        began = min((_aware(row.first_seen) or now for row in known), default=now)
        # On the first day everything was seen for the first time; what a document has is no news then.
        first_day = now - began < NEW_FOR
        wanted = [row for row in known if endpoint_id in ("", row.id)]
        risks = self._risks(wanted)
        states = _states(known, now)
        return [
            _summary(row, now, first_day, risks.get(row.id, NO_RISK)).model_copy(
                update={"state": states(row)}
            )
            for row in wanted
        ]

    async def _traffic(self) -> dict[str, Row]:
        window = Window.of("24h")
        parameters: dict[str, Value] = {
            "table": window.table,
            "since": window.since.strftime("%Y-%m-%d %H:%M:%S"),
            "limit": MAX_TRAFFIC_ROWS,
        }
        rows = await self._rows("visibility", "traffic_by_endpoint", parameters)
        return {row["endpoint_id"]: row for row in rows}


_KINDS: Final[Mapping[str, Callable[[models.EndpointSummary], bool]]] = {
    "new": lambda row: row.new,
    "undocumented": lambda row: not row.documented,
    "sensitive": lambda row: bool(row.sensitive),
    "unauthenticated": lambda row: row.authenticated is False,
    "risky": lambda row: row.risk_level in ("high", "critical"),
    "shadow": lambda row: row.state == "shadow",
    "orphan": lambda row: row.state == "orphan",
    "zombie": lambda row: row.state == "zombie",
    "drifting": lambda row: row.state == "drifting",
}
"""What the filter `show` lets through, by its words."""


def _matches(row: models.EndpointSummary, wanted: EndpointFilter) -> bool:
    if wanted.api and row.api != wanted.api:
        return False
    if wanted.host and row.host != wanted.host:
        return False
    # By whole segments: `/user` is not above `/users`.
    below = _segments(wanted.prefix)
    if below and _segments(row.path)[: len(below)] != below:
        return False
    if wanted.show and not _KINDS[wanted.show](row):
        return False
    # Every word must occur, in any order: people type `post login`.
    text = f"{row.method} {row.host} {row.path}".lower()
    return all(word in text for word in wanted.search.lower().split())


def _latest(time: datetime | None) -> float:
    # Negative, since lists show the latest first and everything else in rising order; what has no time comes
    # last.
    return -time.timestamp() if time is not None else 0.0


_Key: TypeAlias = tuple[str | float, ...]
_ORDER: dict[str, Callable[[models.EndpointSummary], _Key]] = {
    "path": lambda row: (row.host, row.path, row.method),
    "requests": lambda row: (-row.requests, row.host, row.path, row.method),
    "risk": lambda row: (-row.risk, row.host, row.path, row.method),
    "errors": lambda row: (-row.error_share, row.host, row.path, row.method),
    "first_seen": lambda row: (_latest(row.first_seen), row.host, row.path, row.method),
    "last_seen": lambda row: (_latest(row.last_seen), row.host, row.path, row.method),
}


def _node(
    wanted: EndpointFilter, name: str, rows: Sequence[models.EndpointSummary], depth: int
) -> models.TreeNode:
    # At the top of the tree a node is a host, below it a segment of the path.
    host = wanted.host or name
    prefix = f"{wanted.prefix.rstrip('/')}/{name}" if wanted.host else ""
    deepest = max(len(_segments(row.path)) for row in rows)
    return models.TreeNode(
        segment=name,
        prefix=prefix,
        host=host,
        endpoints=len(rows),
        attention=sum(1 for row in rows if needs_attention(row)),
        leaf=bool(wanted.host) and deepest <= depth + 1,
    )


def needs_attention(row: models.EndpointSummary) -> bool:
    """Whether somebody should look: nobody documented it, or it gives sensitive data to anybody."""
    return (row.new and not row.documented) or (bool(row.sensitive) and row.authenticated is False)


def _segments(path: str) -> list[str]:
    return [segment for segment in path.split("/") if segment]


def _states(known: Sequence[Endpoint], now: datetime) -> Callable[[Endpoint], State]:
    """What says how an endpoint stands to its API's document."""
    documented = {row.api for row in known if row.documented}
    watching: dict[str, datetime] = {}
    for row in known:
        first = _aware(row.first_seen)
        if first is not None:
            watching[row.api] = min(watching.get(row.api, first), first)

    def state(row: Endpoint) -> State:
        since = watching.get(row.api)
        return state_of(row, api_documented=row.api in documented, watching=since, now=now)

    return state


def _summary(endpoint: Endpoint, now: datetime, first_day: bool, risk: Risk) -> models.EndpointSummary:
    first = _aware(endpoint.first_seen)
    fresh = first is not None and now - first < NEW_FOR
    return models.EndpointSummary(
        id=endpoint.id,
        api=endpoint.api,
        host=endpoint.host,
        method=endpoint.method,
        path=endpoint.template,
        first_seen=first,
        last_seen=_aware(endpoint.last_seen),
        documented=endpoint.documented,
        new=fresh and not (first_day and endpoint.documented),
        # Where no call shows headers, as in most access logs, nothing is known of credentials.
        authenticated=True if endpoint.auth_seen else None if endpoint.open_since is None else False,
        labels=list(endpoint.labels),
        suggested_labels=sorted(set(endpoint.suggested_labels) - set(endpoint.labels)),
        sensitive=sorted(endpoint.sensitive),
        risk=risk.score,
        risk_level=risk.level,
    )


def _with_traffic(row: models.EndpointSummary, traffic: dict[str, Row]) -> models.EndpointSummary:
    found = traffic.get(row.id)
    if not found:
        return row
    share = found["errors"] / found["requests"] if found["requests"] else 0.0
    return row.model_copy(
        update={"requests": found["requests"], "error_share": share, "stopped": found["stopped"]}
    )


def _aware(time: datetime | None) -> datetime | None:
    return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time


_VALUES: Final = {
    "statuses": "status",
    "auth_seen": "auth",
    "identity_errors": "identity_error",
    "content_types": "content_type",
    "response_content_types": "response_content_type",
    "sensitive_request": "sensitive_request",
    "sensitive_response": "sensitive_response",
    "findings": "finding",
}
"""What an endpoint's detail shows of values that were seen, and what the query calls them."""


def _seen_values(rows: Sequence[Row]) -> dict[str, object]:
    """The parts of an endpoint's detail that count values, from the rows of one query for all of them."""
    by_kind: dict[str, list[models.Counted]] = {}
    for row in rows:
        by_kind.setdefault(row["kind"], []).append(models.Counted(value=row["value"], count=row["seen"]))
    total = sum(row.count for row in by_kind.get("all", []))
    found: dict[str, object] = {name: by_kind.get(kind, []) for name, kind in _VALUES.items()}
    return found | {"parameters": _parameters(by_kind.get("parameter", []), total)}


def _parameters(values: Iterable[models.Counted], total: int) -> list[models.Parameter]:
    merged: dict[tuple[str, str], tuple[list[str], int]] = {}
    for value in values:
        location, _, rest = value.value.partition(":")
        name, _, kind = rest.rpartition(":")
        types, count = merged.get((location, name), ([], 0))
        merged[(location, name)] = ([*types, kind], count + value.count)
    # A call may carry a parameter twice, so the share is cut off at 1.
    rows = [
        models.Parameter(
            location=location, name=name, types=types, count=count,
            share=min(1.0, count / total) if total else 0.0,
        )
        for (location, name), (types, count) in merged.items()
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (-row.count, row.location, row.name))
