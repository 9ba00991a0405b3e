"""The control socket: the filter of each Envoy connects here, gets bundle and signals, and sends its events.

The server trusts no peer: a frame that breaks the protocol ends its connection, is counted in
`ControlSocket.rejected`, and affects no other connection. An `events` frame is acknowledged only after the
`on_events` callback returned, so "acknowledged" means what that callback means (on disk). A batch that a
filter sends again after a reconnect is acknowledged but not handed on.

Each connection has a queue of batches that wait for `on_events`, and a task that empties it. So answers about
bundles and statistics are read at once, even when the disk is slow. A filter has at most `WINDOW_BYTES` of
unacknowledged batches, and the queue has room for them.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import os
import socket
import stat
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

import structlog

from starfort.dataplane import frames
from starfort.dataplane.frames import Frame, FrameError, FrameType
from starfort.dataplane.json import Json

MAX_CONNECTIONS: Final = 32
"""Filters connected at once. One Envoy has one connection; hot restart has two for a while."""

MAX_WRITE_BUFFER_BYTES: Final = 16 * 1024 * 1024
"""A peer that leaves more than this unread is cut off; it gets a full snapshot when it comes back."""

KNOWN_FRAME_BYTES: Final = 512 * 1024
"""Bytes of hashes in one `known` frame. A million accounts have four million hashes, which are 61 frames."""

WINDOW_BYTES: Final = 8 * 1024 * 1024
"""Bytes of unacknowledged batches that a filter sends at most (the filter's outbox.rs)."""

MAX_QUEUED_BYTES: Final = 2 * WINDOW_BYTES
"""Bytes of batches that wait for `on_events` on one connection: the window, and as much again for batches
that a filter sends before it reads an acknowledgement. While a filter has more, nothing is read from it."""

ASK_AGAIN_S: Final = (5.0, 60.0)
"""First and longest pause before a filter that has not answered about its bundle is asked again."""

MAX_COUNTERS: Final = 2000
"""Names that are kept from one peer's `stats`: one for each policy and action, and some dozen of our own."""

MAX_REMEMBERED: Final = 256
"""Filters whose last sequence and counters are kept after they have disconnected."""

MAX_UNIX_PATH_BYTES: Final = 107
"""Longest path of a Unix socket: `sun_path` of `sockaddr_un` without its NUL (Linux unix(7))."""

log = structlog.get_logger(__name__)


class SocketUnavailableError(Exception):
    """The control socket cannot be made; the text says where, and what to do."""


@dataclass(slots=True)
class Peer:
    """One filter, as it introduced itself, and what it said since.

    Attributes:
        node: name of the node.
        pid: process id of its Envoy.
        instance: identity of that process; sequences are counted for it.
        filter_version: version of the filter.
        envoy_abi: ABI string of the Envoy that loaded it.
        bundle: version of the bundle in force there, "" when there is none.
        bundle_since: Unix seconds when that came into force there, 0 when this is not known.
        bundle_asked: version that it was asked to load last.
        bundle_asked_at: Unix seconds when it was first asked for that version.
        bundle_error: why it refused that version, "" when it did not.
        connected: whether its connection is open.
        seen_at: Unix seconds of its last frame.
        last_sequence: highest batch that is on disk.
        waiting_calls: calls whose events it still had without an acknowledgement, as it said last.
        oldest_waiting: Unix seconds when the first of them ended, 0 when there is none.
        stats_at: Unix seconds of its last statistics.
        taken_calls: calls whose events were taken.
        newest_taken: Unix seconds when the last of them ended, 0 when there is none.
        batches: number of batches that were taken.
        duplicates: number of batches that it sent again although they were already here.
        event_bytes: Arrow bytes that were taken.
        signals_active: signals in its table, by its last acknowledgement.
        counters: its counters since its start.
        gauges: its gauges.
    """

    node: str
    pid: int
    instance: str
    filter_version: str = ""
    envoy_abi: str = ""
    bundle: str = ""
    bundle_since: float = 0.0
    bundle_asked: str = ""
    bundle_asked_at: float = 0.0
    bundle_error: str = ""
    connected: bool = True
    seen_at: float = 0.0
    last_sequence: int = -1
    waiting_calls: int = 0
    oldest_waiting: float = 0.0
    stats_at: float = 0.0
    taken_calls: int = 0
    newest_taken: float = 0.0
    batches: int = 0
    duplicates: int = 0
    event_bytes: int = 0
    signals_active: int = 0
    counters: dict[str, float] = field(default_factory=dict)
    gauges: dict[str, float] = field(default_factory=dict)
    _known_before: float | None = None

    @property
    def bundle_pending(self) -> bool:
        """Whether it was asked for a bundle and has neither taken nor refused it."""
        return self.bundle_asked not in ("", self.bundle) and not self.bundle_error

    @property
    def left_behind(self) -> int:
        """Calls whose events it had when it disconnected and never sent; 0 while it is connected.

        A filter that comes back sends them, and then this is 0.
        """
        return 0 if self.connected else self.outstanding

    @property
    def outstanding(self) -> int:
        """Calls whose events it had, as it said last, and has not sent since."""
        if self._known_before is None:
            return 0
        # A filter counts since its own start, and this process may have started later: the difference counts.
        had = self.counters.get("events_acknowledged", 0.0) + self.waiting_calls
        return max(0, int(had - self._known_before) - self.taken_calls)

    def take_stats(self, said: Json, now: float) -> None:
        """Take over what a `stats` frame says."""
        self.counters = frames.numbers(said.get("counters"), most=MAX_COUNTERS)
        self.gauges = frames.numbers(said.get("gauges"), most=MAX_COUNTERS)
        waiting = frames.numbers(said.get("waiting"), most=MAX_COUNTERS)
        self.waiting_calls = int(waiting.get("calls", 0))
        self.oldest_waiting = waiting.get("oldest_us", 0.0) / 1e6 if self.waiting_calls else 0.0
        self.stats_at = now
        # The first statistics fix what the filter had counted before this process began to count.
        if self._known_before is None:
            self._known_before = self.counters.get("events_acknowledged", 0.0) - self.taken_calls
        bundle = said.get("bundle")
        if isinstance(bundle, dict):
            self.run(_text(bundle, "version"), frames.numbers(bundle, most=MAX_COUNTERS).get("since_ms", 0.0))

    def run(self, version: str, since_ms: float) -> None:
        """It says that a bundle is in force there since `since_ms`, Unix milliseconds, or 0 for unknown."""
        self.bundle, self.bundle_since = version, since_ms / 1000
        if version == self.bundle_asked:
            self.bundle_error = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken from a filter.

    Attributes:
        calls: calls that the batch stands for.
        newest: Unix seconds when the last of them was over.
    """

    calls: int = 0
    newest: float = 0.0


class Answer(enum.StrEnum):
    """A filter's answer after it was asked to load a bundle."""

    TAKEN = "taken"
    REFUSED = "refused"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class BundleResult:
    """The result of asking one filter to load a bundle.

    Attributes:
        node: name of the node.
        pid: process id of its Envoy.
        version: version it was asked to load.
        answer: whether the bundle is in force there, was refused, or has no answer yet. Without an answer the
            filter is asked again until it answers, even after it was disconnected.
        error: why the bundle is not in force, "" otherwise.
    """

    node: str
    pid: int
    version: str
    answer: Answer
    error: str

    @property
    def ok(self) -> bool:
        """Whether the bundle is in force there."""
        return self.answer is Answer.TAKEN


WireSignal: TypeAlias = Mapping[str, object]
"""`{kind, key_type, key, score, ttl_ms}` as interfaces.md has it."""


async def _ignore(*_: object) -> None:
    """Does nothing, for an owner that does not need a callback."""


@dataclass(slots=True)
class Callbacks:
    """What the owner of the socket wants to know.

    Attributes:
        on_events: `(peer, sequence, arrow_stream)`; returns what the batch holds (`None`: it is not counted)
            once it is on disk. After an exception the batch has no acknowledgement, so it is sent again.
        on_hello: `(peer)` after a filter introduced itself; nothing is read from it meanwhile.
        on_stats: `(peer)` after its counters were taken over; nothing is read from it meanwhile.
        signals: every active signal, for a filter that has just connected.
        known: hashes of who logged in before, 8 bytes each, in chunks; for a filter that has just connected.
        bundle: path and version of the bundle that should be in force, `None` before there is one.
    """

    on_events: Callable[[Peer, int, bytes], Awaitable[Taken | None]]
    on_hello: Callable[[Peer], Awaitable[None]] = _ignore
    on_stats: Callable[[Peer], Awaitable[None]] = _ignore
    signals: Callable[[], Iterable[WireSignal]] = tuple
    known: Callable[[], Iterable[bytes]] = tuple
    bundle: Callable[[], tuple[Path, str] | None] = lambda: None


@dataclass(slots=True)
class Timeouts:
    """How long the server waits, in seconds.

    Attributes:
        hello_s: for a new connection's `hello`.
        body_s: for the rest of a frame after its length.
        idle_s: for any frame; filters send `stats` each second.
        bundle_s: for a `bundle_result`; the filter is asked again later.
        leave_s: for batches that still wait when their filter has disconnected.
    """

    hello_s: float = 5.0
    body_s: float = 10.0
    idle_s: float = 30.0
    bundle_s: float = 5.0
    leave_s: float = 5.0


class _Connection:
    """One accepted connection; `peer` is set once `hello` came."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: Peer) -> None:
        self.reader = reader
        self.writer = writer
        self.peer = peer
        self.bundle_waiters: dict[str, list[asyncio.Future[BundleResult]]] = {}
        self.ask_at = 0.0
        self.ask_pause = ASK_AGAIN_S[0]
        self._batches: deque[tuple[int, bytes]] = deque()
        self._queued_bytes = 0
        self._changed = asyncio.Condition()
        self._ended = False

    @property
    def queued(self) -> int:
        """Batches that wait for `on_events`."""
        return len(self._batches)

    async def tell_known(self, hashes: bytes, flags: int = 0) -> None:
        """Send hashes in small frames; the next one waits until the last one has left."""
        for begin in range(0, max(len(hashes), 1), KNOWN_FRAME_BYTES):
            part = hashes[begin : begin + KNOWN_FRAME_BYTES]
            self.send(frames.encode(FrameType.KNOWN, bytes([flags]) + part))
            with contextlib.suppress(ConnectionError):  # the task that reads from it notices too
                await self.writer.drain()

    async def queue(self, sequence: int, arrow: bytes) -> None:
        """Add a batch. This waits only for a filter that sends more than its window."""
        async with self._changed:
            # A batch that is larger than the limit by itself is taken when nothing else waits.
            await self._changed.wait_for(
                lambda: not self._batches or self._queued_bytes + len(arrow) <= MAX_QUEUED_BYTES
            )
            self._batches.append((sequence, arrow))
            self._queued_bytes += len(arrow)
            self._changed.notify_all()

    async def next_batch(self) -> tuple[int, bytes] | None:
        """Wait for the oldest batch; it stays in the queue. `None` when no more will come."""
        # It stays until it is on disk, so that its bytes count towards the limit meanwhile.
        async with self._changed:
            await self._changed.wait_for(lambda: self._batches or self._ended)
            return self._batches[0] if self._batches else None

    async def drop_batch(self) -> None:
        """Remove the oldest batch, which was taken."""
        async with self._changed:
            _, arrow = self._batches.popleft()
            self._queued_bytes -= len(arrow)
            self._changed.notify_all()

    async def end_queue(self) -> None:
        """Say that no more batches will come."""
        async with self._changed:
            self._ended = True
            self._changed.notify_all()

    def ask(self, path: Path, version: str) -> None:
        """Ask the filter to load a bundle."""
        now = time.time()
        if self.peer.bundle_asked != version:
            self.peer.bundle_asked, self.peer.bundle_asked_at, self.peer.bundle_error = version, now, ""
            self.ask_pause = ASK_AGAIN_S[0]
        # Each pause is longer than the last: a filter that cannot answer is not helped by more frames.
        self.ask_at = now + self.ask_pause
        self.ask_pause = min(self.ask_pause * 2, ASK_AGAIN_S[1])
        self.send(_bundle_frame(path, version))

    def answered(self, result: BundleResult) -> None:
        """Give a result to everything that waits for it."""
        for waiter in self.bundle_waiters.pop(result.version, []):
            if not waiter.done():
                waiter.set_result(result)

    def send(self, data: bytes) -> None:
        """Queue bytes; the connection of a peer that does not read is cut."""
        # A write never waits: one filter that does not read must not hold up the others.
        transport = self.writer.transport
        if transport.is_closing():
            return
        if transport.get_write_buffer_size() + len(data) > MAX_WRITE_BUFFER_BYTES + frames.MAX_FRAME_BYTES:
            transport.abort()
            return
        self.writer.write(data)
        if transport.get_write_buffer_size() > MAX_WRITE_BUFFER_BYTES:
            log.warning("filter_does_not_read", node=self.peer.node, pid=self.peer.pid)
            transport.abort()

    def lose(self) -> None:
        """Tell everything that waits for a bundle's result that none will come."""
        for version, waiters in self.bundle_waiters.items():
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(_silent(self.peer, version, "connection closed"))
        self.bundle_waiters.clear()


def _silent(peer: Peer, version: str, error: str) -> BundleResult:
    return BundleResult(peer.node, peer.pid, version, Answer.NONE, error)


class ControlSocket:
    """The server of the control socket.

    Args:
        path: where it listens; its directory is made with mode 0700, the socket has 0600.
        callbacks: what the owner wants to know.
        timeouts: how long it waits.
    """

    def __init__(self, path: Path, callbacks: Callbacks, timeouts: Timeouts | None = None) -> None:
        self.path = path
        self.rejected = 0
        self._callbacks = callbacks
        self._timeouts = timeouts or Timeouts()
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._peers: OrderedDict[tuple[str, str], Peer] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._asking: asyncio.Task[None] | None = None
        self._pushing = 0

    @property
    def peers(self) -> list[Peer]:
        """Filters that are or were connected, latest last; at most `MAX_REMEMBERED`."""
        return list(self._peers.values())

    @property
    def connected(self) -> list[Peer]:
        """Filters whose connection is open."""
        return [connection.peer for connection in self._connections]

    @property
    def busy(self) -> bool:
        """Whether a filter is connected, or batches of one that went wait for `on_events`."""
        return bool(self._tasks)

    async def start(self) -> None:
        """Begin to listen.

        Raises:
            SocketUnavailableError: the path is too long, not writable, or not a socket.
        """
        # `limit` is what a stream holds before it stops reading; a longer frame is still read whole.
        listening = bind_unix(self.path)
        self._server = await asyncio.start_unix_server(self._accept, sock=listening, limit=1024 * 1024)
        self._asking = asyncio.create_task(self._ask_again())

    async def stop(self) -> None:
        """Stop listening, close every connection and remove the socket."""
        if self._server is not None:
            self._server.close()
        tasks = [*self._tasks, *([self._asking] if self._asking else [])]
        for connection in list(self._connections):
            connection.writer.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(OSError):
            self.path.unlink()

    async def push_bundle(self, path: Path, version: str) -> list[BundleResult]:
        """Ask every connected filter to load a bundle.

        Args:
            path: the bundle's file.
            version: its version.

        Returns:
            One result for each filter that was connected, empty when none was. A filter that does not answer
            within `Timeouts.bundle_s` has a result without an answer; it is asked again until it gives one,
            as long as `Callbacks.bundle` names this version.
        """
        # Asked at the same time, so that the slowest filter takes the time of one and not of all.
        asked = [self._ask_bundle(connection, path, version) for connection in list(self._connections)]
        self._pushing += 1
        try:
            return list(await asyncio.gather(*asked))
        finally:
            self._pushing -= 1

    def push_signals(
        self, set_: Sequence[WireSignal], clear: Sequence[WireSignal], *, full: bool = False
    ) -> None:
        """Send a change of the signal table to every connected filter.

        Args:
            set_: signals to set or refresh.
            clear: signals to remove (`kind`, `key_type` and `key` of each).
            full: whether `set_` is the whole table.
        """
        if not self._connections:
            return
        data = frames.encode_json(FrameType.SIGNALS, {"full": full, "set": set_, "clear": clear})
        for connection in list(self._connections):
            connection.send(data)

    async def push_known(self, hashes: bytes, flags: int = 0) -> None:
        """Tell every connected filter who logged in before.

        Args:
            hashes: 8 bytes each, little endian.
            flags: 1: a transfer of all hashes begins, and at its end filters forget every other hash; 2: this
                is the end.
        """
        for connection in list(self._connections):
            await connection.tell_known(hashes, flags)

    async def _ask_bundle(self, connection: _Connection, path: Path, version: str) -> BundleResult:
        waiter: asyncio.Future[BundleResult] = asyncio.get_running_loop().create_future()
        connection.bundle_waiters.setdefault(version, []).append(waiter)
        connection.ask(path, version)
        try:
            async with asyncio.timeout(self._timeouts.bundle_s):
                return await waiter
        except TimeoutError:
            return _silent(connection.peer, version, f"no answer within {self._timeouts.bundle_s:g} s")

    async def _ask_again(self) -> None:
        """Ask filters that have not answered about the bundle that should be in force, until cancelled."""
        before = None
        while True:
            await asyncio.sleep(min(1.0, self._timeouts.bundle_s))
            wanted = self._callbacks.bundle()
            # A bundle that changed within the last second was pushed by its reload, so it is not asked for
            # a second time.
            steady, before = wanted == before and not self._pushing, wanted
            if wanted is None or not steady:
                continue
            for connection in list(self._connections):
                peer = connection.peer
                refused = peer.bundle_asked == wanted[1] and peer.bundle_error
                if peer.bundle == wanted[1] or refused:
                    continue
                if peer.bundle_asked != wanted[1] or time.time() >= connection.ask_at:
                    log.warning("bundle_asked_again", node=peer.node, pid=peer.pid, version=wanted[1])
                    connection.ask(*wanted)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            await self._serve(reader, writer)
        except (FrameError, TimeoutError) as error:
            self.rejected += 1
            log.warning("filter_rejected", reason=str(error) or "it did not send in time")
        except (ConnectionError, asyncio.CancelledError):
            pass
        except Exception:
            self.rejected += 1
            log.exception("control_connection_failed")
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Counted by tasks, since a connection that has not introduced itself takes a place too.
        if len(self._tasks) > MAX_CONNECTIONS:
            raise FrameError(f"more than {MAX_CONNECTIONS} filters are connected")
        async with asyncio.timeout(self._timeouts.hello_s):
            first = await frames.read_frame(reader, body_timeout_s=self._timeouts.body_s)
        if first is None:
            return
        connection = _Connection(reader, writer, self._introduce(first))
        self._connections.add(connection)
        taking = asyncio.create_task(self._take_forever(connection))
        reading = asyncio.create_task(self._read_forever(connection))
        try:
            await asyncio.wait((taking, reading), return_when=asyncio.FIRST_COMPLETED)
            self._leave(connection)
            if not taking.done():
                # Batches that have arrived are still taken: a filter that ends cannot send them again.
                await connection.end_queue()
                await asyncio.wait((taking,), timeout=self._timeouts.leave_s)
        finally:
            # Once more, for a task that was cancelled before it came to the first one.
            self._leave(connection)
            for task in (taking, reading):
                task.cancel()
            ends = await asyncio.gather(taking, reading, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                raise end

    def _leave(self, connection: _Connection) -> None:
        self._connections.discard(connection)
        connection.peer.connected = any(other.peer is connection.peer for other in self._connections)
        connection.lose()
        connection.writer.close()

    async def _read_forever(self, connection: _Connection) -> None:
        """Greet, then read frames until the filter closes."""
        await self._greet(connection)
        while True:
            async with asyncio.timeout(self._timeouts.idle_s):
                frame = await frames.read_frame(connection.reader, body_timeout_s=self._timeouts.body_s)
            if frame is None:
                return
            connection.peer.seen_at = time.time()
            await self._handle(connection, frame)

    def _introduce(self, frame: Frame) -> Peer:
        if frame.type is not FrameType.HELLO:
            raise FrameError(f"first frame is {frame.type.name.lower()}, not hello")
        said = frames.decode_object(frame)
        # `true` is an integer for Python, so it is excluded by name.
        node, pid = said.get("node"), said.get("pid")
        if not isinstance(node, str) or not isinstance(pid, int) or isinstance(pid, bool):
            raise FrameError("hello has no node (text) and pid (integer)")
        instance = _text(said, "instance") or str(pid)
        key = (node[: frames.MAX_NAME_BYTES], instance)
        # The same instance after a reconnect goes on where it was, so that no batch is stored twice.
        peer = self._peers.get(key) or Peer(key[0], pid, instance)
        peer.filter_version = _text(said, "filter_version")
        peer.envoy_abi = _text(said, "envoy_abi")
        peer.run(_text(said, "bundle"), frames.numbers(said, most=MAX_COUNTERS).get("bundle_since_ms", 0.0))
        peer.bundle_error = _text(said, "bundle_error")
        peer.connected, peer.seen_at = True, time.time()
        self._peers[key] = peer
        self._peers.move_to_end(key)
        self._forget()
        return peer

    def _forget(self) -> None:
        """Drop the filters that disconnected first while there are more than `MAX_REMEMBERED`."""
        for key in [key for key, peer in self._peers.items() if not peer.connected]:
            if len(self._peers) <= MAX_REMEMBERED:
                return
            del self._peers[key]

    async def _greet(self, connection: _Connection) -> None:
        bundle = self._callbacks.bundle()
        if bundle is not None and bundle[1] != connection.peer.bundle:
            connection.ask(*bundle)
        # Who logged in before is told first: otherwise signals could stop these people for a moment.
        for hashes in self._callbacks.known():
            await connection.tell_known(hashes)
        signals = list(self._callbacks.signals())
        connection.send(frames.encode_json(FrameType.SIGNALS, {"full": True, "set": signals, "clear": []}))
        log.info(
            "filter_connected",
            node=connection.peer.node,
            pid=connection.peer.pid,
            filter_version=connection.peer.filter_version,
            bundle=connection.peer.bundle,
        )
        await self._callbacks.on_hello(connection.peer)

    async def _handle(self, connection: _Connection, frame: Frame) -> None:
        match frame.type:
            case FrameType.EVENTS:
                await connection.queue(*frames.split_events(frame.payload))
            case FrameType.STATS:
                peer = connection.peer
                peer.take_stats(frames.decode_object(frame), time.time())
                # Statistics name the bundle too: they stand for an answer that was lost in a reconnect.
                if peer.bundle and peer.bundle in connection.bundle_waiters:
                    connection.answered(BundleResult(peer.node, peer.pid, peer.bundle, Answer.TAKEN, ""))
                await self._callbacks.on_stats(peer)
            case FrameType.BUNDLE_RESULT:
                _take_bundle_result(connection, frames.decode_object(frame))
            case FrameType.SIGNALS_ACK:
                active = frames.decode_object(frame).get("active")
                connection.peer.signals_active = active if isinstance(active, int) else 0
            case FrameType.PING:
                connection.send(frames.encode(FrameType.PONG, frame.payload[:8]))
            case FrameType.PONG:
                pass
            case _:
                raise FrameError(f"{frame.type.name.lower()} frame comes from the control plane only")

    async def _take_forever(self, connection: _Connection) -> None:
        """Hand batches on in their order and acknowledge each, until no more come."""
        peer = connection.peer
        while (batch := await connection.next_batch()) is not None:
            sequence, arrow = batch
            if sequence <= peer.last_sequence:
                peer.duplicates += 1
            else:
                taken = await self._callbacks.on_events(peer, sequence, arrow) or Taken()
                if sequence > peer.last_sequence:  # else another connection of this filter handed it on
                    peer.taken_calls += taken.calls
                    peer.newest_taken = max(peer.newest_taken, taken.newest)
                    peer.last_sequence = sequence
                peer.batches += 1
                peer.event_bytes += len(arrow)
            # A batch that was here before is acknowledged too: the filter sent it again because an
            # acknowledgement was lost.
            connection.send(frames.encode_ack(peer.last_sequence))
            await connection.drop_batch()


def _take_bundle_result(connection: _Connection, said: Json) -> None:
    version, ok = _text(said, "version"), said.get("ok") is True
    peer = connection.peer
    error = "" if ok else _text(said, "error") or "refused without a reason"
    if ok:
        peer.run(version, time.time() * 1000)
    # An answer about an older bundle says nothing about the one that was asked for since.
    elif version == peer.bundle_asked:
        peer.bundle_error = error
        log.error("bundle_refused", node=peer.node, pid=peer.pid, version=version, error=error)
    answer = Answer.TAKEN if ok else Answer.REFUSED
    connection.answered(BundleResult(peer.node, peer.pid, version, answer, error))


def _bundle_frame(path: Path, version: str) -> bytes:
    return frames.encode_json(FrameType.BUNDLE, {"path": str(path), "version": version})


def _text(said: Json, name: str) -> str:
    value = said.get(name)
    return value[: frames.MAX_NAME_BYTES] if isinstance(value, str) else ""


def bind_unix(path: Path) -> socket.socket:
    """A bound Unix socket of mode 0600 in a directory of mode 0700; a stale one is replaced.

    Raises:
        SocketUnavailableError: the path is too long, not writable, or something else is there.
    """
    encoded = os.fsencode(path)
    if len(encoded) > MAX_UNIX_PATH_BYTES:
        raise SocketUnavailableError(
            f"{path}: {len(encoded)} bytes is too long for a Unix socket ({MAX_UNIX_PATH_BYTES}); "
            "choose a shorter data_dir"
        )
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A folder from before may be open to others, and a socket that is bound has the umask's mode for a
        # moment: the folder keeps them out meanwhile.
        path.parent.chmod(0o700)
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISSOCK(path.lstat().st_mode):
                raise SocketUnavailableError(f"{path}: is there and is not a socket; remove it")
            path.unlink()
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.bind(str(path))
        path.chmod(0o600)
    except OSError as error:
        raise SocketUnavailableError(
            f"{path}: {error.strerror}; check the owner and mode of data_dir"
        ) from error
    return listening
