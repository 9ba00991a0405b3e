"""The whole control plane without Envoy: events in, signals, alerts, status and bundles out."""

from __future__ import annotations

import datetime as dt
import json
import re
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request

from starfort.dataplane.frames import FrameType
from starfort.events.spool import Spool
from starfort.runtime import Runtime
from starfort.runtime.lock import StartError
from starfort.runtime.toolchain import RefusedError
from starfort.store import Store
from tests.support.callers import campaign, hashed
from tests.support.control import Control, FakeFilter, until
from tests.support.events import event, stream

SOCKET = "run/control.sock"


@pytest.fixture
async def control(tmp_path: Path, store: Store) -> AsyncIterator[Control]:
    """A started control plane."""
    made = Control(tmp_path, store)
    await made.start()
    yield made
    await made.stop()


def attack(tool: str) -> bytes:
    """A batch with 60 failed log-ins of one campaign, now."""
    rows = campaign(dt.datetime.now(dt.UTC) - dt.timedelta(seconds=31), fingerprint=tool)
    return stream(rows)


async def test_campaign_reaches_filters_and_people(control: Control) -> None:
    """Events of a campaign are acknowledged, signalled to the filter, alerted and kept on disk."""
    tool = hashed("runtime campaign")
    async with FakeFilter(control.runtime.data_dir / SOCKET) as peer:
        sequence = peer.send_events(attack(tool))
        await until(lambda: peer.acknowledged == sequence)
        await until(lambda: any(tool in key for _, _, key in peer.signals))
        await until(lambda: control.alerts)
        assert control.alerts[0]["kind"] == "credential_stuffing"
        assert control.alerts[0]["evidence"][0]["failures"] == 60
        assert control.runtime.alerts.list()[0].kind == "credential_stuffing"
        saved = control.runtime.data_dir / "signals.json"
        await until(saved.exists)
        assert tool in saved.read_text()
        (key,) = [key for key in peer.signals if tool in key[2]]
        assert control.runtime.clear_signal(*key)


async def test_filter_that_comes_later_knows_what_holds(control: Control) -> None:
    """A filter that connects after the signal was raised has it from its first frame."""
    tool = hashed("later campaign")
    async with FakeFilter(control.runtime.data_dir / SOCKET) as peer:
        peer.send_events(attack(tool))
        await until(lambda: any(tool in key for _, _, key in peer.signals))
    async with FakeFilter(control.runtime.data_dir / SOCKET, node="edge-2") as other:
        await until(lambda: any(tool in key for _, _, key in other.signals))
        for key in [key for key in other.signals if tool in key[2]]:
            assert control.runtime.clear_signal(*key)
        await until(lambda: not any(tool in key for _, _, key in other.signals))


async def test_changed_file_comes_into_force(control: Control) -> None:
    """Writing the configuration is enough: every filter gets the new bundle."""
    before = control.runtime.status().config.bundle
    async with FakeFilter(control.runtime.data_dir / SOCKET) as peer:
        await until(lambda: peer.bundles == [before])
        control.write(node="edge-9")
        await until(lambda: len(peer.bundles) == 2)
        await until(lambda: control.runtime.config.node == "edge-9")
        assert control.runtime.status().config.bundle == peer.bundles[1]
        assert control.proxy.applied[-1].node == "edge-9"


async def test_bad_file_leaves_the_good_one_in_force(control: Control) -> None:
    """A file with a mistake changes nothing and is reported by status and metrics until it is mended."""
    bundle = control.runtime.data_dir / "bundle.sfb"
    good = bundle.read_bytes()
    control.config_path.write_text("{")
    await until(lambda: control.runtime.status().config.errors)
    status = control.runtime.status()
    assert "starfort.yaml:1:" in status.config.last_error
    assert not status.healthy
    assert bundle.read_bytes() == good
    assert control.runtime.config.node == "edge-1"
    assert b"starfort_config_errors_total 1.0" in control.runtime.metrics()
    control.write(node="edge-2")
    await until(lambda: control.runtime.config.node == "edge-2")
    assert control.runtime.status().config.last_error == ""


async def test_what_has_no_effect_is_said_and_refuses_nothing(control: Control) -> None:
    """Warnings of the file in force stand in the reload's answer, the status and a metric; they go with their cause."""
    policy = {"name": "stop", "when": "'nowhere' in endpoint.labels", "action": "block"}
    control.write(node="edge-4", policies=[policy])
    result = await control.runtime.reload()
    assert result.ok
    assert "'nowhere'" in "".join(result.warnings)
    status = control.runtime.status()
    assert status.config.warnings == result.warnings
    assert "nowhere" not in "".join(status.problems), "a warning is no trouble of the runtime"
    assert b"starfort_config_warnings 1.0" in control.runtime.metrics()
    control.write(node="edge-4")
    assert (await control.runtime.reload()).warnings == []
    assert control.runtime.status().config.warnings == []


async def test_damaged_bundle_is_written_anew(control: Control) -> None:
    """A filter that comes without a bundle finds the file as it was written, whatever became of it on disk."""
    bundle = control.runtime.data_dir / "bundle.sfb"
    good, version = bundle.read_bytes(), control.runtime.status().config.bundle
    bundle.write_bytes(good[:-1])
    async with FakeFilter(control.runtime.data_dir / SOCKET) as peer:
        await until(lambda: peer.bundles == [version, version])
    assert bundle.read_bytes() == good


async def test_bundle_that_every_filter_refuses_is_taken_back(control: Control) -> None:
    """When the filters refuse the new bundle the old one is on disk again, and the reload says why."""
    bundle = control.runtime.data_dir / "bundle.sfb"
    good = bundle.read_bytes()
    async with FakeFilter(control.runtime.data_dir / SOCKET, accepts=False) as peer:
        await until(lambda: control.runtime.parts.socket.connected)
        control.write(node="edge-3")
        result = await control.runtime.reload()
        assert not result.ok
        assert "checksum" in result.refused_by[0]
        assert bundle.read_bytes() == good
        assert control.runtime.config.node == "edge-1"
        assert peer.bundles == []


async def test_a_change_is_in_force_within_two_seconds_while_no_event_can_be_written(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a full disk and events that wait, a filter's answer is heard at once and status names the disk."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Spool, "append", full)
    async with FakeFilter(control.runtime.data_dir / SOCKET) as peer:
        await until(lambda: len(peer.bundles) == 1)
        for _ in range(50):
            peer.send_events(stream([event(time=dt.datetime.now(dt.UTC) - dt.timedelta(seconds=90))] * 500))
        await until(lambda: control.runtime.parts.ingest.counters.write_failures)
        started = time.monotonic()
        control.write(node="edge-7")
        await until(lambda: control.runtime.config.node == "edge-7")
        assert time.monotonic() - started < 2
        status = control.runtime.status()
        assert status.nodes[-1].bundle == status.config.bundle == peer.bundles[-1]
        assert (status.config.last_error, peer.acknowledged) == ("", 0)
        assert any("No space left" in problem for problem in status.problems)
        assert any("detection sees the past" in problem for problem in status.problems)
        assert status.store.lag_s > 85
        monkeypatch.undo()
        await until(lambda: peer.acknowledged == 50)


async def test_a_filter_that_does_not_answer_has_not_refused(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silence changes nothing about the configuration; status says who was asked, and it is asked until it answers."""
    monkeypatch.setattr("starfort.dataplane.socket.ASK_AGAIN_S", (0.2, 0.4))
    monkeypatch.setattr("starfort.runtime.horizon.ANSWER_S", 0.0)
    control.runtime.parts.socket._timeouts.bundle_s = 0.2
    async with FakeFilter(control.runtime.data_dir / SOCKET) as peer:
        await until(lambda: len(peer.bundles) == 1)
        peer.answers = False
        control.write(node="edge-8")
        result = await control.runtime.reload()
        assert (result.ok, result.refused_by) == (True, [])
        assert "no answer within" in result.unanswered[0]
        assert control.runtime.config.node == "edge-8"
        node = control.runtime.nodes()[-1]
        assert (node.bundle, node.bundle_awaited) == (peer.bundles[0], result.bundle)
        assert node.bundle_since > 0
        assert any(
            f"has not answered about bundle {result.bundle}" in one
            for one in control.runtime.status().problems
        )
        await until(lambda: peer.ignored.count(result.bundle) > 2)
        peer.answers = True
        await until(lambda: control.runtime.nodes()[-1].bundle == result.bundle)
        assert control.runtime.nodes()[-1].bundle_awaited == ""
        assert not any("has not answered" in problem for problem in control.runtime.status().problems)


async def test_lag_counts_what_waits_in_filters(control: Control) -> None:
    """Events that a filter still has make detection late, in status and metrics, until they are in the store."""
    runtime = control.runtime
    async with FakeFilter(runtime.data_dir / SOCKET) as peer:

        def say(calls: int, age: float, acknowledged: int) -> None:
            oldest = time.time() - age
            waiting = {"calls": calls, "oldest_us": int(oldest * 1e6)}
            peer.send(
                FrameType.STATS, {"counters": {"events_acknowledged": acknowledged}, "waiting": waiting}
            )

        say(0, 0, 0)
        await until(lambda: runtime.parts.socket.peers and runtime.parts.socket.peers[-1].stats_at)
        assert runtime.store_status().lag_s < 5
        say(1000, 81, 0)
        await until(lambda: runtime.store_status().events_waiting == 1000)
        store = runtime.store_status()
        assert 80 < store.lag_s < 90
        assert dt.datetime.now(dt.UTC) - runtime.parts.horizon.seen_until() > dt.timedelta(seconds=80)
        (problem,) = [each for each in runtime.status().problems if "sees the past" in each]
        assert "1,000 wait in filters" in problem
        (line,) = re.findall(rb"^starfort_store_lag_seconds (.*)$", runtime.metrics(), re.MULTILINE)
        assert float(line) > 80
        old = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=60)
        peer.send_events(stream([event(time=old)] * 400))
        await until(lambda: runtime.store_status().events_waiting == 600)
        await until(lambda: 55 < runtime.store_status().lag_s < 70)
        peer.send_events(stream([event(time=old)] * 600))
        await until(lambda: runtime.store_status().lag_s < 5)
        assert runtime.store_status().events_waiting == 0
        say(7, 1, 1000)
        await until(lambda: runtime.store_status().events_waiting == 7)
    await until(lambda: not runtime.parts.socket.busy)
    assert runtime.parts.socket.peers[-1].left_behind == 7


async def test_learned_endpoint_reaches_the_engine_and_people(control: Control) -> None:
    """What the catalogue learns goes into a new bundle, and its alert goes out."""
    before = control.runtime.status().config.bundle
    async with FakeFilter(control.runtime.data_dir / SOCKET) as peer:
        await until(lambda: peer.bundles == [before])
        now = dt.datetime.now(dt.UTC)
        calls = [
            event(id=f"{control.api}-{number}", time=now, api=control.api, path=f"/v2/orders/{number}")
            for number in range(1, 9)
        ]
        peer.send_events(stream(calls))
        await until(lambda: len(peer.bundles) == 2)
        await until(lambda: "new_endpoint" in [alert["kind"] for alert in control.alerts])


async def test_second_start_on_the_same_data_is_refused(control: Control, store: Store) -> None:
    """Two processes never share a data directory; the message names who has it."""
    second = Control(control.directory, store)
    with pytest.raises(StartError, match="another starfort runs there"):
        await second.start()


async def test_wrong_file_at_start_is_an_error(tmp_path: Path, store: Store) -> None:
    """Without a good configuration nothing starts."""
    control = Control(tmp_path, store)
    control.config_path.write_text("{")
    with pytest.raises(RefusedError, match=r"starfort\.yaml:1:"):
        await control.start()


@pytest.mark.parametrize("damaged", ["no database", "a page"])
async def test_damaged_state_is_told_with_its_file(tmp_path: Path, store: Store, damaged: str) -> None:
    """Who starts with a damaged `state.db` reads which file it is and what to do, and it is left as it is."""
    made = Control(tmp_path, store)
    await made.start()
    file = made.runtime.data_dir / "state.db"
    await made.stop()
    whole = file.read_bytes()
    broken = bytes(range(256)) * 16
    file.write_bytes(broken if damaged == "no database" else whole[:4096] + broken + whole[8192:])
    content = file.read_bytes()
    with pytest.raises(StartError, match=rf"{re.escape(str(file))}: SQLite can't use it .*; restore it"):
        await Control(tmp_path, store).start()
    assert file.read_bytes() == content


async def test_taken_admin_port_is_an_error_and_releases_everything(tmp_path: Path, store: Store) -> None:
    """A taken port is named, and the data directory is free again."""
    control = Control(tmp_path, store)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        control.write(node="edge-1", admin={"address": f"127.0.0.1:{taken.getsockname()[1]}"})
        with pytest.raises(StartError, match=r"admin\.address 127\.0\.0\.1"):
            await control.start()
    again = Control(tmp_path, store)
    await again.start()
    await again.stop()


async def test_unix_admin_socket_is_trusted_and_private(tmp_path: Path, store: Store) -> None:
    """Requests by the Unix socket carry the mark of a local administrator; the file is 0600."""

    def app(_: Runtime) -> FastAPI:
        made = FastAPI()

        @made.get("/who")
        def who(request: Request) -> dict[str, bool]:
            return {"local": getattr(request.state, "local", False)}

        return made

    control = Control(tmp_path, store, app)
    await control.start()
    try:
        path = control.runtime.data_dir / "run" / "admin.sock"
        assert path.stat().st_mode & 0o777 == 0o600
        transport = httpx.AsyncHTTPTransport(uds=str(path))
        async with httpx.AsyncClient(transport=transport, base_url="http://starfort") as client:
            assert (await client.get("/who")).json() == {"local": True}
    finally:
        await control.runtime.stop()


async def test_status_is_plain_data(control: Control) -> None:
    """Everything that status says survives JSON, and a healthy control plane has no problems."""
    async with FakeFilter(control.runtime.data_dir / SOCKET):
        await until(lambda: [peer for peer in control.runtime.parts.socket.connected if peer.bundle])
        status = json.loads(json.dumps(asdict(control.runtime.status())))
    assert status["problems"] == []
    assert status["nodes"][0]["node"] == "edge-1"
    assert [row["name"] for row in status["detectors"]] == ["credential_stuffing"]
    assert control.runtime.policies()[0].name == "stop"


async def test_every_metric_is_documented(control: Control) -> None:
    """docs/metrics.md has an entry for each metric, and none for one that is not there."""
    async with FakeFilter(control.runtime.data_dir / SOCKET) as peer:
        sequence = peer.send_events(attack(hashed("metrics")))
        await until(lambda: peer.acknowledged == sequence)
        text = control.runtime.metrics().decode()
    exported = set(re.findall(r"^# TYPE (starfort_\w+)", text, re.MULTILINE))
    page = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text()
    documented = set(re.findall(r"^\| `(starfort_\w+)", page, re.MULTILINE))
    assert {re.sub(r"_(created|info)$", "", name) for name in exported} == documented
    assert 'starfort_requests_total{api="shop",node="edge-1",status="4xx"} 60.0' in text
    assert "envoy_server_live" in text
