"""Envoy as a process: started, killed, left alone, found again, changed while it works, drained."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from starfort.dataplane.envoy.errors import EnvoyError
from starfort.dataplane.supervisor import EnvoySupervisor, Patience
from tests.support.envoy_bench import BASIC, Place, get, place, running, url

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


async def test_another_bootstrap_replaces_the_envoy_that_was_left(here: Place) -> None:
    """An Envoy with another node name is ended, not adopted."""
    first = here.supervisor()
    await first.start(here.dataplane(BASIC))
    pid = first.status().pid
    await first.leave()
    second = here.supervisor()
    async with running(second, here.dataplane(BASIC.replace("node: test", "node: renamed"))):
        assert second.status().pid != pid
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


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
