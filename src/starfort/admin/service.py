"""`Insight` answers every question of API and dashboard from store, catalogue and runtime.

Methods that ask the store are asynchronous: their queries run in a thread and never block the event loop.
Answers are models of `models.py`. When something does not exist, `NotFoundError` is raised.
"""

import asyncio
import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, ParamSpec, TypeVar

import structlog

from starfort.admin import models
from starfort.admin.attention import attention
from starfort.admin.callers import rolled
from starfort.admin.contract import contract_state
from starfort.admin.decisions import by_name
from starfort.admin.documents import DocumentSource, deviations_of, document_of
from starfort.admin.endpoints import EndpointView
from starfort.admin.errors import InvalidError, NotFoundError, TooMuchError
from starfort.admin.filters import ClientFilter, EventFilter
from starfort.admin.mutes import Muted, Mutes
from starfort.admin.outline import outline
from starfort.admin.trials import Trials
from starfort.admin.versions import ApiView
from starfort.admin.window import DAY_S, RangeName, Window
from starfort.alerts.history import StoredAlert
from starfort.base.sql import load_sql
from starfort.catalogue import Endpoint
from starfort.config import Config
from starfort.posture.catalogue_check import CatalogueCheck
from starfort.posture.check import Check
from starfort.posture.finding import PostureFinding
from starfort.posture.risk import Risk, risk_of
from starfort.runtime import NodeStatus, PolicyStatus, ReloadResult, Runtime, Status
from starfort.runtime.imports import ImportMissingError, ImportRefusedError
from starfort.signals.model import ActiveSignal
from starfort.store import QueryLimitError, StoreBusyError
from starfort.store.parameters import Value
from starfort.store.reach import SHORT_S, is_far
from starfort.store.rows import Row

Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")
log = structlog.get_logger(__name__)

MAX_SIGNALS = 1_000
MAX_ALERTS_CHARTED = 1_000
FAR_FUTURE = datetime(2200, 1, 1, tzinfo=UTC)
TOP_ID = "\x7f" * 8


class Insight:
    """Answers for API and dashboard.

    Args:
        runtime: the control plane that the answers are about.
        mutes: the mutes in force; muted alerts do not ask for attention.
    """

    def __init__(self, runtime: Runtime, mutes: Mutes) -> None:
        self._runtime = runtime
        self._mutes = mutes
        self.endpoints = EndpointView(
            runtime.catalogue.endpoints, self._rows, self._reads_rollups, self._risks
        )
        self.apis_known = ApiView(runtime.catalogue)
        self.trials = Trials(runtime)

    # ---- traffic

    async def traffic(self, name: RangeName, api: str = "", endpoint_id: str = "") -> models.Traffic:
        """Traffic within a window: of all APIs, of one API, or of one endpoint."""
        window = await self._near(Window.of(name), endpoint_id)
        totals, before, rows = await asyncio.gather(
            self._totals(window, api, endpoint_id),
            self._totals(window.before, api, endpoint_id),
            self._traffic("traffic_series", window, _scope(window, api, endpoint_id)),
        )
        by_time = {_from_unix(row.pop("bucket")): _by_decision(row) for row in rows}
        points = [
            models.TrafficPoint.model_validate({"time": time, **by_time.get(time, {})})
            for time in window.steps()
        ]
        return models.Traffic(
            since=window.since, until=window.until, step_s=window.step_s, totals=totals, before=before,
            points=points,
        )  # fmt: skip

    async def _totals(self, window: Window, api: str, endpoint_id: str) -> models.TrafficTotals:
        parameters = _scope(window, api, endpoint_id)
        parameters.pop("step")
        rows = await self._traffic("traffic_totals", window, parameters)
        return models.TrafficTotals.model_validate(_by_decision(rows[0])) if rows else models.TrafficTotals()

    async def _near(self, window: Window, endpoint_id: str = "") -> Window:
        """The window with the table to read: the more rows there are to add up, the coarser the rollup."""
        if window.length_s <= SHORT_S:
            return window
        if window.length_s > DAY_S:
            far = await self._is_far(window.before.since, "traffic_1m")
            return (
                window.reading("traffic_endpoint_1h" if endpoint_id else "traffic_api_1h") if far else window
            )
        # The rows of one endpoint by minute are found without reading those of other endpoints.
        far = not endpoint_id and await self._is_far(window.before.since)
        return window.reading("traffic_api_1m") if far else window

    async def _is_far(self, since: datetime, table: Literal["events", "traffic_1m"] = "events") -> bool:
        return await self._ask(is_far, self._runtime.store, since, table)

    async def apis(self, name: RangeName, limit: int) -> list[models.ApiTraffic]:
        """The busiest APIs of a window."""
        window = await self._near(Window.of(name))
        count = 30
        step = max(1, int((window.until - window.since).total_seconds()) // count)
        parameters = _scope(window) | {"step": step, "limit": limit}
        for unused in ("api", "endpoint_id"):
            parameters.pop(unused)
        answers = []
        for row in await self._traffic("traffic_by_api", window, parameters):
            line = [0] * count
            for number, requests in zip(row.pop("step_numbers"), row.pop("step_requests"), strict=True):
                if 0 <= number < count:
                    line[number] = requests
            row.pop("steps")
            answers.append(models.ApiTraffic(**row, sparkline=line))
        return answers

    # ---- clients and events

    async def clients(self, wanted: ClientFilter, limit: int, offset: int) -> models.Page[models.Client]:
        """Callers, grouped by what they share, those with the most requests first."""
        window = Window.of(wanted.range)
        if await self._reads_rollups(window):
            text, parameters = rolled(wanted, window, limit, offset)
            rows = await self._ask(self._runtime.store.query, text, parameters)
        else:
            parameters = wanted.model_dump(exclude={"range"}) | {"limit": limit, "offset": offset}
            rows = await self._rows("traffic", "clients", parameters | {"since": window.since})
        total = rows[0]["total"] if rows else 0
        items = [models.Client(**_without(row, "total")) for row in rows]
        return models.Page[models.Client](items=items, total=total, limit=limit, offset=offset)

    async def events(self, wanted: EventFilter, limit: int, before: str | None = None) -> models.EventPage:
        """Events, latest first.

        Raises:
            InvalidError: `before` is not a `next` of an earlier page.
        """
        before_time, before_id = _cursor(before)
        # One event more than the page holds: if it exists, there is another page.
        parameters = wanted.parameters() | {
            "since": Window.of(wanted.range).since,
            "before_time": before_time,
            "before_id": before_id,
            "limit": limit + 1,
        }
        rows = await self._rows("visibility", "events_page", parameters)
        items = [models.Event(**row) for row in rows[:limit]]
        following = f"{items[-1].time.isoformat()}~{items[-1].id}" if len(rows) > limit else None
        return models.EventPage(items=items, next=following)

    async def event(self, event_id: str) -> models.Event:
        """One event of the last 30 days.

        Raises:
            NotFoundError: no event has that id.
        """
        page = await self.events(EventFilter(range="30d", id=event_id), 1)
        if not page.items:
            raise NotFoundError(f"there is no event {event_id[:64]!r} within the last 30 days")
        return page.items[0]

    async def findings(self, name: RangeName, limit: int, offset: int) -> models.Page[models.EventFinding]:
        """Codes of findings and anomalies, most frequent first."""
        window = Window.of(name)
        parameters: dict[str, Value] = {"since": window.since, "limit": limit, "offset": offset}
        rolled = "_rolled" if await self._reads_rollups(window) else ""
        rows = await self._rows("threats", f"findings{rolled}", parameters)
        total = rows[0]["total"] if rows else 0
        items = [models.EventFinding(**_without(row, "total")) for row in rows]
        return models.Page[models.EventFinding](items=items, total=total, limit=limit, offset=offset)

    async def contract(
        self, name: RangeName, api: str, endpoint_id: str, limit: int, offset: int
    ) -> models.Page[models.ContractState]:
        """Endpoints with calls that break a contract, and what enforcing it does or would do.

        Args:
            name: the window.
            api: only endpoints of this API; "" for all.
            endpoint_id: only this endpoint; "" for all.
            limit: the most endpoints to give.
            offset: how many endpoints to leave out before them.
        """
        scope = {"api": api, "endpoint_id": endpoint_id}
        return await contract_state(self._rows, name, scope, limit, offset)

    async def openapi(
        self, api: str, day: date | None = None, source: DocumentSource = "traffic"
    ) -> dict[str, Any]:
        """An OpenAPI document of an API, made from its traffic, or its own.

        Args:
            api: name of the API; "" when there is only one.
            day: traffic of this day, UTC; by default that of the last seven days.
            source: what it is made from.

        Raises:
            NotFoundError: no endpoint belongs to that API, or it has no document.
            InvalidError: there are several APIs and none is named.
        """
        return await self._ask(document_of, self._runtime, self._one_api(api), day, source)

    async def deviations(self, api: str, limit: int, offset: int) -> models.Page[models.Deviation]:
        """How the traffic of the last seven days leaves an API's document.

        Args:
            api: name of the API; "" when there is only one.
            limit: the most deviations to give.
            offset: how many to leave out before them.

        Raises:
            NotFoundError: no endpoint belongs to that API, or it has no document.
            InvalidError: there are several APIs and none is named.
        """
        found = await self._ask(deviations_of, self._runtime, self._one_api(api))
        rows = [models.Deviation(**dataclasses.asdict(row)) for row in found[offset : offset + limit]]
        return models.Page(items=rows, total=len(found), limit=limit, offset=offset)

    def _one_api(self, api: str) -> str:
        """The API that is named, or the only one.

        Raises:
            NotFoundError: the catalogue does not have it.
            InvalidError: there are several and none is named.
        """
        names = sorted({row.api for row in self._runtime.catalogue.endpoints()})
        if not api and len(names) != 1:
            raise InvalidError(f"name one API of: {', '.join(names) or 'none yet'}")
        if api and api not in names:
            raise NotFoundError(
                f"the catalogue has no API {api[:128]!r}; it has: {', '.join(names) or 'none yet'}"
            )
        return api or names[0]

    def posture(
        self, api: str, severity: str, limit: int, offset: int, *, endpoint_id: str = ""
    ) -> models.Page[models.PostureFinding]:
        """Posture findings, most severe first.

        Args:
            api: only findings of this API; "" for all.
            severity: only findings of this severity; "" for all.
            limit: the most findings to give.
            offset: how many findings to leave out before them.
            endpoint_id: only findings about this endpoint; "" for all, also those about a whole API.
        """
        rows = [
            row
            for row in self._runtime.catalogue.findings()
            if api in ("", row.api)
            and severity in ("", row.severity)
            and endpoint_id in ("", row.endpoint_id)
        ]
        checks = self._runtime.catalogue.board.checks
        items = [_posture_finding(row, checks.find(row.code)) for row in rows[offset : offset + limit]]
        return models.Page[models.PostureFinding](items=items, total=len(rows), limit=limit, offset=offset)

    def schema(self, endpoint_id: str) -> models.EndpointSchema:
        """What was learned of the calls of an endpoint; no sections while that is nothing.

        Raises:
            NotFoundError: the catalogue has none of that id.
        """
        found = self.endpoints.find(endpoint_id)
        operation = self._runtime.catalogue.schemas.operation(found.id)
        if operation is None:
            return models.EndpointSchema(confidence=0.0, sections=[])
        return models.EndpointSchema(confidence=operation.confidence, sections=outline(operation, {}))

    def _risks(self, endpoints: Sequence[Endpoint]) -> dict[str, Risk]:
        """The risk of each of these endpoints, by id; an endpoint without findings is left out."""
        found: dict[str, list[PostureFinding]] = {}
        for row in self._runtime.catalogue.findings():
            found.setdefault(row.endpoint_id, []).append(row)
        owasp = self._runtime.catalogue.board.checks.owasp
        return {row.id: risk_of(row, found[row.id], owasp) for row in endpoints if row.id in found}

    def posture_counts(self, api: str = "") -> dict[str, int]:
        """The number of posture findings of each severity.

        Args:
            api: only findings of this API; "" for all.
        """
        return dict(
            Counter(row.severity for row in self._runtime.catalogue.findings() if api in ("", row.api))
        )

    # ---- policies

    async def policies(self) -> list[models.Policy]:
        """Every policy in order, with its hits within the last day."""
        return [_policy(status) for status in await self._ask(self._runtime.policies)]

    async def policy(self, name: str, window_name: RangeName) -> models.PolicyDetail:
        """One policy with its hits within a window.

        Raises:
            NotFoundError: no policy has that name.
        """
        found = [policy for policy in await self.policies() if policy.name == name]
        if not found:
            raise NotFoundError(f"there is no policy {name[:128]!r}")
        window = Window.of(window_name)
        scope: dict[str, Value] = {"since": window.since, "policy": name}
        rolled = ""
        if await self._reads_rollups(window):
            rolled = "_rolled"
            scope["table"] = "policy_1h" if window.length_s > DAY_S else "policy_5m"
        rows, reach = await asyncio.gather(
            self._rows("visibility", f"policy_series{rolled}", scope | {"step": window.step_s}),
            self._rows("visibility", f"policy_reach{rolled}", scope | {"limit": 10}),
        )
        by_time = {_from_unix(row["bucket"]): row for row in rows}
        points = [
            models.PolicyPoint(
                time=time,
                enforced=by_time[time]["enforced"] if time in by_time else 0,
                observed=by_time[time]["observed_hits"] if time in by_time else 0,
            )
            for time in window.steps()
        ]
        nothing: Row = {"names": [], "counts": [], "addresses": 0, "subjects": 0, "succeeded": 0}
        row = reach[0] if reach else nothing
        hits = [
            models.Counted(value=value, count=count)
            for value, count in zip(row["names"], row["counts"], strict=True)
        ]
        return models.PolicyDetail(
            **found[0].model_dump(), points=points, addresses=row["addresses"], subjects=row["subjects"],
            succeeded=row["succeeded"], hit_endpoints=hits,
        )  # fmt: skip

    # ---- signals, detectors, alerts

    def signals(self, kind: str = "") -> list[models.Signal]:
        """Signals that are active now, highest score first, at most `MAX_SIGNALS`."""
        active = [row for row in self._runtime.signals.active() if kind in ("", row.signal.kind)]
        return [_signal(row) for row in active[:MAX_SIGNALS]]

    def signal_kinds(self) -> set[str]:
        """The kinds of signal that the running detectors raise."""
        return {row.spec.kind for row in self._runtime.running_detectors()}

    def clear_signal(self, kind: str, key_type: str, key: str) -> None:
        """Lift a signal in every filter.

        Raises:
            NotFoundError: no such signal is active.
        """
        if not self._runtime.clear_signal(kind, key_type, key):
            raise NotFoundError(f"no signal {kind[:64]!r} is active for {key_type[:32]} {key[:128]!r}")

    def detectors(self) -> list[models.Detector]:
        """Every detector, with figures about its runs."""
        return [models.Detector(**dataclasses.asdict(row)) for row in self._runtime.status().detectors]

    async def alerts(  # noqa: PLR0913
        self,
        *,
        kind: str = "",
        severity: str = "",
        endpoint_id: str = "",
        open_only: bool = False,
        limit: int = 50,
        offset: int = 0,
    ) -> models.AlertPage:
        """Alerts, latest first; of an endpoint those whose evidence names it."""
        rows = await asyncio.to_thread(
            self._runtime.alerts.list,
            kind=kind or None,
            severity=severity or None,
            endpoint_id=endpoint_id or None,
            open_only=open_only,
            limit=limit + 1,
            offset=offset,
        )
        mutes = self._mutes.list()
        items = [_alert(row, mutes) for row in rows[:limit]]
        return models.AlertPage(items=items, next_offset=offset + limit if len(rows) > limit else None)

    async def alert(self, alert_id: str) -> models.Alert:
        """One alert.

        Raises:
            NotFoundError: no alert has that id.
        """
        row = await asyncio.to_thread(self._runtime.alerts.get, alert_id)
        if row is None:
            raise NotFoundError(f"there is no alert {alert_id[:64]!r}")
        return _alert(row, self._mutes.list())

    async def acknowledge(self, alert_id: str, by: str) -> models.Alert:
        """Note that a person has seen an alert.

        Raises:
            NotFoundError: no alert has that id.
        """
        row = await asyncio.to_thread(self._runtime.alerts.acknowledge, alert_id, by)
        if row is None:
            raise NotFoundError(f"there is no alert {alert_id[:64]!r}")
        return _alert(row, self._mutes.list())

    async def alert_series(self, name: RangeName) -> list[models.AlertPoint]:
        """Alerts by the step in which they were first raised. Only the latest `MAX_ALERTS_CHARTED` count."""
        window = Window.of(name)
        rows = await asyncio.to_thread(
            self._runtime.alerts.list, since=window.since, limit=MAX_ALERTS_CHARTED
        )
        step = max(window.step_s * 4, 60)
        counts: dict[int, dict[str, int]] = {}
        start = int(window.since.timestamp())
        for row in rows:
            number = (int(row.first_at.timestamp()) - start) // step
            if number >= 0:
                severities = counts.setdefault(number, {})
                severities[row.severity] = severities.get(row.severity, 0) + 1
        # Rounded up, so that a last part that is shorter than a step has a point too.
        total = -(-int((window.until - window.since).total_seconds()) // step)
        return [
            models.AlertPoint(
                time=window.since + timedelta(seconds=step * number), counts=counts.get(number, {})
            )
            for number in range(total)
        ]

    def alerts_open(self) -> dict[str, int]:
        """The number of alerts that nobody acknowledged, by severity."""
        return self._runtime.alerts.open_by_severity()

    async def attention(self) -> list[models.AttentionItem]:
        """Everything that waits for a person, most urgent first."""
        counts, policies, alerts = await asyncio.gather(
            self.endpoints.counts(), self.policies(), self.alerts(open_only=True, limit=200)
        )
        return attention(self._runtime.status(), counts, policies, alerts.items)

    # ---- status

    def status(self) -> Status:
        """The state of all parts of Starfort."""
        return self._runtime.status()

    def nodes(self) -> list[NodeStatus]:
        """The nodes whose filter is connected, or was."""
        return self._runtime.nodes()

    async def reload(self) -> ReloadResult:
        """Read the configuration again; when it has mistakes, the one before it stays in force."""
        return await self._runtime.reload()

    async def take_import(self, name: str) -> int:
        """Take in one batch of imported calls; returns how many rows it has.

        Raises:
            NotFoundError: there is no such batch.
            InvalidError: it is no batch of events.
        """
        try:
            return await self._runtime.take_import(name)
        except ImportMissingError as error:
            raise NotFoundError(str(error)) from None
        except ImportRefusedError as error:
            raise InvalidError(str(error)) from None

    async def learn_imports(self) -> int:
        """Let the catalogue learn from imported calls; returns how many endpoints it has then."""
        await self._runtime.learn_imports()
        return len(self._runtime.catalogue.endpoints())

    @property
    def settings(self) -> Config:
        """The configuration in force."""
        return self._runtime.config

    def config(self) -> dict[str, Any]:
        """The configuration in force, as JSON. It names files and variables with secrets, never a secret."""
        return self._runtime.config.model_dump(mode="json", by_alias=True)

    def metrics(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return self._runtime.metrics()

    async def _rows(self, bastion: str, name: str, parameters: Mapping[str, Value]) -> list[Row]:
        return await self._ask(self._runtime.store.query, load_sql(bastion, f"queries/{name}"), parameters)

    async def _traffic(self, name: str, window: Window, parameters: Mapping[str, Value]) -> list[Row]:
        return await self._ask(self._runtime.store.query, window.traffic_sql(name), parameters)

    async def _reads_rollups(self, window: Window) -> bool:
        """Whether a window has too many events to read them all while somebody waits."""
        return window.length_s > SHORT_S and await self._is_far(window.since)

    async def _ask(
        self, ask: Callable[Asked, Answer], *arguments: Asked.args, **named: Asked.kwargs
    ) -> Answer:
        """Call a function that asks the store, in a thread.

        Raises:
            TooMuchError: the query reached a limit of time, memory or rows, or too many queries run.
        """
        try:
            return await asyncio.to_thread(ask, *arguments, **named)
        except QueryLimitError as error:
            log.warning("query_over_limit", code=error.code, reason=" ".join(str(error).split())[:300])
            raise TooMuchError(busy=isinstance(error, StoreBusyError)) from None


def _posture_finding(row: PostureFinding, check: Check | CatalogueCheck | None) -> models.PostureFinding:
    """A posture finding with the advice of its check."""
    # The check may have been disabled since it found this.
    why, bastion, owasp = (check.advice, check.bastion, check.owasp) if check else ("", "visibility", "")
    return models.PostureFinding(**dataclasses.asdict(row), why=why, bastion=bastion, owasp=owasp)


def _by_decision(row: Row) -> Row:
    """A row of a traffic query, with its map of decisions replaced by the fields that the API has."""
    return {**_without(row, "decisions"), **by_name(row["decisions"])}


def _scope(window: Window, api: str = "", endpoint_id: str = "") -> dict[str, Value]:
    return {
        "table": window.table, "since": _whole(window.since), "until": _whole(window.until),
        "step": window.step_s, "api": api, "endpoint_id": endpoint_id,
    }  # fmt: skip


def _whole(time: datetime) -> str:
    # A DateTime parameter takes whole seconds, but a Python datetime would be bound with its microseconds.
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _without(row: Row, *names: str) -> Row:
    return {key: value for key, value in row.items() if key not in names}


def _cursor(before: str | None) -> tuple[datetime, str]:
    if before is None:
        return FAR_FUTURE, TOP_ID
    time, separator, event_id = before.partition("~")
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        moment = None
    if not separator or moment is None or moment.tzinfo is None or not 1970 <= moment.year <= FAR_FUTURE.year:  # noqa: PLR2004
        raise InvalidError("`before` is not what an earlier page gave as `next`")
    return moment, event_id


def _from_unix(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _policy(status: PolicyStatus) -> models.Policy:
    values = dataclasses.asdict(status)
    values["last_at"] = _from_unix(status.last_at) if status.last_at else None
    return models.Policy(**values)


def _signal(active: ActiveSignal) -> models.Signal:
    signal = active.signal
    return models.Signal(
        kind=signal.kind, key_type=signal.key_type, key=signal.key, score=signal.score,
        peak_score=max(active.peak_score, signal.score), severity=signal.severity, title=signal.title,
        detector=signal.detector, first_at=_from_unix(active.first_at), last_at=_from_unix(active.last_at),
        expires_at=_from_unix(active.expires_at), raised=active.raised,
        evidence=[dict(row) for row in signal.evidence],
    )  # fmt: skip


def _alert(row: StoredAlert, mutes: list[Muted]) -> models.Alert:
    muted = any(mute.covers(row.kind, row.subject) for mute in mutes)
    return models.Alert(**dataclasses.asdict(row), muted=muted)
