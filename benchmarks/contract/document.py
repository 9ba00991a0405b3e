"""Holds the calls of one document to it, and counts what came of them."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from benchmarks.contract.calls import BASE, Call, Document, calls_of
from benchmarks.contract.oracle import Oracle
from starfort import _engine, bundle, config
from starfort.compile import Compiled, compile_config

CONFIG: Final = """\
version: 1
data_dir: {folder}
listeners: [{{name: public, address: 127.0.0.1:1}}]
upstreams: [{{name: api, addresses: [127.0.0.1:2]}}]
rules: {{sets: []}}
apis: [{{name: api, upstream: api, openapi: {document}, contract: {{mode: {mode}, responses: 'off'}}}}]
"""
LARGE_BYTES: Final = 1024
TIMED: Final = 40
REPEATS: Final = 9


@dataclass
class Tally:
    """What came of the calls of one document.

    Attributes:
        name: of the document.
        valid: valid calls that are valid on the wire too.
        wrong: calls that are valid for schemathesis, and that the oracle finds broken, or that it cannot read
            back (forms with nested values) and the engine refuses.
        false: valid calls with a violation, as text for people.
        negatives: broken calls that the oracle finds broken.
        found: those of them with a violation.
        right_again: broken calls that the oracle finds valid.
        unjudged: broken calls that the oracle cannot judge.
        missed: what the negatives break that were not found, and the calls.
        timed: microseconds and KiB of the bodies that were timed.
    """

    name: str
    valid: int = 0
    wrong: int = 0
    false: list[str] = field(default_factory=list)
    negatives: int = 0
    found: int = 0
    right_again: int = 0
    unjudged: int = 0
    missed: list[tuple[str, str]] = field(default_factory=list)
    timed: list[tuple[float, float]] = field(default_factory=list)

    def __iadd__(self, other: Tally) -> Self:
        """Add another document's."""
        for name in (
            "valid",
            "wrong",
            "false",
            "negatives",
            "found",
            "right_again",
            "unjudged",
            "missed",
            "timed",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self

    @property
    def us_per_kib(self) -> float:
        """Microseconds that checking adds for each KiB of body."""
        size = sum(kib for _, kib in self.timed)
        return sum(us for us, _ in self.timed) / size if size else 0.0


def examine(file: Path, valid: int, broken: int) -> Tally:
    """Make calls of a document and hold them to it.

    Args:
        file: the document.
        valid: how many valid calls to make.
        broken: how many broken ones.
    """
    document = _without_servers(json.loads(file.read_text(encoding="utf-8")))
    tally = Tally(file.stem)
    with tempfile.TemporaryDirectory(prefix="starfort-bench-") as name:
        folder = Path(name)
        (folder / "api.json").write_text(json.dumps(document), encoding="utf-8")
        made = _compiled(folder, "enforce")
        engine = _engine.Engine(bundle.encode(made.bundle))
        plain = _engine.Engine(bundle.encode(_compiled(folder, "'off'").bundle))
    contract = made.documents["api"]
    oracle = Oracle(contract)
    large: list[Call] = []
    for call in _repeated(document, valid, valid=True):
        _valid(tally, call, engine, oracle)
        if len(call.body) >= LARGE_BYTES and len(large) < TIMED:
            large.append(call)
    for call in _repeated(document, broken, valid=False):
        _broken(tally, call, engine, oracle)
    tally.timed = [_timed(call, engine, plain) for call in large]
    return tally


def _without_servers(document: Document) -> Document:
    """A document whose paths begin at the root, as those of the calls do."""
    for item in document.get("paths", {}).values():
        for part in [item, *(one for one in item.values() if isinstance(one, dict))]:
            part.pop("servers", None)
    return {**document, "servers": [{"url": BASE}]}


def _compiled(folder: Path, mode: str) -> Compiled:
    file = folder / "starfort.yaml"
    file.write_text(CONFIG.format(folder=folder, document=folder / "api.json", mode=mode), encoding="utf-8")
    return compile_config(config.load(file), hash_key=bytes(32), signal_kinds=())


def _repeated(document: Document, count: int, *, valid: bool) -> Iterator[Call]:
    """As many calls as asked for: round after round over all operations, each with another seed."""
    left, number = count, 1
    while left > 0:
        operations = max(1, sum(len(item) for item in document.get("paths", {}).values()))
        each = min(200, max(5, left // operations + 1))
        made = 0
        for call in calls_of(document, each, valid=valid, number=number):
            if made == left:
                return
            made += 1
            yield call
        if made == 0:
            return
        left, number = left - made, number + 1


def _violations(call: Call, engine: _engine.Engine) -> list[str]:
    said = engine.explain(_request(call))
    return said["contract"] or ([f"{said['action']}"] if said["answer"] is not None else [])


def _request(call: Call) -> _engine.RequestDescription:
    headers = [(name, value.encode("latin-1", "replace")) for name, value in call.headers]
    return {"method": call.method, "url": f"{BASE}{call.target}", "headers": headers, "body": call.body}


def _valid(tally: Tally, call: Call, engine: _engine.Engine, oracle: Oracle) -> None:
    verdict = oracle.judge(call)
    violations = _violations(call, engine)
    # What `requests` makes of nested values in forms cannot be read back by anybody.
    if verdict == "breaks" or (verdict == "unjudged" and violations):
        tally.wrong += 1
        return
    tally.valid += 1
    if violations:
        tally.false.append(f"{violations} {call}"[:1000])


def _broken(tally: Tally, call: Call, engine: _engine.Engine, oracle: Oracle) -> None:
    match oracle.judge(call):
        case "keeps":
            tally.right_again += 1
        case "unjudged":
            tally.unjudged += 1
        case "breaks":
            tally.negatives += 1
            if _violations(call, engine):
                tally.found += 1
            else:
                tally.missed.append((call.broken[:80], str(call)[:1000]))


def _timed(call: Call, engine: _engine.Engine, plain: _engine.Engine) -> tuple[float, float]:
    """Microseconds that checking adds to a call, and the KiB of its body: the least of several each."""
    request: Any = _request(call)

    def least(one: _engine.Engine) -> float:
        best = float("inf")
        for _ in range(REPEATS):
            # The thread's own time: what else runs on the machine does not count.
            start = time.thread_time()
            one.explain(request)
            best = min(best, time.thread_time() - start)
        return best

    return (least(engine) - least(plain)) * 1e6, len(call.body) / 1024
