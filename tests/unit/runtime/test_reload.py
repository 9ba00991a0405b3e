"""Bringing a changed configuration into force while writing fails: old or new, never a mixture, never the end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from starfort import bundle
from starfort.base import files
from starfort.base.addresses import SocketAddress
from starfort.dataplane import ir
from starfort.dataplane.envoy.publish import Publisher
from starfort.dataplane.envoy.resources import render
from starfort.runtime import faults, file_watch
from starfort.runtime.toolchain import Toolchain
from starfort.store import Store
from tests.support.control import Control, FakeFilter, until

SOCKET = "run/control.sock"


class Disk:
    """Lets so many operations that need space through, then fails each with an error."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, within: Path) -> None:
        self.left = -1
        self.refused = 0
        self.error = errno.ENOSPC
        self._within = str(within)
        open_, link, fsync = os.open, os.link, os.fsync

        def opened(path: Any, flags: int, *rest: Any, **named: Any) -> int:
            if flags & os.O_CREAT and not str(path).endswith((".db", "lock")):
                self._take(path)
            return open_(path, flags, *rest, **named)

        def linked(source: Any, target: Any, **named: Any) -> None:
            self._take(target)
            link(source, target, **named)

        def synced(descriptor: int) -> None:
            self._take(self._within)
            fsync(descriptor)

        monkeypatch.setattr(os, "open", opened)
        monkeypatch.setattr(os, "link", linked)
        monkeypatch.setattr(os, "fsync", synced)

    def _take(self, path: Any) -> None:
        if self.left < 0 or not str(path).startswith(self._within):
            return
        if self.left == 0:
            self.refused += 1
            raise OSError(self.error, os.strerror(self.error), str(path))
        self.left -= 1


class WritingProxy:
    """Stands in for Envoy where it matters: its files are written, and what is written is what it does."""

    def __init__(self, place: Path) -> None:
        self.place = place

    async def apply(self, dataplane: ir.Dataplane) -> None:
        """Two files, as a publisher writes them."""
        staged = [files.stage(self.place / name, dataplane.node.encode()) for name in ("routes", "listeners")]
        for path, name in zip(staged, ("routes", "listeners"), strict=True):
            path.replace(self.place / name)


@contextlib.asynccontextmanager
async def started(folder: Path, store: Store) -> AsyncIterator[Control]:
    """A control plane that runs during the block."""
    made = Control(folder, store)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def control(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Control]:
    """A started control plane that tries again what failed without waiting long."""
    monkeypatch.setattr(faults, "AGAIN_AFTER_S", 0.05)
    monkeypatch.setattr(file_watch, "LOOK_EVERY_S", 0.1)
    async with started(tmp_path, store) as made:
        yield made


@pytest.fixture
async def still(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Control]:
    """A started control plane that reloads only when it is told to."""

    async def never(_: object) -> AsyncGenerator[bool, None]:
        await asyncio.Event().wait()
        yield False

    monkeypatch.setattr(file_watch.FileWatch, "run", never)
    async with started(tmp_path, store) as made:
        yield made


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO, errno.EDQUOT])
async def test_every_write_of_a_reload_may_fail(
    still: Control, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Whichever write fails first, bundle and Envoy's files are all of one configuration, and it is told."""
    control, runtime = still, still.runtime
    writing = WritingProxy(control.directory)
    monkeypatch.setattr(control.proxy, "apply", writing.apply)
    async with FakeFilter(runtime.data_dir / SOCKET):
        await until(lambda: runtime.parts.socket.connected)
        control.write(node="first")
        assert (await runtime.reload()).ok
        with monkeypatch.context() as patched:
            disk = Disk(patched, control.directory)
            disk.error = number
            failed = allowed = 0
            while True:
                control.write(node=f"n{allowed}")
                disk.left, disk.refused = allowed, 0
                result = await runtime.reload()
                node = runtime.config.node
                on_disk = {
                    bundle.read(runtime.data_dir / "bundle.sfb").node,
                    (control.directory / "routes").read_text(),
                    (control.directory / "listeners").read_text(),
                }
                assert on_disk == {node}
                assert result.ok == (node == f"n{allowed}")
                if not result.ok:
                    failed += 1
                    assert files.explain(OSError(number, "", "")) in str(result.problems) + str(
                        runtime.status().problems
                    )
                    assert control.proxy.state == "running"
                elif not disk.refused:
                    break
                disk.left = -1
                allowed += 1
            assert failed >= 5
        assert runtime.parts.background.failures["configuration watch"].count == 0


async def test_a_change_comes_into_force_when_there_is_room_again(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has to save the file again."""
    runtime = control.runtime
    async with FakeFilter(runtime.data_dir / SOCKET):
        with monkeypatch.context() as patched:
            disk = Disk(patched, control.directory / "data")
            disk.left = 0
            control.write(node="waits")
            await until(lambda: "the disk is full" in runtime.status().config.last_error)
            assert any("the disk is full" in problem for problem in runtime.status().problems)
            assert runtime.config.node == "edge-1"
        await until(lambda: runtime.config.node == "waits")
        assert runtime.status().config.last_error == ""


async def test_an_unforeseen_error_ends_nothing(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception in the compiler is a refusal that is told; the next file comes into force."""
    runtime = control.runtime

    def broken(*_: object) -> object:
        raise ZeroDivisionError("of all things")

    with monkeypatch.context() as patched:
        patched.setattr(Toolchain, "build", broken)
        control.write(node="broken")
        await until(lambda: "of all things" in runtime.status().config.last_error)
    control.write(node="mended")
    await until(lambda: runtime.config.node == "mended")


async def test_a_part_that_does_not_take_the_configuration_is_told_again(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The catalogue cannot be written: the data plane has the new configuration, and that is said until it can."""
    runtime = control.runtime

    def full(_: object) -> None:
        raise OSError(errno.ENOSPC, "", "state.db")

    with monkeypatch.context() as patched:
        patched.setattr(runtime.catalogue, "declare", full)
        control.write(node="edge-5")
        await until(lambda: runtime.config.node == "edge-5")
        await until(lambda: any("state.db: the disk is full" in each for each in runtime.status().problems))
    await until(lambda: not any("state.db" in each for each in runtime.status().problems))


@pytest.mark.parametrize("how", ["deleted", "renamed", "a directory"])
async def test_a_file_that_goes_away_leaves_the_old_one(control: Control, how: str) -> None:
    """It is told that the file cannot be read; what is in force stays; a good file mends it."""
    runtime, path = control.runtime, control.config_path
    if how == "renamed":
        path.rename(path.with_suffix(".gone"))
    else:
        path.unlink()
    if how == "a directory":
        path.mkdir()
    await until(lambda: runtime.status().config.last_error)
    assert str(path) in runtime.status().config.last_error
    assert runtime.config.node == "edge-1"
    assert not runtime.status().healthy
    if how == "a directory":
        path.rmdir()
    control.write(node="good")
    await until(lambda: runtime.config.node == "good")
    assert runtime.status().config.last_error == ""


async def test_the_last_good_bundle_is_the_one_that_filters_run(control: Control) -> None:
    """A bundle that every filter refuses does not become the copy; one that is taken does, private."""
    runtime = control.runtime
    copy = runtime.data_dir / "bundle.last.sfb"
    async with FakeFilter(runtime.data_dir / SOCKET, accepts=False):
        await until(lambda: runtime.parts.socket.connected)
        control.write(node="refused")
        await until(lambda: runtime.status().config.last_error)
        assert not copy.exists()
    async with FakeFilter(runtime.data_dir / SOCKET):
        control.write(node="taken")
        await until(lambda: runtime.config.node == "taken")
        await until(copy.exists)
        assert bundle.read(copy).node == "taken"
        assert copy.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", [b"", b"{}", None])
async def test_a_bundle_that_others_change_is_written_anew_at_once(
    control: Control, damage: bytes | None
) -> None:
    """Emptied, written over, removed: it is as it should be before any Envoy begins with it."""
    path = control.runtime.data_dir / "bundle.sfb"
    good = path.read_bytes()
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage)
    await until(lambda: path.exists() and path.read_bytes() == good)


async def test_what_needs_a_restart_is_said(still: Control) -> None:
    """A changed `admin.address` is a warning that names it until it is as at the start; the rest takes effect."""
    still.write(node="edge-7", admin={"address": "127.0.0.1:1", "second_factor": ["admin"]})
    result = await still.runtime.reload()
    assert result.ok
    (warning,) = [each for each in result.warnings if "starfort restart" in each]
    assert "admin.address" in warning
    assert still.runtime.status().config.warnings == result.warnings
    assert still.runtime.config.admin.second_factor == ["admin"]
    still.write(node="edge-7")
    assert not [each for each in (await still.runtime.reload()).warnings if "starfort restart" in each]


async def test_work_that_dies_is_begun_again(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever runs in the background may fail: it is told, begun again, and ends neither Envoy nor the rest."""
    runtime = control.runtime
    monkeypatch.setattr("starfort.base.tasks.RESTART_S", 0.01)
    runs: list[int] = []

    async def fails() -> None:
        runs.append(1)
        raise RuntimeError("it broke")

    runtime.parts.background.keep("test work", fails)
    await until(lambda: runtime.parts.background.failures["test work"].count >= 1)
    assert any("test work failed" in each and "it broke" in each for each in runtime.status().problems)
    assert control.proxy.state == "running"
    await until(lambda: len(runs) >= 2)


@contextlib.contextmanager
def _counted(monkeypatch: pytest.MonkeyPatch, within: Path) -> Iterator[Disk]:
    with monkeypatch.context() as patched:
        yield Disk(patched, within)


class _Quiet:
    """An Envoy that takes everything."""

    def __init__(self, place: Path) -> None:
        self.place = place

    async def rejections(self) -> int:
        """None."""
        return 0

    async def live(self) -> bool:
        """Always."""
        return True

    async def versions(self) -> dict[str, str]:
        """As the files are."""
        names = {
            "clusters.json": "cluster_manager.cds",
            "listeners.json": "listener_manager.lds",
            "routes.json": "http.public.rds.starfort",
        }
        return {
            stat: json.loads((self.place / name).read_text())["version_info"] for name, stat in names.items()
        }


async def test_every_write_of_envoys_files_may_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When space ends before any of the files, all of them are the old ones, and nothing is left beside them."""

    def plane(upstream: str) -> ir.Dataplane:
        here = SocketAddress("127.0.0.1", 1)
        return ir.Dataplane(
            "test", tmp_path, tmp_path / "a", 0, (ir.Listener(f"on-{upstream}", here),),
            (ir.Upstream(upstream, (here,)),), (ir.Api(upstream, ("*",), ("/",), upstream),), (), (),
            ir.FilterSettings(tmp_path / "b", tmp_path / "s", True), ir.ListenerLimits(200, 96, 1000, 1 << 30),
        )  # fmt: skip

    publisher = Publisher(tmp_path, _Quiet(tmp_path), tmp_path / "log", 1.0)  # type: ignore[arg-type]
    old, new = render(plane("old")).files, render(plane("new")).files
    publisher.write(old)
    failed = 0
    with _counted(monkeypatch, tmp_path) as disk:
        for allowed in range(200):
            disk.left = allowed
            try:
                await publisher.publish(new, lambda: True)
            except OSError:
                failed += 1
                disk.left = -1
                assert publisher.read() == old
                assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
            else:
                break
    assert failed >= 8
    assert publisher.read() == new
