"""Learns from benign posts, and counts which of later posts, benign and not, leave what was learned."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from benchmarks.learned_contract.attacks import KINDS, spoil
from benchmarks.learned_contract.forms import PAGES, Page, Person
from starfort import bundle, config
from starfort._engine import Engine
from starfort.catalogue.schemas import deviations, shape
from starfort.catalogue.schemas.contract import operation
from starfort.catalogue.schemas.learn import Reading
from starfort.catalogue.schemas.record import REQUEST, Record
from starfort.catalogue.schemas.support import Support, Trust
from starfort.compile import compile_config
from starfort.contracts.model import Operation

FORM: Final = "application/x-www-form-urlencoded"

CALLERS: Final = 400

LEARNED: Final = 0.7
"""Share of each list of words that may come while learning."""

TRUST: Final = Trust()

_CONFIG: Final = """
version: 1
listeners: [{name: web, address: "127.0.0.1:18080"}]
upstreams: [{name: shop, addresses: ["127.0.0.1:18081"]}]
rules: {sets: []}
apis:
  - name: shop
    upstream: shop
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


def engine() -> Engine:
    """An engine that knows the pages and tells every shape."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "starfort.yaml"
        endpoints = "".join(f'      - {{match: "POST {page.path}", labels: [form]}}\n' for page in PAGES)
        file.write_text(_CONFIG + endpoints)
        made = compile_config(config.load(file), hash_key=bytes(range(32)), signal_kinds=())
        return Engine(bundle.encode(made.bundle))


def drawing(seed: int) -> random.Random:
    """Draws the same each time."""
    return random.Random(seed)  # noqa: S311 (no secret is drawn)


def told(asked: Engine, page: Page, post: Mapping[str, str], address: str = "192.0.2.1") -> shape.Shape:
    """The shape that the engine tells of a post."""
    event: Any = asked.explain(
        {
            "method": "POST",
            "url": f"https://shop.example.com{page.path}",
            "headers": [("content-type", FORM)],
            "body": urlencode(post),
            "address": address,
            "response": {"status": 200, "headers": [("content-type", "text/html")], "body": "ok"},
        }
    )["event"]
    return shape.read(event["shape_request"])


def learn(asked: Engine, posts: int, seed: int, share: float = LEARNED) -> dict[str, Operation]:
    """What is learned of each page from so many posts."""
    person = Person(drawing(seed), share)
    records = {page.path: Record() for page in PAGES}
    for number in range(posts):
        page = PAGES[number % len(PAGES)]
        caller = person.random.randrange(CALLERS)
        when = number * 86_400 // posts
        support = Support((caller,), when, when)
        records[page.path].add(REQUEST, told(asked, page, page.fill(person)), FORM, support, TRUST)
    return {
        path: operation(record, "POST", path, reading=Reading.TRUSTED, trust=TRUST)
        for path, record in records.items()
    }


def judge(learned: Operation, found: shape.Shape) -> list[tuple[str, str]]:
    """Where a post leaves what was learned."""
    content = learned.body.content if learned.body else ()
    schema = content[0].schema if content else True
    if isinstance(schema, bool):
        return []

    def each() -> Iterator[tuple[str, str]]:
        for alternative in found["b"]:
            yield from deviations.of_object(alternative, schema, "", deviations.of_field)

    return deviations.first(each())


def measure(posts: int = 20_000, benign: int = 30_000, anomalies: int = 10_000, seed: int = 7) -> Result:
    """Learn from posts, then judge others: benign ones, and as many anomalies of each kind."""
    asked = engine()
    learned = learn(asked, posts, seed)
    result = Result()
    person = Person(drawing(seed + 1), 1.0)
    for number in range(benign):
        page = PAGES[number % len(PAGES)]
        found = judge(learned[page.path], told(asked, page, page.fill(person)))
        result.benign += 1
        result.false += bool(found)
        result.reasons.update(f"{page.path} {code} {pointer}" for code, pointer in found)
    kinds = sorted(KINDS)
    for number in range(anomalies):
        page, kind = PAGES[number % len(PAGES)], kinds[number // len(PAGES) % len(kinds)]
        spoiled = spoil(kind, page, page.fill(person), person.random)
        result.anomalies[kind] += 1
        result.found[kind] += bool(judge(learned[page.path], told(asked, page, spoiled)))
    return result


if __name__ == "__main__":
    outcome = measure()
    print(f"false {outcome.false} of {outcome.benign}: {100 * outcome.false / outcome.benign:.3f} %")
    whole, caught = outcome.anomalies.total(), outcome.found.total()
    print(f"found {caught} of {whole}: {100 * caught / whole:.2f} %")
    for kind, count in sorted(outcome.anomalies.items()):
        print(f"  {kind:18} {100 * outcome.found[kind] / count:6.1f} %")
    for reason, count in outcome.reasons.most_common(20):
        print(f"  {count:5} {reason}")
