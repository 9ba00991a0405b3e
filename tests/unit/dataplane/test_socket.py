"""The control socket's server, talked to as a filter would and as a filter never should."""

from __future__ import annotations

import asyncio
import contextlib
import json
import stat
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from starfort.dataplane import frames, socket
from starfort.dataplane.frames import FrameType
from starfort.dataplane.socket import (
    MAX_QUEUED_BYTES,
    Answer,
    Callbacks,
    ControlSocket,
    Peer,
    SocketUnavailableError,
    Timeouts,
)

HELLO = {
    "node": "edge-1",
    "pid": 42,
    "instance": "a",
    "filter_version": "0.1.0",
    "envoy_abi": "v0.2.0",
    "bundle": "",
}


class Filter:
    """The filter's side of the socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    opened: ClassVar[list[asyncio.StreamWriter]] = []

    @classmethod
    async def open(cls, path: Path) -> Filter:
        reader, writer = await asyncio.open_unix_connection(str(path))
        cls.opened.append(writer)
        return cls(reader, writer)

    @classmethod
    async def connect(cls, path: Path, hello: dict[str, Any] | None = None) -> Filter:
        peer = await cls.open(path)
        peer.send(FrameType.HELLO, hello or HELLO)
        return peer

    def send(self, kind: FrameType, value: object) -> None:
        payload = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.writer.write(frames.encode(kind, payload))

    def send_events(self, sequence: int, arrow: bytes = b"arrow") -> None:
        self.send(FrameType.EVENTS, struct.pack(">Q", sequence) + arrow)

    async def receive(self, kind: FrameType) -> Any:
        async with asyncio.timeout(10):
            frame = await frames.read_frame(self.reader, body_timeout_s=10)
        assert frame is not None, "closed"
        assert frame.type is kind
        if kind is FrameType.EVENTS_ACK:
            return struct.unpack(">Q", frame.payload)[0]
        return frame.payload if kind is FrameType.PONG else json.loads(frame.payload)

    async def closed(self) -> bool:
        async with asyncio.timeout(10):
            try:
                while await self.reader.read(65536):
                    pass
            except ConnectionError:
                pass
        return True


class Taken:
    """What the server handed on."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, bytes]] = []
        self.fail = False
        self.disk = asyncio.Event()
        self.disk.set()

    async def on_events(self, _: Peer, sequence: int, arrow: bytes) -> socket.Taken:
        await self.disk.wait()
        if self.fail:
            raise OSError("disk full")
        self.batches.append((sequence, arrow))
        return socket.Taken(10, float(sequence))


@pytest.fixture
def taken() -> Taken:
    """Where batches go."""
    return Taken()


@pytest.fixture
async def server(tmp_path: Path, taken: Taken) -> AsyncIterator[ControlSocket]:
    """A listening control socket with one bundle and one signal."""
    signal = {"kind": "scraping", "key_type": "ja4", "key": "t13", "score": 0.9, "ttl_ms": 1000}
    made = ControlSocket(
        tmp_path / "run" / "control.sock",
        Callbacks(
            on_events=taken.on_events,
            signals=lambda: [signal],
            bundle=lambda: (tmp_path / "bundle.sfb", "v1"),
        ),
        Timeouts(hello_s=0.5, body_s=0.5, bundle_s=0.5),
    )
    await made.start()
    yield made
    await made.stop()


@pytest.fixture(autouse=True)
async def _close_filters() -> AsyncIterator[None]:
    """Close what the test opened."""
    yield
    while Filter.opened:
        writer = Filter.opened.pop()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def greeted(server: ControlSocket, hello: dict[str, Any] | None = None) -> Filter:
    """A filter that has been greeted."""
    peer = await Filter.connect(server.path, hello)
    assert (await peer.receive(FrameType.BUNDLE))["version"] == "v1"
    assert (await peer.receive(FrameType.SIGNALS))["full"] is True
    return peer


async def until(condition: Callable[[], object]) -> None:
    """Wait for a state."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def test_socket_is_private(server: ControlSocket) -> None:
    """Only the owner may connect: socket 0600 in a directory 0700."""
    assert stat.S_IMODE(server.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(server.path.parent.stat().st_mode) == 0o700


async def test_new_filter_gets_bundle_and_every_signal(server: ControlSocket) -> None:
    """A filter that connects is told the bundle in force and the whole signal table."""
    peer = await Filter.connect(server.path)
    bundle = await peer.receive(FrameType.BUNDLE)
    assert bundle["version"] == "v1"
    signals = await peer.receive(FrameType.SIGNALS)
    assert signals["full"] is True
    assert [signal["key"] for signal in signals["set"]] == ["t13"]


async def test_filter_with_the_bundle_is_not_told_again(server: ControlSocket) -> None:
    """A filter that already runs the bundle in force gets signals only."""
    peer = await Filter.connect(server.path, {**HELLO, "bundle": "v1"})
    assert (await peer.receive(FrameType.SIGNALS))["full"] is True


async def test_events_are_acknowledged_once_taken(server: ControlSocket, taken: Taken) -> None:
    """A batch is handed on and then acknowledged with its sequence."""
    peer = await greeted(server)
    peer.send_events(1, b"one")
    assert await peer.receive(FrameType.EVENTS_ACK) == 1
    assert taken.batches == [(1, b"one")]


async def test_resent_batch_is_acknowledged_but_not_taken_twice(server: ControlSocket, taken: Taken) -> None:
    """After a reconnect the same batch of the same process is acknowledged and not handed on again."""
    peer = await greeted(server)
    peer.send_events(1)
    await peer.receive(FrameType.EVENTS_ACK)
    peer.writer.close()
    again = await greeted(server)
    again.send_events(1)
    assert await again.receive(FrameType.EVENTS_ACK) == 1
    assert len(taken.batches) == 1
    assert server.peers[0].duplicates == 1


async def test_restarted_process_with_the_same_pid_starts_over(server: ControlSocket, taken: Taken) -> None:
    """In a container Envoy's pid is the same after a restart; its `instance` is not, so nothing is lost."""
    peer = await greeted(server)
    peer.send_events(1, b"before")
    await peer.receive(FrameType.EVENTS_ACK)
    other = await greeted(server, {**HELLO, "instance": "b"})
    other.send_events(1, b"after")
    await other.receive(FrameType.EVENTS_ACK)
    assert [arrow for _, arrow in taken.batches] == [b"before", b"after"]


async def test_batch_that_could_not_be_stored_is_not_acknowledged(
    server: ControlSocket, taken: Taken
) -> None:
    """When the disk refuses a batch the filter gets no acknowledgement and sends it again later."""
    taken.fail = True
    peer = await greeted(server)
    peer.send_events(1)
    assert await peer.closed()
    taken.fail = False
    again = await greeted(server)
    again.send_events(1)
    assert await again.receive(FrameType.EVENTS_ACK) == 1


async def test_push_bundle_returns_each_answer(server: ControlSocket, tmp_path: Path) -> None:
    """Every connected filter's answer to a bundle comes back, refused or taken."""
    good, bad = await greeted(server), await greeted(server, {**HELLO, "instance": "b", "pid": 43})
    push = asyncio.create_task(server.push_bundle(tmp_path / "b", "v2"))
    await good.receive(FrameType.BUNDLE)
    await bad.receive(FrameType.BUNDLE)
    good.send(FrameType.BUNDLE_RESULT, {"version": "v2", "ok": True, "error": None})
    bad.send(FrameType.BUNDLE_RESULT, {"version": "v2", "ok": False, "error": "checksum"})
    results = {result.pid: result for result in await push}
    assert results[42].ok
    assert (results[43].ok, results[43].error) == (False, "checksum")
    assert {peer.pid: peer.bundle for peer in server.peers} == {42: "v2", 43: ""}


async def test_filter_that_never_answers_is_an_error_not_a_hang(
    server: ControlSocket, tmp_path: Path
) -> None:
    """A filter that goes away while asked for a bundle yields a result that says so."""
    peer = await greeted(server)
    push = asyncio.create_task(server.push_bundle(tmp_path / "b", "v2"))
    await peer.receive(FrameType.BUNDLE)
    peer.writer.close()
    (result,) = await push
    assert (result.ok, result.answer, result.error) == (False, Answer.NONE, "connection closed")


async def test_answers_and_statistics_do_not_wait_for_a_full_disk(
    server: ControlSocket, taken: Taken, tmp_path: Path
) -> None:
    """While no batch can be written, a bundle's answer, statistics and pings come through within a second."""
    taken.disk.clear()
    peer = await greeted(server)
    for sequence in range(1, 9):
        peer.send_events(sequence, bytes(1024 * 1024))
    async with asyncio.timeout(1):
        push = asyncio.create_task(server.push_bundle(tmp_path / "b", "v2"))
        await peer.receive(FrameType.BUNDLE)
        peer.send(FrameType.BUNDLE_RESULT, {"version": "v2", "ok": True, "error": ""})
        (result,) = await push
        assert result.answer is Answer.TAKEN
        peer.send(FrameType.STATS, {"counters": {"requests": 7}})
        peer.send(FrameType.PING, b"12345678")
        assert await peer.receive(FrameType.PONG) == b"12345678"
    assert server.peers[0].counters == {"requests": 7.0}
    assert taken.batches == []
    taken.disk.set()
    assert [await peer.receive(FrameType.EVENTS_ACK) for _ in range(8)] == list(range(1, 9))
    assert [sequence for sequence, _ in taken.batches] == list(range(1, 9))


async def test_a_filter_without_a_window_fills_no_more_than_its_queue(
    server: ControlSocket, taken: Taken
) -> None:
    """Batches beyond what a connection may queue stay in the socket until there is room; none is lost."""
    taken.disk.clear()
    peer = await greeted(server)
    size = 3 * 1024 * 1024
    for sequence in range(1, 21):
        peer.send_events(sequence, bytes(size))
    (connection,) = server._connections
    await until(lambda: (connection.queued + 1) * size > MAX_QUEUED_BYTES)
    await asyncio.sleep(0.2)
    assert connection.queued * size <= MAX_QUEUED_BYTES
    taken.disk.set()
    assert [await peer.receive(FrameType.EVENTS_ACK) for _ in range(20)] == list(range(1, 21))


async def test_a_filter_that_does_not_answer_is_asked_again_until_it_does(
    tmp_path: Path, taken: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silence is no refusal: the result says so, pauses between questions grow, and an answer ends them."""
    monkeypatch.setattr("starfort.dataplane.socket.ASK_AGAIN_S", (0.2, 0.4))
    wanted = (tmp_path / "b", "v1")
    callbacks = Callbacks(on_events=taken.on_events, bundle=lambda: wanted)
    server = ControlSocket(tmp_path / "c.sock", callbacks, Timeouts(bundle_s=0.05))
    await server.start()
    peer = await Filter.connect(server.path, {**HELLO, "bundle": "v1"})
    await peer.receive(FrameType.SIGNALS)
    (result,) = await server.push_bundle(tmp_path / "b", "v2")
    assert (result.ok, result.answer) == (False, Answer.NONE)
    assert "no answer within 0.05 s" in result.error
    wanted = (tmp_path / "b", "v2")
    state = server.peers[0]
    assert state.bundle_pending
    assert (state.bundle, state.bundle_error) == ("v1", "")
    times = []
    for _ in range(4):
        assert (await peer.receive(FrameType.BUNDLE))["version"] == "v2"
        times.append(asyncio.get_running_loop().time())
    assert times[3] - times[2] > 0.3, "the longest pause is kept"
    peer.send(FrameType.BUNDLE_RESULT, {"version": "v2", "ok": True, "error": ""})
    await until(lambda: state.bundle == "v2")
    assert not state.bundle_pending
    assert state.bundle_since > 0
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(peer.receive(FrameType.BUNDLE), 0.6)
    await server.stop()


async def test_a_refusal_is_final_and_a_filter_that_returns_with_another_bundle_is_asked(
    tmp_path: Path, taken: Taken
) -> None:
    """A bundle that was refused is not sent again; after a reconnect the filter is judged by what it runs."""
    callbacks = Callbacks(on_events=taken.on_events, bundle=lambda: (tmp_path / "b", "v2"))
    server = ControlSocket(tmp_path / "c.sock", callbacks, Timeouts(bundle_s=0.05))
    await server.start()
    peer = await Filter.connect(server.path, {**HELLO, "bundle": "v1"})
    await peer.receive(FrameType.BUNDLE)
    await peer.receive(FrameType.SIGNALS)
    peer.send(FrameType.BUNDLE_RESULT, {"version": "v2", "ok": False, "error": "checksum"})
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(peer.receive(FrameType.BUNDLE), 0.4)
    assert server.peers[0].bundle_error == "checksum"
    peer.writer.close()
    again = await Filter.connect(server.path, {**HELLO, "bundle": "v1", "bundle_since_ms": 1_700_000_000_000})
    assert (await again.receive(FrameType.BUNDLE))["version"] == "v2"
    assert server.peers[0].bundle_since == 1_700_000_000
    await server.stop()


async def test_statistics_settle_which_bundle_is_in_force(server: ControlSocket, tmp_path: Path) -> None:
    """A filter whose answer got lost still says each second what it runs, and that counts as its answer."""
    peer = await greeted(server)
    push = asyncio.create_task(server.push_bundle(tmp_path / "b", "v2"))
    await peer.receive(FrameType.BUNDLE)
    said = {"bundle": {"version": "v2", "since_ms": 1_700_000_000_500}}
    peer.send(FrameType.STATS, said)
    (result,) = await push
    assert result.ok
    assert (server.peers[0].bundle, server.peers[0].bundle_since) == ("v2", 1_700_000_000.5)


async def test_what_a_filter_had_when_it_ended_is_counted(server: ControlSocket, taken: Taken) -> None:
    """Batches that came are taken after the filter closed; calls that never came are counted, unless it returns."""
    peer = await greeted(server)
    peer.send(FrameType.STATS, {"counters": {"events_acknowledged": 500}, "waiting": {"calls": 0}})
    peer.send_events(1)
    await peer.receive(FrameType.EVENTS_ACK)
    taken.disk.clear()
    peer.send_events(2)
    peer.send(
        FrameType.STATS,
        {"counters": {"events_acknowledged": 510}, "waiting": {"calls": 13, "oldest_us": 5_000_000}},
    )
    await until(lambda: server.peers[0].waiting_calls == 13)
    assert server.peers[0].oldest_waiting == 5.0
    peer.writer.close()
    await until(lambda: not server.connected)
    assert server.busy
    taken.disk.set()
    await until(lambda: not server.busy)
    assert [sequence for sequence, _ in taken.batches] == [1, 2]
    assert server.peers[0].left_behind == 3
    await greeted(server)
    assert server.peers[0].left_behind == 0


async def test_signals_reach_every_filter(server: ControlSocket) -> None:
    """A change of the signal table goes to all that are connected."""
    peers = [await greeted(server, {**HELLO, "instance": name}) for name in "abc"]
    server.push_signals([{"kind": "k", "key_type": "ja4", "key": "x", "score": 1.0, "ttl_ms": 1}], [])
    for peer in peers:
        assert (await peer.receive(FrameType.SIGNALS))["set"][0]["key"] == "x"


async def test_stats_replace_counters_and_keep_numbers_only(server: ControlSocket) -> None:
    """Counters are absolute; what is no finite number is left out."""
    peer = await greeted(server)
    peer.send(
        FrameType.STATS, {"counters": {"requests": 7, "bad": "x", "flag": True}, "gauges": {"buffer": 1.5}}
    )
    await until(lambda: server.peers[0].counters)
    assert server.peers[0].counters == {"requests": 7.0}
    assert server.peers[0].gauges == {"buffer": 1.5}


async def test_ping_is_echoed(server: ControlSocket) -> None:
    """A ping comes back with its eight bytes."""
    peer = await greeted(server)
    peer.send(FrameType.PING, b"12345678")
    assert await peer.receive(FrameType.PONG) == b"12345678"


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack(">I", 0),
        struct.pack(">I", 2**32 - 1) + b"\x02",
        struct.pack(">I", 5) + b"\xffabcd",
        frames.encode(FrameType.HELLO, b"not json"),
        frames.encode(FrameType.HELLO, b"[]"),
        frames.encode(FrameType.HELLO, b'{"node": 1}'),
        frames.encode(FrameType.HELLO, b"[" * 200_000),
        frames.encode(FrameType.EVENTS, b"\0" * 8),
        struct.pack(">I", 2 * 1024 * 1024) + b"\x01",
        struct.pack(">I", 100) + b"\x01half",
        frames.encode_json(FrameType.HELLO, HELLO) + frames.encode(FrameType.EVENTS, b"short"),
        frames.encode_json(FrameType.HELLO, HELLO) + frames.encode(FrameType.BUNDLE, b"{}"),
        frames.encode_json(FrameType.HELLO, HELLO) + frames.encode(FrameType.STATS, b"\xff\xfe"),
    ],
    ids=range(14),
)
async def test_hostile_peer_loses_only_its_own_connection(
    server: ControlSocket, taken: Taken, data: bytes
) -> None:
    """Whatever a peer sends, it is cut off and counted, and a good filter is served as before."""
    good = await greeted(server)
    hostile = await Filter.open(server.path)
    hostile.writer.write(data)
    assert await hostile.closed()
    await until(lambda: server.rejected == 1)
    good.send_events(1)
    assert await good.receive(FrameType.EVENTS_ACK) == 1


async def test_silent_connection_is_closed(server: ControlSocket) -> None:
    """A connection without a hello is closed after the time for it."""
    assert await (await Filter.open(server.path)).closed()


async def test_stale_socket_is_replaced_and_another_file_is_not(tmp_path: Path, taken: Taken) -> None:
    """A socket left by a killed process is replaced; a file of someone else's is an error that says so."""
    path = tmp_path / "run" / "control.sock"
    callbacks = Callbacks(on_events=taken.on_events)
    first = ControlSocket(path, callbacks)
    await first.start()
    second = ControlSocket(path, callbacks)
    await second.start()
    await second.stop()
    await first.stop()
    path.write_text("mine")
    with pytest.raises(SocketUnavailableError, match="is not a socket"):
        await ControlSocket(path, callbacks).start()


async def test_too_long_path_says_what_to_do(tmp_path: Path, taken: Taken) -> None:
    """A data_dir too deep for a Unix socket is refused with the fix."""
    path = tmp_path / ("x" * 100) / "control.sock"
    with pytest.raises(SocketUnavailableError, match="shorter data_dir"):
        await ControlSocket(path, Callbacks(on_events=taken.on_events)).start()
