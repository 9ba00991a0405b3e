"""What the catalogue costs: events a second, memory of 100,000 endpoints, one API that changes among many.

A hundred APIs with a thousand endpoints each are learned from their first calls. Then traffic goes on: most
calls are matched already, some have words or ids that were never seen, some come from a scanner. Only the
catalogue's refresh is measured, in CPU seconds of the whole process, so the figures are per core.
"""

from __future__ import annotations

import datetime as dt
import random
import resource
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from tests.support.events import event

from benchmarks.report import Row, figure
from starfort.catalogue import ApiFacts, Catalogue, Endpoint
from starfort.events.schema import EVENT_SCHEMA
from starfort.state.database import open_state
from starfort.store import Store

APIS: Final = 100
ENDPOINTS: Final = 1_000
EVENTS: Final = 40_000
"""Events of one refresh: two seconds at 20,000 a second."""
ROUNDS: Final = 5
PER_CORE: Final = 20_000
MEMORY_MB: Final = 1_024
ONE_API_S: Final = 0.5
LEARN_LIMIT_S: Final = 200

GROUPS: Final = tuple(f"{first}{second}" for first in "bdfgklmnrt" for second in ("asket", "older"))
"""Resources of one API; fewer than a learner takes for values."""
WORDS: Final = ("Open", "Closed", "Export", "Totals", "Audit", "Owner", "Limits")
"""What is below each of them, with the resource's name, as no two resources have the same."""


async def run() -> list[Row]:
    """Learn the endpoints, then go on."""
    chance = random.Random(7)  # noqa: S311 - test data
    with tempfile.TemporaryDirectory(prefix="starfort-bench-") as name:
        directory = Path(name)
        with Store.open(directory / "store") as store:
            before = resident()
            catalogue = Catalogue(store, open_state(directory / "state.db"))
            catalogue.declare([ApiFacts(api(number)) for number in range(APIS)], [])
            learn_s = learn_all(store, catalogue)
            known = [found for found in catalogue.endpoints() if found.origin == "learned"]
            memory = resident() - before
            used = go_on(store, catalogue, known, chance)
            one_s = change_one(store, catalogue)
            idle_s = timed(catalogue)
    return [
        figure("endpoints learned", len(known), "", APIS * ENDPOINTS, at_least=True),
        figure("learning a first call", 1e6 * learn_s / (APIS * ENDPOINTS), "CPU us"),
        figure("events a CPU second", EVENTS * ROUNDS / used, "events/s", PER_CORE, at_least=True),
        figure("memory of all endpoints", memory, "MB", MEMORY_MB),
        figure("one API of a hundred changes", one_s, "CPU s", ONE_API_S),
        figure("nothing happens", idle_s, "CPU s"),
    ]


def api(number: int) -> str:
    """Name of an API."""
    return f"api-{number:03d}"


def paths() -> list[str]:
    """A call of each endpoint of one API."""
    found = []
    for group in GROUPS:
        words = [f"{group}{word}" for word in WORDS]
        found += [f"/v1/{group}", f"/v1/{group}/48213"]
        found += [f"/v1/{group}/48213/{word}" for word in words]
        found += [f"/v1/{group}/{word}/48213" for word in words]
        found += [f"/v1/{group}/{word}/48213/{other}" for word in words for other in words]
    return found[:ENDPOINTS]


def learn_all(store: Store, catalogue: Catalogue) -> float:
    """The first calls of every endpoint. Returns CPU seconds."""
    wanted = paths()
    used = 0.0
    for start in range(0, APIS, 20):
        rows = [(api(number), path, "", "") for number in range(start, start + 20) for path in wanted]
        insert(store, rows)
        used += timed(catalogue)
    # No refresh learns more APIs than it has time for.
    while len(catalogue.endpoints()) < APIS * len(wanted) and used < LEARN_LIMIT_S:
        used += timed(catalogue)
    return used


def go_on(store: Store, catalogue: Catalogue, known: list[Endpoint], chance: random.Random) -> float:
    """Traffic of known endpoints, and some that is new. Returns CPU seconds."""
    # Most calls are of a few endpoints, as everywhere.
    popular = chance.sample(known, len(known))
    used = 0.0
    for number in range(ROUNDS):
        rows = []
        for _ in range(EVENTS):
            found = popular[min(len(popular) - 1, int(chance.expovariate(1 / 20_000)))]
            path = found.template.replace("{", "").replace("}", "")
            which = chance.random()
            if which < 0.01:  # noqa: PLR2004 - an id that is a word
                rows.append((found.api, path, found.id, found.template))
            elif which < 0.02:  # noqa: PLR2004 - a scanner that an API answers
                rows.append((api(0), f"/scan/{number}/{chance.getrandbits(64):x}x", "", ""))
            else:
                path = "/".join(
                    str(chance.randrange(10**6)) if "{" in part else part
                    for part in found.template.split("/")
                )
                rows.append((found.api, path, found.id, found.template))
        insert(store, rows)
        used += timed(catalogue)
    return used


def change_one(store: Store, catalogue: Catalogue) -> float:
    """A new endpoint in one API. Returns CPU seconds."""
    insert(store, [(api(7), f"/v1/new/{word}", "", "") for word in WORDS])
    return timed(catalogue)


def timed(catalogue: Catalogue) -> float:
    """CPU seconds of one refresh."""
    before = cpu()
    catalogue.refresh()
    return cpu() - before


def cpu() -> float:
    """CPU seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def resident() -> float:
    """Memory of this process, MB."""
    text = Path("/proc/self/statm").read_text("ascii").split()[1]
    return int(text) * resource.getpagesize() / 1e6


def insert(store: Store, rows: list[tuple[str, str, str, str]]) -> None:
    """Events with API, path, endpoint and template."""
    now = dt.datetime.now(dt.UTC)
    base = event(time=now, parameters=["query:page:integer"], auth_seen=["bearer"])
    columns: dict[str, Any] = {
        "api": [row[0] for row in rows],
        "path": [row[1] for row in rows],
        "endpoint_id": [row[2] for row in rows],
        "template": [row[3] for row in rows],
        "id": [f"{time.monotonic_ns()}-{number}" for number in range(len(rows))],
        "address": [int.to_bytes(0xFFFF0A000000 + number % 5_000, 16, "big") for number in range(len(rows))],
    }
    one = pa.RecordBatch.from_pylist([base], schema=EVENT_SCHEMA)
    same = one.take(pa.array([0] * len(rows)))
    arrays = [
        pa.array(columns[field.name], field.type) if field.name in columns else same.column(index)
        for index, field in enumerate(EVENT_SCHEMA)
    ]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, EVENT_SCHEMA) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=EVENT_SCHEMA))
    store.insert_arrow(sink.getvalue().to_pybytes(), token=f"bench-{time.monotonic_ns()}")
