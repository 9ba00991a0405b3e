"""Learns from benign posts, and counts which of later posts, benign and not, leave what was learned."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from benchmarks.learned.attacks import KINDS, spoil
from benchmarks.learned.forms import PAGES, Page, Person
from starfort import bundle, config
from starfort._engine import Engine
from starfort.catalogue.schemas import shape
from starfort.catalogue.schemas.contract import operation
from starfort.catalogue.schemas.learn import Reading
from starfort.catalogue.schemas.record import REQUEST, Record
from starfort.catalogue.schemas.support import Support, Trust
from starfort.compile import compile_config
from starfort.contracts.model import Contract

FORM: Final = "application/x-www-form-urlencoded"

CALLERS: Final = 400

LEARNED: Final = 0.7
"""Share of each list of words that may come while learning."""

DAY_S: Final = 86_400

TRUST: Final = Trust()

_CONFIG: Final = """
version: 1
listeners: [{name: web, address: "127.0.0.1:18080"}]
upstreams: [{name: shop, addresses: ["127.0.0.1:18081"]}]
rules: {sets: []}
apis:
  - name: shop
    upstream: shop
    contract: {source: learned}
    endpoints:
"""


@dataclass(slots=True)
class Result:
    """What was found.

    Attributes:
        benign: benign posts that were judged.
        false: those of them that left what was learned.
        anomalies: posts with an anomaly, by kind.
        found: those of them that were found, by kind.
        reasons: why benign posts were refused: page, code and pointer.
    """

    benign: int = 0
    false: int = 0
    anomalies: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)


def engine(contract: Contract | None = None, *, every_shape: bool = True) -> Engine:
    """An engine that knows the pages.

    Args:
        contract: what it holds posts to; None: nothing.
        every_shape: whether it tells every shape or, as a filter, those with news.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "starfort.yaml"
        endpoints = "".join(f'      - {{match: "POST {page.path}", labels: [form]}}\n' for page in PAGES)
        file.write_text(_CONFIG + endpoints)
        contracts = {} if contract is None else {"shop": contract}
        key = bytes(range(32))
        made = compile_config(config.load(file), contracts=contracts, hash_key=key, signal_kinds=())
        return Engine(bundle.encode(made.bundle), every_shape=every_shape)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who posts, and when (Unix seconds)."""

    number: int = 0
    time_s: int = 1_700_000_000


def post_to(
    asked: Engine, page: Page, post: Mapping[str, str], caller: Caller | None = None
) -> dict[str, Any]:
    """The event of a post."""
    caller = caller or Caller()
    request: Any = {
        "method": "POST",
        "url": f"https://shop.example.com{page.path}",
        "headers": [("content-type", FORM)],
        "body": urlencode(post),
        "address": f"192.0.{caller.number // 256}.{caller.number % 256}",
        "response": {"status": 200, "headers": [("content-type", "text/html")], "body": "ok"},
    }
    found: Any = asked.explain(request, now_ms=caller.time_s * 1000)["event"]
    return dict(found)


def drawing(seed: int) -> random.Random:
    """Draws the same each time."""
    return random.Random(seed)  # noqa: S311 (no secret is drawn)


def learn(asked: Engine, posts: int, seed: int, seconds: int = DAY_S) -> Contract:
    """What is learned of the pages from so many posts within so many seconds."""
    person = Person(drawing(seed), LEARNED)
    records = {page.path: Record() for page in PAGES}
    for number in range(posts):
        page = PAGES[number % len(PAGES)]
        caller = Caller(person.random.randrange(CALLERS), 1_700_000_000 + number * seconds // posts)
        told = post_to(asked, page, page.fill(person), caller)["shape_request"]
        if told:
            support = Support((caller.number,), caller.time_s, caller.time_s)
            records[page.path].add(REQUEST, shape.read(told), FORM, support, TRUST)
    operations = (
        operation(record, "POST", path, reading=Reading.TRUSTED, trust=TRUST)
        for path, record in records.items()
    )
    return Contract("shop", tuple(operations), source="learned")


def measure(posts: int = 20_000, benign: int = 30_000, anomalies: int = 10_000, seed: int = 7) -> Result:
    """Learn from posts as a filter tells them, then judge others: benign ones, and anomalies of each kind."""
    learned = learn(engine(every_shape=False), posts, seed)
    asked = engine(learned)
    result = Result()
    person = Person(drawing(seed + 1), 1.0)
    for number in range(benign):
        page = PAGES[number % len(PAGES)]
        found = post_to(asked, page, page.fill(person))["contract"]
        result.benign += 1
        result.false += bool(found)
        result.reasons.update(f"{page.path} {violation}" for violation in found)
    kinds = sorted(KINDS)
    for number in range(anomalies):
        page, kind = PAGES[number % len(PAGES)], kinds[number // len(PAGES) % len(kinds)]
        spoiled = spoil(kind, page, page.fill(person), person.random)
        result.anomalies[kind] += 1
        result.found[kind] += bool(post_to(asked, page, spoiled)["contract"])
    return result
