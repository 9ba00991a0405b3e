"""The control socket under any mixture of frames and any slowness of the disk."""

from __future__ import annotations

import asyncio
import json
import struct
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from starfort.dataplane import frames
from starfort.dataplane.frames import FrameType
from starfort.dataplane.socket import Callbacks, ControlSocket, Peer, Taken, Timeouts

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=12,
)
_NAMES = (
    "counters",
    "gauges",
    "waiting",
    "bundle",
    "calls",
    "oldest_us",
    "version",
    "since_ms",
    "events_acknowledged",
)
_STATS = st.dictionaries(
    st.sampled_from(_NAMES), _JSON | st.dictionaries(st.sampled_from(_NAMES), _JSON, max_size=4), max_size=5
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_STATS, max_size=4))
def test_statistics_of_any_shape_are_taken(said: list[dict[str, Any]]) -> None:
    """Whatever JSON a filter sends as statistics, nothing raises and every figure stays a figure."""
    peer = Peer("node", 1, "a", connected=False)
    for each in said:
        peer.take_stats(each, 5.0)
        assert peer.stats_at == 5.0
        assert peer.outstanding >= 0
        assert peer.left_behind == peer.outstanding
        assert isinstance(peer.waiting_calls, int)
        assert isinstance(peer.bundle, str)
        assert isinstance(peer.oldest_waiting + peer.bundle_since, float)


_FRAMES = st.lists(
    st.sampled_from(["events", "events", "again", "stats", "ping", "result"]) | st.floats(0, 0.003),
    max_size=25,
)


@settings(max_examples=25, deadline=None)
@given(_FRAMES, st.lists(st.floats(0, 0.004), min_size=1, max_size=5))
def test_any_mixture_of_frames_keeps_order_and_takes_each_batch_once(
    plan: list[str | float], delays: list[float]
) -> None:
    """However frames are mixed and batches delayed: batches in order and once, acknowledged; each ping answered."""
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(_exchange(Path(directory), plan, delays))


async def _exchange(directory: Path, plan: list[str | float], delays: list[float]) -> None:
    taken: list[int] = []

    async def on_events(_: Peer, sequence: int, arrow: bytes) -> Taken:
        await asyncio.sleep(delays[sequence % len(delays)])
        assert arrow == b"batch %d" % sequence
        taken.append(sequence)
        return Taken(1, float(sequence))

    server = ControlSocket(directory / "c.sock", Callbacks(on_events=on_events), Timeouts(bundle_s=0.05))
    await server.start()
    reader, writer = await asyncio.open_unix_connection(str(server.path))

    def send(kind: FrameType, value: object) -> None:
        payload = value if isinstance(value, bytes) else json.dumps(value).encode()
        writer.write(frames.encode(kind, payload))

    send(FrameType.HELLO, {"node": "n", "pid": 1, "instance": "a", "bundle": ""})
    sequence = pings = 0
    for step in [*plan, "ping"]:
        if isinstance(step, float):
            await asyncio.sleep(step)
        elif step in ("events", "again"):
            sequence += step == "events" or not sequence
            send(FrameType.EVENTS, struct.pack(">Q", sequence) + b"batch %d" % sequence)
        elif step == "stats":
            send(
                FrameType.STATS, {"counters": {"requests": sequence}, "waiting": {"calls": 1, "oldest_us": 1}}
            )
        elif step == "ping":
            pings += 1
            send(FrameType.PING, struct.pack(">Q", pings))
        else:
            send(FrameType.BUNDLE_RESULT, {"version": f"v{sequence}", "ok": sequence % 2 == 0, "error": "x"})
    pongs, acknowledged = 0, 0
    async with asyncio.timeout(20):
        while pongs < pings or acknowledged < sequence:
            frame = await frames.read_frame(reader, body_timeout_s=10)
            assert frame is not None
            if frame.type is FrameType.PONG:
                pongs += 1
                assert struct.unpack(">Q", frame.payload) == (pongs,)
            elif frame.type is FrameType.EVENTS_ACK:
                (found,) = struct.unpack(">Q", frame.payload)
                assert acknowledged <= found <= len(taken)
                acknowledged = found
    assert taken == list(range(1, sequence + 1))
    assert server.peers[0].taken_calls == sequence
    writer.close()
    await server.stop()
