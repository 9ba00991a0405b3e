"""Requests that cost the most: shapes that turned out to be the most expensive."""

from __future__ import annotations

import functools
import gzip
import json
import random
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from benchmarks.quality.clients import Call, sent
from benchmarks.quality.judge import Judge
from benchmarks.quality.mutations.forms import FORM, JSON, XML, multipart, part
from benchmarks.quality.sample import Sample, chance

if TYPE_CHECKING:
    from starfort._engine import Engine, RequestDescription

MIB: Final = 1 << 20
RUNS: Final = 3
"""Of each request the least is told: what disturbs only adds."""

PIECES: Final = (
    b"${", b"http://1.1.1.1/", b"<", b"{{", b"' or ", b"like.", b"../", b"a.", b"oQ==", b"%3d", b"union select ", b"\\u0027", b"/*", b"onx=", b"$(", b"a;b|", b"&lt;", b"eval(", b"-- ",
    b"=cmd|' /C calc'!A0", b'O:8:"a":1:{', b"0x41", b"\xc0\xae", b"select", b"ssh://", b'"""', b"rO0AB",
)  # fmt: skip
"""What rules look for, over and over; `noise` mixes them."""


def _noise(size: int) -> bytes:
    rng = random.Random(8)
    made = b""
    while len(made) < size:
        made += rng.choice(PIECES) + rng.choice((b"", b" ", b"a", b"1", b"\n"))
        if len(made) > 65536:
            break
    return (made * (size // len(made) + 1))[:size]


def _mixed(piece: bytes, size: int) -> bytes:
    """A piece over and over, with a different text after each, so that nothing can be skipped."""
    made = b"".join(piece + bytes((97 + number % 26,)) for number in range(8192))
    return (made * (size // len(made) + 1))[:size]


WRAPPERS: Final[dict[str, Callable[[bytes], Call]]] = {
    "json string": lambda content: _call(json.dumps({"a": content.decode("latin-1")}, ensure_ascii=False).encode(), JSON),
    "json strings of 64": lambda content: _call(json.dumps([content[at : at + 64].decode("latin-1") for at in range(0, len(content), 64)], ensure_ascii=False).encode(), JSON),
    "form value": lambda content: _call(b"a=" + content.replace(b"&", b"%26"), FORM),
    "form values": lambda content: _call(b"&".join(b"a=" + content[at : at + 64].replace(b"&", b"%26") for at in range(0, len(content), 64)), FORM),
    "text": lambda content: _call(content, "text/plain"),
    "xml": lambda content: _call(b"<a>" + content.replace(b"&", b"&amp;").replace(b"<", b"&lt;") + b"</a>", XML),
    "multipart field": lambda content: multipart(part("a", content)),
    "graphql": lambda content: _call(json.dumps({"query": "{ a(b: " + json.dumps(content.decode("latin-1"), ensure_ascii=False) + ") }"}, ensure_ascii=False).encode(), JSON, "/graphql"),
}  # fmt: skip


def _call(body: bytes, kind: str, target: str = "/v1/orders") -> Call:
    return Call("POST", target, body, kind)


def shapes(quick: bool = False) -> Iterator[Sample]:
    """1 MiB uncompressed, and 8 MiB compressed, in every wrapper."""
    contents: dict[str, Callable[[int], bytes]] = {
        "noise": _noise,
        **{repr(piece)[2:-1]: functools.partial(_mixed, piece) for piece in PIECES[: 3 if quick else None]},
    }
    for what, make in contents.items():
        for wrapper, wrap in WRAPPERS.items():
            yield _sent(f"1 MiB of {what} in {wrapper}", wrap(make(MIB)))
        if what in {"noise", "${", "http://1.1.1.1/"}:
            for wrapper in list(WRAPPERS)[:: 3 if quick else 1]:
                call = WRAPPERS[wrapper](make(8 * MIB))
                packed = Call(
                    "POST",
                    call.target,
                    gzip.compress(call.body, 6, mtime=0),
                    call.content_type,
                    (("content-encoding", "gzip"),),
                )
                yield _sent(f"8 MiB of {what} in {wrapper}, gzip of {len(packed.body) >> 10} KiB", packed)


def _sent(name: str, call: Call) -> Sample:
    return sent("time", name, call, chance("worst", name), "curl")


def cost_ms(judge: Judge, sample: Sample, runs: int = RUNS) -> float:
    """CPU time of a request in milliseconds, the least of some runs."""
    return least_cpu_ms(judge.engine, sample.described(), runs)


def least_cpu_ms(engine: Engine, asked: RequestDescription, runs: int) -> float:
    """CPU time of this thread for a request in milliseconds.

    The least of some runs counts, because whatever disturbs a run only makes it longer.
    """
    least = float("inf")
    for _ in range(runs):
        start = time.thread_time_ns()
        engine.explain(asked)
        least = min(least, (time.thread_time_ns() - start) / 1e6)
    return least
