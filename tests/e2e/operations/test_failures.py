"""What must not happen when things break: a lost request, a lost event, a wrong configuration in force."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from examples.demo.client import Client

from tests.support.installation import MODULE, Installation, eventually, installation

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not MODULE.exists(), reason=f"{MODULE} is not built: run make setup"),
    pytest.mark.timeout(240),
]


class Load:
    """Requests one after another over a few kept connections, each answer noted."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.answered = 0
        self.wrong: list[str] = []
        self.statuses: list[tuple[float, int]] = []
        self._ended = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def _run(self, number: int) -> None:
        client = Client("127.0.0.1", self.port, connections=1)
        headers = [
            ("Host", "shop.example"),
            ("User-Agent", "load"),
            ("X-Forwarded-For", f"192.0.2.{number + 1}"),
        ]
        while not self._ended.is_set():
            try:
                answer = await client.send("GET", f"/v1/products/{self.answered % 500}", headers)
            except (OSError, TimeoutError) as error:
                self.wrong.append(repr(error))
            else:
                self.answered += 1
                self.statuses.append((time.monotonic(), answer.status))
                if answer.status != 200:
                    self.wrong.append(str(answer.status))
            await asyncio.sleep(0.01)
        await client.close()

    async def more(self, count: int) -> None:
        """Wait until `count` more requests were answered."""
        wanted = self.answered + count

        async def enough() -> bool:
            return self.answered >= wanted

        await eventually(enough, 60, f"{count} more answers")

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Load]:
        """Send while the block runs."""
        self._tasks = [asyncio.create_task(self._run(number)) for number in range(4)]
        try:
            yield self
        finally:
            self._ended.set()
            await asyncio.gather(*self._tasks)


async def stored(starfort: Installation) -> int:
    """Events that the store has."""
    return int((await starfort.get("/traffic", range="15m"))["totals"]["requests"])


async def test_no_request_fails_while_the_control_plane_is_killed_and_restarted(
    starfort: Installation,
) -> None:
    """Kill -9 of the control plane under load loses no request and no event; the new one takes Envoy over."""
    envoy = (await starfort.get("/status"))["envoy"]["pid"]
    async with Load(starfort.ports["listen"]).running() as load:
        await load.more(200)
        await starfort.kill_control()
        await load.more(300)
        await starfort.up()
        await load.more(200)
    assert load.wrong == []
    status = await starfort.get("/status")
    assert status["envoy"]["pid"] == envoy, "the same Envoy goes on"

    async def all_there() -> bool:
        return await stored(starfort) >= load.answered

    await eventually(all_there, 30, f"{load.answered} events are stored")
    assert (await starfort.get("/status"))["store"]["events_dropped"] == 0


async def test_a_killed_envoy_is_back_within_two_seconds(starfort: Installation) -> None:
    """The supervisor starts Envoy again, and the new one has the bundle and decides."""
    status = await starfort.get("/status")
    os.kill(status["envoy"]["pid"], signal.SIGKILL)
    killed = time.monotonic()

    async def answers() -> bool:
        return await starfort.listens()

    await eventually(answers, 10, "the listener answers again")
    took = time.monotonic() - killed

    async def connected() -> bool:
        now = await starfort.get("/status")
        return now["envoy"]["restarts"] == 1 and any(node["connected"] for node in now["nodes"])

    await eventually(connected, 20, "the new Envoy's filter is connected")
    blocked = await starfort.client.send("GET", "/_stats", [("Host", "shop.example")])
    assert blocked.status == 403
    assert took < 2, "the issue's limit for a restart"


async def test_a_policy_change_comes_into_force_without_a_dropped_connection(starfort: Installation) -> None:
    """A saved file comes into force while kept connections go on."""
    text = starfort.config.read_text()
    async with Load(starfort.ports["listen"]).running() as load:
        await load.more(100)
        blocked = text.replace('request.path.startsWith("/_")', 'request.path.startsWith("/v1/account")')
        assert blocked != text
        starfort.config.write_text(blocked)

        async def in_force() -> bool:
            answer = await starfort.client.send("GET", "/v1/account", [("Host", "shop.example")])
            return answer.status == 403

        await eventually(in_force, 10, "the new policy decides")
        await load.more(100)
    assert load.wrong == []


async def test_a_bad_file_leaves_the_good_one_in_force(starfort: Installation) -> None:
    """Errors are told with line and column by status, log and metric; what was in force stays; mending it helps."""
    good = starfort.config.read_text()
    bundle = (await starfort.get("/status"))["config"]["bundle"]
    starfort.config.write_text(good.replace('client.continent == "AS"', "client.continnet == 3"))
    line = good[: good.index("client.continent")].count("\n") + 1

    async def told() -> str:
        return str((await starfort.get("/status"))["config"]["last_error"])

    error = await eventually(told, 10, "status tells the error")
    assert re.search(rf"starfort\.yaml:{line}:\d+", error), error
    status = await starfort.get("/status")
    assert status["config"]["bundle"] == bundle
    assert not status["healthy"]
    assert "config_refused" in starfort.log()
    async with starfort.api() as http:
        metrics = (await http.get("/metrics")).text
    assert re.search(r"^starfort_config_errors_total(\{[^}]*\})? 1(\.0)?$", metrics, re.MULTILINE), metrics[
        :2000
    ]
    blocked = await starfort.client.send("GET", "/_stats", [("Host", "shop.example")])
    assert blocked.status == 403, "the policies before it decide"
    starfort.config.write_text(good + "\n# mended\n")

    async def mended() -> bool:
        now = await starfort.get("/status")
        return not now["config"]["last_error"] and bool(now["healthy"])

    await eventually(mended, 10, "the mended file is in force")


async def test_a_taken_port_is_named(tmp_path: Path) -> None:
    """`starfort up` on a taken port ends with a sentence that names listener and address."""
    async with installation(tmp_path, start=False) as starfort:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", starfort.ports["listen"])
        async with server:
            process = await starfort.run_up()
            assert await asyncio.wait_for(process.wait(), 60) not in (0, None)
        said = starfort.log()
        assert f"127.0.0.1:{starfort.ports['listen']}" in said
        assert "Traceback" not in said


async def test_a_data_directory_that_is_a_file_is_named(tmp_path: Path) -> None:
    """`starfort up` with a data directory that cannot be written ends with a sentence."""
    (tmp_path / "occupied").write_text("")

    def occupied(text: str) -> str:
        return re.sub(r"(?m)^data_dir: .*$", f"data_dir: {tmp_path / 'occupied'}", text)

    async with installation(tmp_path, occupied, start=False) as starfort:
        process = await starfort.run_up()
        assert await asyncio.wait_for(process.wait(), 60) not in (0, None)
        said = starfort.log()
        assert str(tmp_path / "occupied") in said
        assert "Traceback" not in said


@pytest.fixture
def small_disk(tmp_path: Path) -> AsyncIterator[Path] | None:
    """A file system of one mebibyte where the spool will be."""
    spool = tmp_path / "var" / "spool"
    spool.mkdir(parents=True, mode=0o700)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(spool)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"needs to mount a small tmpfs: {mounted.stderr.decode().strip()}")
    yield spool
    subprocess.run(["umount", "--lazy", str(spool)], check=True)


async def test_a_full_disk_under_the_spool_loses_no_request(small_disk: Path, tmp_path: Path) -> None:
    """While the spool's disk is full requests pass and events wait in the filter; with room again they are stored."""
    async with installation(tmp_path) as starfort:
        (small_disk / "filler").write_bytes(
            b"x" * (os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize)
        )
        before = await stored(starfort)
        async with Load(starfort.ports["listen"]).running() as load:
            await load.more(300)

            async def told() -> bool:
                return bool((await starfort.get("/status"))["store"]["error"]) or "spool" in starfort.log()

            await eventually(told, 20, "the full disk is told")
            (small_disk / "filler").unlink()
            await load.more(50)
        assert load.wrong == []

        async def all_there() -> bool:
            return await stored(starfort) >= before + load.answered

        await eventually(all_there, 30, f"{load.answered} events are stored")
