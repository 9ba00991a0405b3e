"""CPU of what each page and route asks, with twenty million events of thirty days in the store.

The store is filled once (`twenty_million.py`) and kept in `build/bench/store`, or where the variable
`STARFORT_BENCH_STORE` says. What is counted is the CPU time of the process while one question is answered,
with the store's own work at rest; of three answers the cheapest, since other work can only add.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from tests.support.estate import Estate

from benchmarks.ingest import cpu
from benchmarks.report import RESULTS, Row, figure
from benchmarks.twenty_million import DAYS, EVENTS, fill_fast
from starfort.admin.filters import ClientFilter, EndpointFilter, EventFilter
from starfort.admin.mutes import Mutes
from starfort.admin.service import Insight
from starfort.admin.window import RangeName
from starfort.catalogue import Endpoint
from starfort.runtime import policies
from starfort.runtime.status import PolicyStatus
from starfort.state.database import StateDatabase
from starfort.store import Retention, Store

TARGET_MS: Final = 500.0
ROUNDS: Final = 3
KEPT: Final = Retention(events=400 * 86_400, rollups=400 * 86_400)
POLICIES: Final = ("block-exploits", "limit-partners", "mark-bots", "undocumented-endpoints")


def store_path() -> Path:
    """Where the filled store is."""
    return Path(os.environ.get("STARFORT_BENCH_STORE", RESULTS / "store"))


def open_store() -> Store:
    """The filled store. If there is none, it is filled now, which takes minutes."""
    path = store_path()
    store = Store.open(path, retention=KEPT)
    held = int(store.query("SELECT count() AS n FROM events")[0]["n"])
    if held < EVENTS:
        print(f"filling {path} with {EVENTS:,} events …", file=sys.stderr, flush=True)
        fill_fast(store, first=held)
    store.upkeep()
    return store


class Written(Estate):
    """A control plane whose policies are those of the filled store."""

    def policies(self) -> list[PolicyStatus]:
        """Each policy with its figures."""
        return policies.with_results(
            self.store,
            [
                PolicyStatus(name, order, "enforce", "block", "true", [], [], 0, 0, 0.0)
                for order, name in enumerate(POLICIES)
            ],
        )


def insight(store: Store) -> Insight:
    """What answers pages, on top of a store."""
    now = datetime.now(UTC)
    known = [
        Endpoint(
            **row,
            origin="documented",
            first_seen=now,
            last_seen=now,
            auth_seen=("bearer",),
            hosts=(row["host"],),
        )
        for row in store.query(
            "SELECT toString(endpoint_id) AS id, toString(any(api)) AS api, toString(any(host)) AS host,"
            " toString(any(method)) AS method, toString(any(template)) AS template"
            " FROM events WHERE time > (SELECT max(time) FROM events) - INTERVAL 1 HOUR GROUP BY endpoint_id"
        )
    ]
    data_dir = Path(tempfile.mkdtemp())
    runtime = Written(data_dir, 0, store=store)
    runtime.known = known
    return Insight(runtime, Mutes(StateDatabase(data_dir)))


Question = Callable[[], Awaitable[object]]


FAR: Final[RangeName] = "30d"
"""The longest range of the pages: every question is asked over it."""


def questions(ask: Insight, store: Store) -> dict[str, Question]:
    """Each route that reads the store, by its name in the report."""
    busiest = store.query(
        "SELECT toString(endpoint_id) AS id, toString(any(api)) AS api FROM traffic_endpoint_1h AS t"
        " GROUP BY endpoint_id ORDER BY sum(t.requests) DESC LIMIT 1"
    )[0]
    some = store.query(
        "SELECT id, toString(fingerprint) AS fingerprint FROM events WHERE time > now() - INTERVAL 29 DAY"
        " ORDER BY toStartOfMinute(time), time LIMIT 1"
    )[0]
    return {
        **traffic_questions(ask, busiest["api"], busiest["id"]),
        "findings": lambda: ask.findings(FAR, 50, 0),
        "findings 24h": lambda: ask.findings("24h", 50, 0),
        "policies": ask.policies,
        "event by id": lambda: ask.event(some["id"]),
        **{f"policy {name}": partial(ask.policy, name, FAR) for name in POLICIES},
        **client_questions(ask),
        **event_questions(ask, busiest["id"], some["fingerprint"]),
    }


def traffic_questions(ask: Insight, api: str, endpoint: str) -> dict[str, Question]:
    """Traffic over time, APIs and endpoints.

    Args:
        ask: what answers.
        api: the API with the busiest endpoint.
        endpoint: the id of the busiest endpoint.
    """
    return {
        "traffic": lambda: ask.traffic(FAR),
        "traffic 24h": lambda: ask.traffic("24h"),
        "traffic of an api": lambda: ask.traffic(FAR, api),
        "traffic of the busiest endpoint": lambda: ask.traffic(FAR, "", endpoint),
        "traffic of the busiest endpoint 24h": lambda: ask.traffic("24h", "", endpoint),
        "apis": lambda: ask.apis(FAR, 20),
        "catalogue": lambda: ask.endpoints.page(EndpointFilter(), 50, 0),
        "busiest endpoint": lambda: ask.endpoints.detail(endpoint, FAR),
        "busiest endpoint 24h": lambda: ask.endpoints.detail(endpoint, "24h"),
        "openapi": lambda: ask.openapi(api),
    }


def client_questions(ask: Insight) -> dict[str, Question]:
    """Callers, by each property that groups them and in each order."""
    made: dict[str, Question] = {}
    for by in ("address", "fingerprint", "subject", "ja4", "network", "bot"):
        made[f"clients by {by}"] = partial(ask.clients, ClientFilter(range=FAR, by=by), 50, 0)
        made[f"clients by {by} 24h"] = partial(ask.clients, ClientFilter(range="24h", by=by), 50, 0)
    for sort in ("stopped", "errors", "endpoints", "last_seen"):
        made[f"clients, most {sort}"] = partial(ask.clients, ClientFilter(range=FAR, sort=sort), 50, 0)
    made["clients found by text"] = partial(ask.clients, ClientFilter(range=FAR, search="Chrome/91"), 50, 0)
    made["clients of a bot class"] = partial(ask.clients, ClientFilter(range=FAR, bot="good"), 50, 0)
    return made


def event_questions(ask: Insight, endpoint: str, fingerprint: str) -> dict[str, Question]:
    """Single events by each filter: with many hits, and with none, which makes the store look everywhere."""
    filters: dict[str, dict[str, str]] = {
        "all": {},
        "of an endpoint": {"endpoint_id": endpoint},
        "stopped": {"action": "stopped"},
        "of an address": {"address": "10.0.12.7"},
        "of an address that never called": {"address": "198.51.100.7"},
        "of a fingerprint": {"fingerprint": fingerprint},
        "of a subject that never called": {"subject": "nobody@example.com"},
        "with a path that nobody called": {"path": "/nowhere"},
        "with a finding": {"finding": "rule:942100"},
        "with a finding that nobody had": {"finding": "rule:1"},
        "of a policy": {"policy": "block-exploits"},
        "of a policy without hits": {"policy": "nothing"},
        "that a policy would have stopped": {"observed": "nothing"},
        "with a signal that nobody had": {"signal": "nothing"},
        "with a class that nobody had": {"sensitive": "us_ssn"},
        "of a network": {"asn": "1"},
    }
    return {
        f"events {label}": partial(ask.events, EventFilter(range=FAR, **each), 50)
        for label, each in filters.items()
    }


async def run() -> list[Row]:
    """Ask every question three times."""
    store = open_store()
    try:
        store.command("SYSTEM STOP MERGES")
        ask = insight(store)
        rows = []
        only = os.environ.get("STARFORT_BENCH_ONLY", "")
        for name, question in questions(ask, store).items():
            if only and not re.search(only, name):
                continue
            spent = []
            for _ in range(ROUNDS):
                # what a round found out about rows that match nothing must not help the next one
                store.command("SYSTEM DROP QUERY CONDITION CACHE")
                before = cpu()
                await question()
                spent.append((cpu() - before) * 1000)
            rows.append(figure(name, min(spent), "ms of CPU", TARGET_MS))
            print(f"{name}: {min(spent):.0f} ms", file=sys.stderr, flush=True)
        rows += sizes(store)
    finally:
        store.close()
    return rows


def sizes(store: Store) -> list[Row]:
    """Bytes on disk that an event costs, by table."""
    held = int(store.query("SELECT count() AS n FROM events")[0]["n"])
    parts = store.inspect(
        "SELECT table, sum(bytes_on_disk) AS bytes FROM system.parts"
        " WHERE active AND database = currentDatabase() GROUP BY table ORDER BY bytes DESC"
    )
    rows = [figure(f"disk: {row['table']}", row["bytes"] / held, "bytes/event") for row in parts]
    return [*rows, figure(f"events held, over {DAYS} days", held, "events")]
