"""Envoy as a process: started, killed, left alone, found again, changed while it works, drained."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import signal
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from starfort.dataplane.envoy.errors import EnvoyError
from starfort.dataplane.envoy.process import Command, Process
from starfort.dataplane.supervisor import MARGIN_S, EnvoySupervisor, Patience
from tests.support.envoy_bench import BASIC, PATIENCE, Place, get, place, running, url

pytestmark = pytest.mark.e2e

TWO = BASIC.replace("upstreams: [", 'upstreams: [{name: other, addresses: ["127.0.0.1:{other}"]}, ')
TO_OTHER = TWO.replace("upstream: shop}]", "upstream: other}]")


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Place]:
    """Upstreams and a directory of the test's own."""
    async with place(tmp_path) as made:
        yield made


def at_port(text: str, port: int) -> str:
    """A configuration whose listener has this port."""
    return text.replace("127.0.0.1:0", f"127.0.0.1:{port}")


def free_port() -> int:
    """A port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


async def state(supervisor: EnvoySupervisor, wanted: str, *, not_pid: int = 0) -> None:
    """Wait until the supervisor has a state, with another process than `not_pid`."""
    async with asyncio.timeout(20):
        while supervisor.status().state != wanted or supervisor.status().pid == not_pid:
            await asyncio.sleep(0.01)


async def test_a_killed_envoy_is_back(here: Place) -> None:
    """After SIGKILL another Envoy serves the same configuration, and the status says what happened."""
    supervisor = here.supervisor()
    async with running(supervisor, here.dataplane(BASIC)):
        first = supervisor.status().pid
        for number in (1, 2):
            before = supervisor.status().pid
            os.kill(before, signal.SIGKILL)
            await state(supervisor, "running", not_pid=before)
            assert supervisor.status().restarts == number
            assert supervisor.status().last_error == "Envoy ended by SIGKILL"
            assert (await get(await url(supervisor))).status_code == 200
        assert supervisor.status().pid != first


async def test_the_first_restart_comes_well_within_two_seconds() -> None:
    """By default the first restart waits a tenth of a second; Envoy itself is up in less than one."""
    assert Patience().restart_s <= 0.1


async def test_an_envoy_that_was_left_is_taken_over(here: Place) -> None:
    """It serves while nobody watches it, the next supervisor keeps the process, applies changes, and watches it."""
    first = here.supervisor()
    await first.start(here.dataplane(TWO))
    pid, base = first.status().pid, await url(first)
    await first.leave()
    assert (await get(base)).json()["upstream"] == "shop"
    second = here.supervisor()
    async with running(second, here.dataplane(TO_OTHER)):
        assert (second.status().pid, second.status().state) == (pid, "running")
        assert (await get(base)).json()["upstream"] == "other"
        os.kill(pid, signal.SIGKILL)
        await state(second, "running", not_pid=pid)
        assert (await get(await url(second))).json()["upstream"] == "other"


async def test_an_envoy_that_was_left_is_ended(here: Place) -> None:
    """Without a control plane it can be ended too; when there is none that is said."""
    first, dataplane = here.supervisor(), here.dataplane(BASIC)
    await first.start(dataplane)
    pid = first.status().pid
    await first.leave()
    assert await here.supervisor().end_left(dataplane.admin_socket)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not await here.supervisor().end_left(dataplane.admin_socket)


class Steady:
    """Requests one after another, by kept connections and by new ones, each answer counted."""

    def __init__(self, base: str, workers: int = 4) -> None:
        self.good = 0
        self.bad: list[str] = []
        self._base = base
        self._workers = workers
        self._ended = asyncio.Event()

    async def _run(self, *, keep: bool) -> None:
        client = httpx.AsyncClient(base_url=self._base, timeout=20)
        while not self._ended.is_set():
            try:
                answer = await client.get("/")
            except httpx.TransportError as error:
                self.bad.append(repr(error))
                await asyncio.sleep(0.05)
            else:
                if answer.status_code == 200:
                    self.good += 1
                else:
                    self.bad.append(str(answer.status_code))
            if not keep:
                await client.aclose()
                client = httpx.AsyncClient(base_url=self._base, timeout=20)
        await client.aclose()

    async def more(self, count: int) -> None:
        """Wait until `count` more requests were answered well."""
        wanted = self.good + count
        async with asyncio.timeout(60):
            while self.good < wanted:
                await asyncio.sleep(0.01)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Steady]:
        """Send while the block runs."""
        tasks = [asyncio.create_task(self._run(keep=bool(number % 2))) for number in range(self._workers)]
        try:
            yield self
        finally:
            self._ended.set()
            await asyncio.gather(*tasks)


async def gone(pid: int, seconds: float = 30) -> None:
    """Wait until a process has ended."""
    async with asyncio.timeout(seconds):
        while Path(f"/proc/{pid}/stat").exists():
            await asyncio.sleep(0.05)


async def test_another_bootstrap_takes_over_from_the_envoy_that_was_left(here: Place) -> None:
    """An Envoy with another node name takes over under load without a lost request; the old one ends by itself."""
    port = free_port()
    text = at_port(BASIC, port)
    first = here.supervisor()
    await first.start(here.dataplane(text))
    pid = first.status().pid
    await first.leave()
    second = here.supervisor()
    async with Steady(f"http://127.0.0.1:{port}").running() as steady:
        await steady.more(50)
        async with running(second, here.dataplane(text.replace("node: test", "node: renamed"))):
            assert second.status().pid != pid
            assert second.status().leaving == (pid,)
            assert second.status().stale == ""
            await steady.more(100)
            await gone(pid)
            await steady.more(20)
            assert steady.bad == []
            steady._ended.set()
            async with asyncio.timeout(10):
                while second.status().leaving:
                    await asyncio.sleep(0.05)


async def test_changed_workers_come_into_force_without_a_lost_request(here: Place) -> None:
    """What needs another process gets one by `apply`, a request under way ends in the old one."""
    port = free_port()
    supervisor, text = here.supervisor(), at_port(BASIC, port)
    base = f"http://127.0.0.1:{port}"
    async with running(supervisor, here.dataplane(text)), Steady(base).running() as steady:
        pid = supervisor.status().pid
        waiting = asyncio.create_task(get(base, "/wait"))
        await here.echo.waiting.wait()
        await steady.more(30)
        await supervisor.apply(dataclasses.replace(here.dataplane(text), workers=2))
        assert supervisor.status().pid != pid
        await steady.more(60)
        assert not waiting.done()
        here.echo.gate.set()
        assert (await waiting).status_code == 200
        await gone(pid)
        await steady.more(20)
        assert steady.bad == []


async def test_an_envoy_that_took_over_is_restarted_when_it_crashes(here: Place) -> None:
    """Also while the old one still has a connection, which goes on; then everything can be done again."""
    port = free_port()
    supervisor, text = here.supervisor(), at_port(BASIC, port)
    base = f"http://127.0.0.1:{port}"
    async with running(supervisor, here.dataplane(text)):
        first = supervisor.status().pid
        waiting = asyncio.create_task(get(base, "/wait"))
        await here.echo.waiting.wait()
        await supervisor.apply(dataclasses.replace(here.dataplane(text), workers=2))
        second = supervisor.status().pid
        os.kill(second, signal.SIGKILL)
        await state(supervisor, "running", not_pid=second)
        assert supervisor.status().restarts == 1
        assert (await get(base)).status_code == 200
        assert supervisor.status().leaving == (first,)
        here.echo.gate.set()
        assert (await waiting).status_code == 200
        await gone(first)
        third = supervisor.status().pid
        await supervisor.apply(dataclasses.replace(here.dataplane(text), workers=1))
        assert supervisor.status().pid != third
        assert (await get(base)).status_code == 200


async def test_two_changes_in_a_row_wait_for_the_envoy_that_leaves(here: Place) -> None:
    """A third process would cut what the first has under way, so it comes when the first has ended."""
    port = free_port()
    supervisor, text = here.supervisor(), at_port(BASIC, port)
    base = f"http://127.0.0.1:{port}"
    async with running(supervisor, here.dataplane(text)):
        waiting = asyncio.create_task(get(base, "/wait"))
        await here.echo.waiting.wait()
        await supervisor.apply(dataclasses.replace(here.dataplane(text), workers=2))
        second = supervisor.status().pid
        await supervisor.apply(dataclasses.replace(here.dataplane(text), workers=3))
        assert supervisor.status().pid == second
        assert "in force when the Envoy before has ended" in supervisor.status().pending
        assert not waiting.done()
        here.echo.gate.set()
        assert (await waiting).status_code == 200
        await state(supervisor, "running", not_pid=second)
        assert supervisor.status().pending == ""
        assert (await get(base)).status_code == 200


async def test_two_starforts_do_not_meet_in_shared_memory(here: Place, tmp_path: Path) -> None:
    """Families of two data directories have numbers of their own, and each hands over for itself."""
    (tmp_path / "b").mkdir()
    async with place(tmp_path / "b") as there:
        texts = [at_port(BASIC, free_port()) for _ in range(2)]
        one, two = here.supervisor(), there.supervisor()
        async with running(one, here.dataplane(texts[0])), running(two, there.dataplane(texts[1])):
            pid = two.status().pid
            await one.apply(dataclasses.replace(here.dataplane(texts[0]), workers=2))
            assert two.status().pid == pid
            assert (await get(await url(two))).status_code == 200
            await two.apply(dataclasses.replace(there.dataplane(texts[1]), workers=2))
            for each in (one, two):
                assert (await get(await url(each))).status_code == 200


async def test_a_new_envoy_that_does_not_work_leaves_the_old_one(here: Place, tmp_path: Path) -> None:
    """A broken filter is found beside the old Envoy, which loses nothing, takes changes, and says what is wrong."""
    port = free_port()
    text = at_port(TWO, port)
    base = f"http://127.0.0.1:{port}"
    first = here.supervisor()
    await first.start(here.dataplane(text))
    pid = first.status().pid
    await first.leave()
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "libstarfort.so").write_bytes(b"no library")
    second = EnvoySupervisor(here.directory / "var", patience=PATIENCE, modules=modules)
    async with Steady(base).running() as steady:
        await steady.more(20)
        async with running(second, here.dataplane(text)):
            assert second.status().pid == pid
            assert "libstarfort.so" in second.status().stale
            with pytest.raises(EnvoyError, match="the old one goes on"):
                await second.apply(here.dataplane(at_port(TO_OTHER, port)))
            await steady.more(20)
            assert (await get(base)).json()["upstream"] == "shop"
            assert steady.bad == []
            steady._ended.set()
            await second.leave()
    third = here.supervisor()
    async with running(third, here.dataplane(text)):
        assert (third.status().pid, third.status().stale) == (pid, "")


async def test_an_envoy_whose_predecessor_died_ends_well(here: Place) -> None:
    """Nobody is left to be told to end when the old one is killed; the new one goes on, and ends as always."""
    port = free_port()
    supervisor, text = here.supervisor(), at_port(BASIC, port)
    base = f"http://127.0.0.1:{port}"
    async with running(supervisor, here.dataplane(text)):
        first = supervisor.status().pid
        waiting = asyncio.create_task(get(base, "/wait"))
        await here.echo.waiting.wait()
        await supervisor.apply(dataclasses.replace(here.dataplane(text), handover_s=2.0))
        os.kill(first, signal.SIGKILL)
        with pytest.raises(httpx.TransportError):
            await waiting
        second = supervisor.status().pid
        await gone(first)
        # Longer than it waits before it tells the old one to end, and than it tries that before it aborts.
        await asyncio.sleep(2 + MARGIN_S + 12)
        assert (supervisor.status().pid, supervisor.status().restarts) == (second, 0)
        assert (await get(base)).status_code == 200
        began = time.monotonic()
    assert time.monotonic() - began < 8
    assert "assert failure" not in (here.directory / "var" / "envoy" / "envoy.log").read_text()


async def test_one_that_dies_while_it_takes_over_leaves_the_old_one(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old Envoy serves on, and later another one takes over all the same."""
    port = free_port()
    supervisor, text = (
        here.supervisor(Patience(restart_s=0.05, longest_restart_s=0.3, drain_s=2)),
        at_port(BASIC, port),
    )
    base = f"http://127.0.0.1:{port}"
    async with running(supervisor, here.dataplane(text)), Steady(base).running() as steady:
        pid = supervisor.status().pid
        start, said = Process.start, here.directory / "var" / "envoy" / "envoy.log"

        def dies(command: Command) -> Process:
            begun = start(command)
            if command.epoch:
                # As soon as the old one has closed its administration interface for it, well before it listens.
                deadline = time.monotonic() + 10
                while "shutting down admin" not in said.read_text() and time.monotonic() < deadline:
                    time.sleep(0.001)
                begun.send(signal.SIGKILL)
            return begun

        with monkeypatch.context() as patched:
            patched.setattr(Process, "start", dies)
            with pytest.raises(EnvoyError) as caught:
                await supervisor.apply(dataclasses.replace(here.dataplane(text), workers=2))
        assert supervisor.status().pid == pid
        assert "takes no changes" in supervisor.status().stale, str(caught.value)
        await steady.more(20)
        await state(supervisor, "running", not_pid=pid)
        await steady.more(20)
        assert supervisor.status().stale == ""
        assert steady.bad == []


async def test_a_stale_process_id_is_not_believed(here: Place) -> None:
    """A process id file that names a stranger's process leaves that process alone."""
    (here.directory / "var" / "run").mkdir(parents=True)
    supervisor = here.supervisor()
    (here.directory / "var" / "run" / "envoy.json").write_text(
        f'{{"pid": {os.getpid()}, "started": 1, "identity": ""}}'
    )
    async with running(supervisor, here.dataplane(BASIC)):
        assert supervisor.status().pid != os.getpid()
        assert (await get(await url(supervisor))).status_code == 200


async def test_a_taken_port_is_an_error_with_listener_and_address(here: Place) -> None:
    """At start and on a change; after the change was refused the old configuration is in force."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        supervisor = here.supervisor()
        with pytest.raises(
            EnvoyError, match=f"listener 'public' can't have 127.0.0.1:{port}: another program"
        ):
            await supervisor.start(here.dataplane(at_port(BASIC, port)))
        assert supervisor.status().state == "stopped"
        async with running(supervisor, here.dataplane(BASIC)):
            base = await url(supervisor)
            with pytest.raises(EnvoyError, match="another program"):
                await supervisor.apply(here.dataplane(at_port(BASIC, port)))
            assert (await get(base)).status_code == 200


async def test_what_envoy_refuses_is_taken_back(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Routes, clusters and listeners are as before when Envoy refuses the last of them, and it says why."""
    supervisor = here.supervisor()
    async with running(supervisor, here.dataplane(TWO)):
        base = await url(supervisor)
        with monkeypatch.context() as patched:
            patched.setattr("starfort.dataplane.envoy.filters.MODULE", "missing")
            with pytest.raises(EnvoyError, match="missing"):
                await supervisor.apply(here.dataplane(TO_OTHER))
        assert (await get(base)).json()["upstream"] == "shop"
        await supervisor.apply(here.dataplane(TO_OTHER))
        assert (await get(base)).json()["upstream"] == "other"


async def test_routes_change_under_an_open_connection(here: Place) -> None:
    """The next request of the same connection goes to the new upstream; a request under way ends as it began."""
    supervisor = here.supervisor()
    async with running(supervisor, here.dataplane(BASIC)):
        base = await url(supervisor)
        async with httpx.AsyncClient(base_url=base, timeout=20) as client:
            assert (await client.get("/")).json()["upstream"] == "shop"
            waiting = asyncio.create_task(get(base, "/wait"))
            await here.echo.waiting.wait()
            moved = (
                BASIC.replace("{shop}", "{other}")
                .replace("name: shop", "name: moved")
                .replace("upstream: shop", "upstream: moved")
            )
            await supervisor.apply(here.dataplane(moved))
            stream = client._transport._pool.connections  # type: ignore[attr-defined]
            assert len(stream) == 1
            answer = await client.get("/")
            assert answer.json()["upstream"] == "other"
            assert client._transport._pool.connections == stream  # type: ignore[attr-defined]
            assert answer.headers.get("connection") is None
            here.echo.gate.set()
            assert (await waiting).json()["upstream"] == "shop"


async def test_changes_under_load_lose_no_request(here: Place) -> None:
    """While upstream, routes and a listener come and go, every request is answered 200."""
    supervisor = here.supervisor()
    port = free_port()
    async with running(supervisor, here.dataplane(at_port(BASIC, port))):
        base, stop, counts = f"http://127.0.0.1:{port}", asyncio.Event(), [0, 0]

        async def load() -> None:
            async with httpx.AsyncClient(base_url=base, timeout=20) as client:
                while not stop.is_set():
                    counts[(await client.get("/")).status_code != 200] += 1

        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(load())
            for text in (
                TO_OTHER,
                BASIC,
                TWO,
                TO_OTHER.replace("name: other", "name: new").replace("upstream: other", "upstream: new"),
                BASIC,
            ):
                before = counts[0]
                await supervisor.apply(here.dataplane(at_port(text, port)))
                async with asyncio.timeout(20):
                    while counts[0] < before + 20:
                        await asyncio.sleep(0.01)
            stop.set()
    assert counts[0] >= 100
    assert counts[1] == 0


async def test_a_listener_comes_and_goes(here: Place) -> None:
    """A second listener serves once it is applied and refuses when it is gone; the first one stays."""
    supervisor = here.supervisor()
    port = free_port()
    more = BASIC.replace("]\nupstreams", f', {{name: more, address: "127.0.0.1:{port}"}}]\nupstreams')
    async with running(supervisor, here.dataplane(BASIC)):
        base = await url(supervisor)
        await supervisor.apply(here.dataplane(more))
        assert (await get(f"http://127.0.0.1:{port}")).status_code == 200
        await supervisor.apply(here.dataplane(BASIC))
        async with asyncio.timeout(20):
            while True:
                try:
                    await get(f"http://127.0.0.1:{port}")
                except httpx.ConnectError:
                    break
                await asyncio.sleep(0.01)
        assert (await get(base)).status_code == 200


async def test_stop_lets_requests_end(here: Place) -> None:
    """A request under way gets its answer; Envoy is gone afterwards, and so is its process id file."""
    supervisor = here.supervisor(Patience(drain_s=20))
    await supervisor.start(here.dataplane(BASIC))
    pid = supervisor.status().pid
    waiting = asyncio.create_task(get(await url(supervisor), "/wait"))
    await here.echo.waiting.wait()
    stopping = asyncio.create_task(supervisor.stop())
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(stopping), 0.3)
    assert not stopping.done()
    here.echo.gate.set()
    assert (await waiting).status_code == 200
    await stopping
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert supervisor.status().state == "stopped"
    assert not (here.directory / "var" / "run" / "envoy.json").exists()


async def test_stop_ends_requests_that_do_not(here: Place) -> None:
    """A request that never ends holds a stop no longer than the limit."""
    supervisor = here.supervisor(Patience(drain_s=0.2))
    await supervisor.start(here.dataplane(BASIC))
    waiting = asyncio.create_task(get(await url(supervisor), "/wait"))
    await here.echo.waiting.wait()
    await supervisor.stop()
    with pytest.raises(httpx.TransportError):
        await waiting
    here.echo.gate.set()


async def test_a_change_while_envoy_is_down_brings_it_up(here: Place) -> None:
    """An Envoy that cannot start again, for its port was taken meanwhile, starts with a configuration that can."""
    supervisor = here.supervisor(Patience(restart_s=0.05, longest_restart_s=0.05, drain_s=1))
    port = free_port()
    async with running(supervisor, here.dataplane(at_port(BASIC, port))):
        first = supervisor.status().pid
        holder = socket.socket()
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", port))
        with holder:
            holder.listen()
            os.kill(first, signal.SIGKILL)
            async with asyncio.timeout(20):
                while "another program" not in supervisor.status().last_error:
                    await asyncio.sleep(0.01)
            assert supervisor.status().state == "backoff"
            await supervisor.apply(here.dataplane(BASIC))
            await state(supervisor, "running", not_pid=first)
            assert (await get(await url(supervisor))).status_code == 200
