"""Searches for the input that costs CRS most per byte: `python -m tests.crs.worst [--seconds S] [--paranoia N]`.

Regular expressions take linear time here, but a rule set is more than its expressions: values are cut, decoded,
searched for literals, counted, asked of libinjection. The search keeps the most expensive shape of each kind of place
and length of value (MAP-Elites: Mouret and Clune, 2015, "Illuminating search spaces by mapping elites"), changes one of
them at a time, and measures by the CPU time of the thread, the least of some runs. What it prints are figures; what
`test_worst` asserts is that cost grows no faster than the input. With `--without-rules` the rest of the engine is
searched: parsers, detectors of sensitive data, masking. With `--large` whole requests of the largest size that is
inspected are measured, plain and compressed, which the budget of work bounds.
"""

from __future__ import annotations

import argparse
import base64
import functools
import gzip
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from benchmarks.quality.worst import least_cpu_ms

from starfort import bundle, config
from starfort._engine import Engine, RuleSet
from starfort.compile import compile_config
from starfort.threats.rulesets import BASE_RULES
from starfort.threats.seclang.load import load_rules
from starfort.threats.seclang.parse import Snippet
from tests.crs.shapes import Atom, Shape, made, mutated, vocabulary, weight
from tests.crs.suite import CORPUS

if TYPE_CHECKING:
    from starfort._engine import RequestDescription

SEARCH_BYTES = 8 << 10
"""Size at which the search compares: some milliseconds each."""

SMALL, LARGE = 16 << 10, 64 << 10
"""Sizes between which growth is told."""

KNOWN = (
    Shape("one form name", (Atom(b"oQ=="),)),
    Shape("json strings", (Atom(b"="),)),
    Shape("json strings", (Atom(b"y\xde=="),)),
    Shape("part names", (Atom(b"+Q=="),)),
    Shape("form values", (Atom(b"<"),)),
    Shape("form values", (Atom(b"{"),)),
    Shape("form values", (Atom(b"a."),)),
    Shape("form values", (Atom(b"like."),)),
    Shape("form values", (Atom(b"or`"),)),
    Shape("form values", (Atom(b"php','w'); fwrite($f,'<?php eval($_GET[c", repeat=8),), 12),
    Shape("json as it is", (Atom(b"\xf4"),)),
    Shape("json keys", (Atom(b"ssrf=http://[a::]", "entities", 2), Atom(b"="))),
    Shape("header values", (Atom(b"%3D"),), 3),
    Shape("xml nested", (Atom(b"a"),), 3, distinct=False),
    Shape("multipart as it is", (Atom(b"\r\n--b"),)),
    Shape("query names", (Atom(b"a"),), 3),
)
"""What was dearest once, here or in a library that was used."""

say = functools.partial(print, file=sys.stdout, flush=True)


class Inspects(Protocol):
    """What is measured: `RuleSet`, or what a test puts in its place."""

    def inspect(self, request: dict[str, Any], response: dict[str, Any] | None = None) -> object:
        """Look at a request and its response."""


def rules(paranoia: int = 1) -> RuleSet:
    """CRS as it comes, at a paranoia level from 1 to 4."""
    level = Snippet(
        "level", f'SecAction "id:900000,phase:1,pass,nolog,setvar:tx.blocking_paranoia_level={paranoia}"\n'
    )
    return RuleSet(load_rules([BASE_RULES, CORPUS / "crs-setup.conf.example", level, CORPUS / "rules"]).data)


_CONFIG = """
version: 1
listeners: [{name: public, address: "127.0.0.1:8080"}]
upstreams: [{name: a, addresses: ["127.0.0.1:9000"]}]
apis: [{name: a, upstream: a}]
rules: {sets: [], api_rules: false}
policies:
  - {name: mask, when: '"card_number" in sensitive.response', action: {mask: [card_number]}, mode: enforce}
"""


class Pipeline:
    """Everything but rules, as a request goes through it."""

    def __init__(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "starfort.yaml"
            file.write_text(_CONFIG)
            made = compile_config(config.load(file), hash_key=bytes(32), signal_kinds=())
        self._engine = Engine(bundle.encode(made.bundle))

    def inspect(self, request: dict[str, Any], response: dict[str, Any] | None = None) -> object:
        """Look at a request and its response."""
        asked: RequestDescription = {
            "method": request["method"],
            "url": request["uri"],
            "headers": [(name.lower(), value) for name, value in request["headers"]],
            "body": request["body"],
        }
        if response is not None:
            asked["response"] = {"headers": response["headers"], "body": response["body"]}
        return self._engine.explain(asked)


class Whole:
    """Everything, rules included, within the limits that a configuration has when it says nothing."""

    def __init__(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "starfort.yaml"
            file.write_text(_CONFIG.replace("rules: {sets: [], api_rules: false}\n", ""))
            made = compile_config(config.load(file), hash_key=bytes(32), signal_kinds=())
        self._engine = Engine(bundle.encode(made.bundle))

    def milliseconds(self, content_type: str, body: bytes, *, compressed: bool, runs: int = 2) -> float:
        """CPU time of a request, the least of some runs."""
        return least_cpu_ms(self._engine, _asked(content_type, body, compressed=compressed), runs)

    def anomalies(self, content_type: str, body: bytes, *, compressed: bool = False) -> list[str]:
        """Codes of what is odd in a request, limits that it is over among them."""
        told: Any = self._engine.explain(_asked(content_type, body, compressed=compressed))
        return list(told["anomalies"])


def _asked(content_type: str, body: bytes, *, compressed: bool) -> RequestDescription:
    headers = [("host", "a"), ("user-agent", "client/1"), ("content-type", content_type)]
    if compressed:
        body = gzip.compress(body)
        headers.append(("content-encoding", "gzip"))
    headers.append(("content-length", str(len(body))))
    return {"method": "POST", "url": "/a", "headers": headers, "body": body}


def ordinary_bodies(chance: random.Random) -> Iterator[tuple[str, str, bytes]]:
    """Large bodies as applications send them: pictures, pages, imports, maps, texts, forms.

    Yields:
        What it is, its media type, the body.
    """
    text = "Please find the report of last week here and tell us what you think, thank you very much"
    words = text.split()

    def prose(size: int) -> str:
        sentences, length = [], 0
        while length < size:
            sentence = " ".join(chance.choices(words, k=12)).capitalize() + chance.choice(
                [". ", "? ", "!\n\n"]
            )
            sentences.append(sentence)
            length += len(sentence)
        return "".join(sentences)

    picture = base64.b64encode(chance.randbytes(487_000)).decode()
    yield "picture", "application/json", json.dumps({"image": f"data:image/png;base64,{picture}"}).encode()
    page = "".join(f'<p class="text">{prose(200)}</p>\n' for _ in range(4_500))
    yield "page", "application/json", json.dumps({"html": page}).encode()
    rows = [
        {
            "id": number,
            "name": " ".join(chance.choices(words, k=2)),
            "email": f"user{chance.randrange(10**6)}@example.com",
            "created": f"2026-01-{1 + number % 28:02}T10:00:00Z",
            "price": chance.random() * 100,
            "active": True,
            "note": prose(40),
        }
        for number in range(9_000)
    ]
    yield "import", "application/json", json.dumps(rows).encode()
    line = [[chance.uniform(-180, 180), chance.uniform(-90, 90)] for _ in range(48_000)]
    yield "map", "application/geo+json", json.dumps({"type": "LineString", "coordinates": line}).encode()
    yield "text", "text/plain", prose(1 << 20).encode()
    fields = "&".join(f"field{number}={'+'.join(chance.choices(words, k=6))}" for number in range(24_000))
    yield "form", "application/x-www-form-urlencoded", fields.encode()


def large_bodies(chance: random.Random) -> Iterator[tuple[str, str, bytes, bool]]:
    """Bodies as large as the limits allow, of what is dear, plain and mixed with noise, also compressed.

    Yields:
        What it is, its media type, the body, and whether it is sent compressed.
    """
    letters = b"abcdefghijklmnopqrstuvwxyz0123456789"
    noise = [bytes(chance.choices(letters, k=8)) for _ in range(4096)]
    for unit in (b"${", b"http://1.1.1.1/", b"<a ", b"' or ", b"=", b"../", b"select ", b"; ls "):
        for mixed in (False, True):
            parts = noise if mixed else [b""] * 4096
            text = b"".join(unit + part for part in parts)
            for size, compressed in ((2 << 20, False), (8 << 20, True)):
                whole = (text * (size // len(text) + 1))[: size - 64]
                name = f"{unit!r}{' and noise' if mixed else ''}, {size >> 20} MiB{' gzip' if compressed else ''}"
                yield f"text: {name}", "text/plain", whole, compressed
                yield f"form: {name}", "application/x-www-form-urlencoded", b"a=" + whole, compressed
                yield (
                    f"json: {name}",
                    "application/json",
                    b'{"a":"' + whole.replace(b'"', b"'") + b'"}',
                    compressed,
                )


def cost(engine: Inspects, shape: Shape, size: int, runs: int = 2) -> float:
    """Nanoseconds of CPU time per byte: the least of `runs`, for what disturbs only adds.

    A shape that makes less than `size` counts as if it made that much: else what a request costs anyway would be told.
    """
    request, response = shape.render(size)
    least = sys.maxsize
    for _ in range(runs):
        started = time.thread_time_ns()
        engine.inspect(request, response)
        least = min(least, time.thread_time_ns() - started)
    return least / max(size, weight(request, response))


def growth(engine: Inspects, shape: Shape, *, enough: float, tries: int = 6) -> float:
    """How many times as dear a byte is in the large input as in the small one: 1 is linear, 4 is quadratic.

    Args:
        engine: what is measured.
        shape: what it looks at.
        enough: stop measuring once it is below.
        tries: measurements at most; the least is told.
    """
    least = float("inf")
    for _ in range(tries):
        least = min(least, cost(engine, shape, LARGE) / cost(engine, shape, SMALL))
        if least <= enough:
            break
    return least


@dataclass
class Search:
    """The dearest shape found of each kind, and what it costs in ns per byte.

    Attributes:
        engine: the rules that are searched.
        seed: the same seed tries the same kinds of change; what is kept depends on the machine's clock.
    """

    engine: Inspects
    seed: int = 1
    best: dict[tuple[str, int], tuple[float, Shape]] = field(default_factory=dict)
    tried: int = 0

    def run(self, *, count: int, seconds: float) -> None:
        """Try `count` shapes, or as many as can be tried in `seconds`."""
        chance = random.Random(self.seed)  # noqa: S311 - repeatable, no secret
        words = vocabulary()
        end = time.monotonic() + seconds
        while self.tried < count and time.monotonic() < end:
            if chance.random() < 0.25 or len(self.best) < 10:
                shape = made(words, chance)
            else:
                kinds = list(self.best.values())
                shape = mutated(chance.choice(kinds)[1], chance.choice(kinds)[1], words, chance)
            self.offer(shape)

    def offer(self, shape: Shape) -> None:
        """Measure a shape; keep it if it is the dearest of its kind, measured twice."""
        self.tried += 1
        kind = (shape.wrapper, shape.piece)
        before = self.best[kind][0] if kind in self.best else 0.0
        found = cost(self.engine, shape, SEARCH_BYTES, runs=1)
        if found > before:
            found = min(found, cost(self.engine, shape, SEARCH_BYTES))
        if found > before:
            self.best[kind] = found, shape

    def dearest(self, count: int) -> list[Shape]:
        """The dearest shapes, one of each kind of place."""
        by_place: dict[str, tuple[float, Shape]] = {}
        for found, shape in self.best.values():
            if found > by_place.get(shape.wrapper, (0.0, shape))[0]:
                by_place[shape.wrapper] = found, shape
        ranked = sorted(by_place.values(), key=lambda pair: -pair[0])
        return [shape for _, shape in ranked[:count]]


def main() -> int:
    """Search, and print the dearest shapes with their cost at two sizes.

    Returns:
        1 when a byte of a large input costs more than twice what one of a small input costs.
    """
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=60.0)
    arguments.add_argument("--count", type=int, default=sys.maxsize, help="shapes to try at most")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--paranoia", type=int, default=1)
    arguments.add_argument("--without-rules", action="store_true")
    arguments.add_argument(
        "--large",
        action="store_true",
        help="CPU time of bodies as large as the limits allow, also compressed",
    )
    arguments.add_argument("--top", type=int, default=30)
    options = arguments.parse_args()
    if options.large:
        whole = Whole()
        found = sorted(
            (whole.milliseconds(kind, body, compressed=compressed), name)
            for name, kind, body, compressed in large_bodies(random.Random(options.seed))  # noqa: S311
        )
        for milliseconds, name in found[::-1][: options.top]:
            say(f"{milliseconds:9.1f} ms  {name}")
        return 0
    engine = Pipeline() if options.without_rules else rules(options.paranoia)
    search = Search(engine, options.seed)
    for shape in KNOWN:
        search.offer(shape)
    search.run(count=options.count, seconds=options.seconds)
    say(f"{search.tried} shapes tried, {len(search.best)} kinds")
    say(f"{'ns/B 16K':>9} {'ns/B 64K':>9} {'growth':>6}  shape")
    steep = 0
    for shape in search.dearest(options.top):
        small, large = (cost(search.engine, shape, size, runs=3) for size in (SMALL, LARGE))
        steep += large > 2 * small
        say(f"{small:9.0f} {large:9.0f} {large / small:6.2f}  {shape}")
    return int(steep > 0)


if __name__ == "__main__":
    sys.exit(main())
