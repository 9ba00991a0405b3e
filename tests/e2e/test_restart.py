"""What must not happen when Starfort is replaced by another one: a lost request, a lost event, an Envoy that ends."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.e2e.operations.test_failures import Load, stored
from tests.support.installation import MODULE, Installation, eventually, installation, starfort_command

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not MODULE.exists(), reason=f"{MODULE} is not built: run make setup"),
    pytest.mark.timeout(240),
]


async def restart(starfort: Installation) -> tuple[int, str]:
    """Run `starfort restart`: exit code, and what it said."""
    process = await asyncio.create_subprocess_exec(
        starfort_command(), "restart", "--config", str(starfort.config),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def all_stored(starfort: Installation, count: int) -> None:
    """Wait until so many events are in the store, none of them dropped."""

    async def there() -> bool:
        return await stored(starfort) >= count

    await eventually(there, 60, f"{count} events are stored")
    assert (await starfort.get("/status"))["store"]["events_dropped"] == 0


async def test_a_restart_with_another_filter_loses_no_request_and_no_event(starfort: Installation) -> None:
    """Control plane and Envoy are replaced under load: same process, another Envoy by hand-over, nothing lost."""
    before = await starfort.get("/status")
    assert starfort.control is not None
    # A filter of another build is known by its time; the environment's own is left as it is afterwards.
    times = MODULE.stat()
    async with Load(starfort.ports["listen"]).running() as load:
        await load.more(200)
        try:
            os.utime(MODULE, ns=(times.st_atime_ns, times.st_mtime_ns + 1_000_000_000))
            code, said = await restart(starfort)
            assert code == 0, said + starfort.log()
            await load.more(200)
            now = await starfort.get("/status")
            assert now["pid"] == before["pid"] == starfort.control.pid
            assert now["started_at"] > before["started_at"]
            assert now["envoy"]["pid"] != before["envoy"]["pid"]
            assert now["envoy"]["restarts"] == 0
            assert str(now["envoy"]["pid"]) in said

            # What the test itself keeps open would keep the old one.
            await starfort.client.close()

            async def ended() -> bool:
                return not Path(f"/proc/{before['envoy']['pid']}").exists()

            await eventually(ended, 30, "the Envoy before ends when its connections have")
        finally:
            os.utime(MODULE, ns=(times.st_atime_ns, times.st_mtime_ns))
        await load.more(100)
    assert load.wrong == []
    await all_stored(starfort, load.answered)
    blocked = await starfort.client.send("GET", "/_stats", [("Host", "shop.example")])
    assert blocked.status == 403


async def test_a_restart_without_a_change_keeps_envoy(starfort: Installation) -> None:
    """With the same program, filter and configuration only the control plane is replaced."""
    before = await starfort.get("/status")
    async with Load(starfort.ports["listen"]).running() as load:
        await load.more(50)
        code, said = await restart(starfort)
        assert code == 0, said + starfort.log()
        await load.more(50)
    assert load.wrong == []
    now = await starfort.get("/status")
    assert now["started_at"] > before["started_at"]
    assert now["envoy"]["pid"] == before["envoy"]["pid"]


async def test_a_restart_with_a_wrong_configuration_touches_nothing(starfort: Installation) -> None:
    """What the new Starfort would refuse is found beforehand and told; the old one goes on."""
    before = await starfort.get("/status")
    good = starfort.config.read_text()
    starfort.config.write_text(good.replace('client.continent == "AS"', "client.continnet == 3"))
    code, said = await restart(starfort)
    assert code == 1
    assert "nothing was restarted" in said
    assert "continnet" in said
    now = await starfort.get("/status")
    assert (now["started_at"], now["envoy"]["pid"]) == (before["started_at"], before["envoy"]["pid"])


async def test_a_control_plane_that_cannot_start_leaves_envoy(starfort: Installation) -> None:
    """A taken admin port ends the new control plane with a sentence, not the Envoy that served before it."""
    envoy = (await starfort.get("/status"))["envoy"]["pid"]
    assert starfort.control is not None
    await starfort.kill_control()
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", starfort.ports["admin"])
    async with Load(starfort.ports["listen"]).running() as load, server:
        failing = await starfort.run_up()
        assert await asyncio.wait_for(failing.wait(), 60) == 1
        await load.more(50)
    assert load.wrong == []
    os.kill(envoy, 0)
    await starfort.up()
    assert (await starfort.get("/status"))["envoy"]["pid"] == envoy


async def test_a_stop_ends_both_envoys(starfort: Installation) -> None:
    """A stop right after a restart leaves no process behind."""
    first = (await starfort.get("/status"))["envoy"]["pid"]
    times = MODULE.stat()
    try:
        os.utime(MODULE, ns=(times.st_atime_ns, times.st_mtime_ns + 1_000_000_000))
        code, said = await restart(starfort)
        assert code == 0, said
        second = (await starfort.get("/status"))["envoy"]["pid"]
        assert starfort.control is not None
        starfort.control.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(starfort.control.wait(), 60) == 0
    finally:
        os.utime(MODULE, ns=(times.st_atime_ns, times.st_mtime_ns))
    for pid in (first, second):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert not list((starfort.data / "run").glob("h_*"))
    assert "assert failure" not in (starfort.data / "envoy" / "envoy.log").read_text()


async def test_a_damaged_bundle_does_not_let_the_first_request_pass(tmp_path: Path) -> None:
    """An Envoy that starts on a damaged bundle without a control plane judges its first request all the same."""
    async with installation(tmp_path) as starfort:
        bundle, copy = starfort.data / "bundle.sfb", starfort.data / "bundle.last.sfb"

        async def kept() -> bool:
            return copy.exists() and copy.read_bytes() == bundle.read_bytes()

        await eventually(kept, 20, "the bundle is kept beside itself")
        assert copy.stat().st_mode & 0o777 == 0o600
        envoy = (await starfort.get("/status"))["envoy"]["pid"]
        assert starfort.control is not None
        starfort.control.send_signal(signal.SIGSTOP)
        try:
            command = Path(f"/proc/{envoy}/cmdline").read_bytes().split(b"\0")[:-1]
            environment = dict(
                entry.split(b"=", 1)
                for entry in Path(f"/proc/{envoy}/environ").read_bytes().split(b"\0")
                if b"=" in entry
            )
            bundle.write_bytes(bundle.read_bytes()[:-100])
            os.kill(envoy, signal.SIGKILL)
            again = await asyncio.create_subprocess_exec(
                *command,
                env=environment,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            statuses: list[int] = []

            async def answered() -> bool:
                try:
                    answer = await starfort.client.send("GET", "/_stats", [("Host", "shop.example")])
                except OSError:
                    return False
                statuses.append(answer.status)
                return True

            await eventually(answered, 20, "the first answer")
            assert statuses == [403]
            again.kill()
            await again.wait()
        finally:
            starfort.control.send_signal(signal.SIGCONT)
