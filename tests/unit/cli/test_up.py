"""`starfort up` and `starfort stop`: start, signals, and the errors of a start."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from starfort.cli import up
from starfort.cli.errors import CliError
from starfort.runtime.lock import DataDirectory, holder
from starfort.store import Store
from tests.support.control import Control
from tests.unit.cli.conftest import Run


def _when(condition: Callable[[], object], act: Callable[[], object]) -> threading.Thread:
    """Does something from another thread as soon as a state is there."""
    done = threading.Event()

    def wait() -> None:
        while not condition():
            if done.wait(0.02):
                return
        act()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """`up` sets logging up for the process, on a stderr that is the test's only."""
    root, settings = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.configure(**settings)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def control(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> Control:
    """A runtime without Envoy for `up` to run."""
    made = Control(tmp_path, store)
    monkeypatch.setattr(
        "starfort.cli.up._make", lambda _: (made.assembly, {"first_password": Path("/d/admin-password")})
    )
    return made


def _log(text: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_a_start_makes_its_parts(tmp_path: Path) -> None:
    """All other tests put a runtime without Envoy in its place, so this one looks at what a start really makes."""
    assembly, made = up._make(tmp_path / "starfort.yaml")
    assert assembly.data_dir is None
    assert made == {}


def test_a_configuration_behind_a_link_stays_one(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kubernetes replaces a link of a mounted ConfigMap and removes what it pointed to."""
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "starfort.yaml").write_text("version: 1\n")
    (tmp_path / "..data").symlink_to("first")
    (tmp_path / "starfort.yaml").symlink_to("..data/starfort.yaml")
    monkeypatch.chdir(tmp_path)
    seen: list[Path] = []

    def make(path: Path) -> None:
        seen.append(path)
        raise CliError("no more is needed here")

    monkeypatch.setattr(up, "_make", make)
    assert run("up", "--config", "starfort.yaml").code == 1
    assert seen == [tmp_path / "starfort.yaml"]


def test_runs_until_told_to_stop(run: Run, control: Control) -> None:
    """It says where things are, reads the configuration again on SIGHUP, and stops in order on SIGTERM."""
    ready = threading.Event()

    def hang_up() -> None:
        control.write(node="edge-2")
        os.kill(os.getpid(), signal.SIGHUP)
        ready.set()

    # The handler of SIGHUP is set after the start, so the log's line of it is what is waited for.
    _when(lambda: control.admin_port and signal.getsignal(signal.SIGHUP) != signal.SIG_DFL, hang_up)
    _when(
        lambda: ready.is_set() and control.runtime.config.node == "edge-2",
        lambda: os.kill(os.getpid(), signal.SIGTERM),
    )
    result = run("up", "--config", str(control.config_path))
    assert result.code == 0, result.err
    events = {line["event"]: line for line in _log(result.err)}
    assert events["starfort_ready"]["listener_public"] == "http://127.0.0.1:8080/"
    assert events["starfort_ready"]["dashboard"].startswith("http://127.0.0.1:")
    assert events["starfort_ready"]["first_login"] == "admin, see /d/admin-password"
    assert "starfort_stopped" in events
    assert control.proxy.state == "stopped"
    assert holder(control.runtime.data_dir) is None
    assert result.out == ""


def test_interrupted_while_starting(run: Run, control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C during the start stops what was started."""

    async def never(_: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    monkeypatch.setattr(control.proxy, "start", never)
    assert run("up", "--config", str(control.config_path)).code == 0
    assert holder(control.directory / "data") is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_second_signal_ends_a_stop_that_hangs(
    run: Run, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the stop does not come to an end, another Ctrl-C ends it at once."""

    async def hang() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    monkeypatch.setattr(control.proxy, "stop", hang)
    _when(lambda: control.admin_port, lambda: os.kill(os.getpid(), signal.SIGINT))
    assert run("up", "--config", str(control.config_path)).code == 130
    control.runtime.__dict__.clear()
    gc.collect()  # what an ended process would have closed is left open here, and must not fail another test


def test_errors_of_a_start_are_sentences(run: Run, control: Control) -> None:
    """A refused configuration, a taken port and a taken data directory each say what to do."""
    control.config_path.write_text("{")
    refused = run("up", "--config", str(control.config_path))
    assert refused.code == 1
    assert "starfort.yaml:1:" in refused.err
    assert _log(refused.err) == [], "only the error"
    assert "Traceback" not in refused.err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        control.write(node="a", admin={"address": address})
        result = run("up", "--config", str(control.config_path))
    assert result.code == 1
    assert address in result.err
    held = DataDirectory(control.directory / "data")
    busy = run("up", "--config", str(control.config_path))
    held.release()
    assert "another starfort runs there" in busy.err


def test_what_runs_for_people_can_be_made(run: Run, tmp_path: Path) -> None:
    """Without a stand-in for its maker, `up` gets as far as the configuration, and says what is wrong there."""
    path = tmp_path / "starfort.yaml"
    path.write_text("version: 1\nlisteners: 3\n", encoding="utf-8")
    result = run("up", "--config", str(path))
    assert result.code == 1
    assert f"{path}:2:12: listeners takes a list" in result.err


def test_stop_ends_the_process_that_holds_the_directory(run: Run, tmp_path: Path) -> None:
    """`stop` tells the owner of the data directory to end and waits until it has; without one it says so."""
    data = tmp_path / "data"
    assert run("stop", "--data-dir", str(data)).code == 1
    program = (
        "import signal, sys\nfrom pathlib import Path\nfrom starfort.runtime.lock import DataDirectory\n"
        "held = DataDirectory(Path(sys.argv[1]))\nprint('held', flush=True)\nsignal.sigwait({signal.SIGTERM})\n"
    )
    blocked = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})\n"
    with subprocess.Popen(
        [sys.executable, "-c", blocked + program, str(data)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert holder(data) == process.pid
        result = run("stop", "--data-dir", str(data))
        assert result.code == 0, result.err
        assert process.wait(10) == 0
    assert holder(data) is None
