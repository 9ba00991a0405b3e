"""Noticing changed files, whoever changes them and however."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path

import pytest
import watchfiles

from starfort.runtime import file_watch
from starfort.runtime.file_watch import FileWatch, folders_of, marks

Act = Callable[[Path], None]


def _write(path: Path) -> None:
    path.write_text("changed")


def _replace(path: Path) -> None:
    """As editors do: a new file beside the old one, renamed."""
    path.with_suffix(".swp").write_text("changed")
    path.with_suffix(".swp").replace(path)


def _remove(path: Path) -> None:
    path.unlink()


def _keep_size_and_time(path: Path) -> None:
    """Another content of the same length, with the times of the old one (`cp --preserve`, `rsync -t`)."""
    found = path.stat()
    path.write_text("other")
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


async def _noticed(watch: FileWatch, act: Callable[[], None], seconds: float = 5.0) -> None:
    """Fails unless a change is reported after `act`, and none before."""
    async with asyncio.timeout(seconds), aclosing(watch.run()) as ticks:
        assert not await anext(ticks), "nothing happened yet"
        act()
        async for changed in ticks:
            if changed:
                return


@pytest.fixture(params=["notified", "polling"])
def how(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With the system's notifications alone, and without them."""
    if request.param == "polling":
        monkeypatch.setenv(file_watch.FORCE_POLLING, "1")
    else:
        # A look that nothing asked for would hide that a notification is missing.
        monkeypatch.setattr(file_watch, "LOOK_EVERY_S", 60.0)
    return str(request.param)


@pytest.mark.usefixtures("how")
@pytest.mark.parametrize("act", [_write, _replace, _remove, _keep_size_and_time])
async def test_every_kind_of_change_is_noticed(tmp_path: Path, act: Act) -> None:
    """Written in place, replaced, removed, and changed without another time or size."""
    path = tmp_path / "starfort.yaml"
    path.write_text("first")
    watch = FileWatch(lambda: [path], marks([path]), tmp_path / "beside")
    await _noticed(watch, lambda: act(path))


@pytest.mark.usefixtures("how")
async def test_a_mounted_configmap_is_noticed(tmp_path: Path) -> None:
    """Kubernetes writes a new folder and replaces the link `..data`: no file that is named is touched."""

    def publish(name: str, content: str) -> None:
        (tmp_path / name).mkdir()
        (tmp_path / name / "starfort.yaml").write_text(content)
        (tmp_path / "..data_tmp").symlink_to(name)
        (tmp_path / "..data_tmp").replace(tmp_path / "..data")

    publish("..2026_01", "first")
    path = tmp_path / "starfort.yaml"
    path.symlink_to("..data/starfort.yaml")
    watch = FileWatch(lambda: [path], marks([path]), tmp_path / "beside")
    await _noticed(watch, lambda: publish("..2026_02", "other"))


@pytest.mark.usefixtures("how")
async def test_a_file_that_appears_later_is_noticed(tmp_path: Path) -> None:
    """Also when its folder does not exist at first."""
    path = tmp_path / "later" / "rules.conf"
    watch = FileWatch(lambda: [path], marks([path]), tmp_path / "beside")

    def appear() -> None:
        path.parent.mkdir()
        path.write_text("here")

    await _noticed(watch, appear)


@pytest.mark.usefixtures("how")
async def test_a_new_file_in_a_watched_folder_is_noticed(tmp_path: Path) -> None:
    """A pattern of files is watched by its folder: a detector that is added needs no other change."""
    folder = tmp_path / "detectors"
    folder.mkdir()
    watch = FileWatch(lambda: [folder], marks([folder]), tmp_path / "beside")
    await _noticed(watch, lambda: (folder / "own.sql").write_text("SELECT 1") and None)


async def test_a_folder_that_is_replaced_is_watched_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After `rm -r` and a new folder of the same name its files are noticed as before."""
    monkeypatch.setattr(file_watch, "LOOK_EVERY_S", 0.2)
    path = tmp_path / "etc" / "starfort.yaml"
    path.parent.mkdir()
    path.write_text("first")
    watch = FileWatch(lambda: [path], marks([path]), tmp_path / "beside")

    def replace_folder() -> None:
        shutil.rmtree(path.parent)
        path.parent.mkdir()
        path.write_text("second one")

    await _noticed(watch, replace_folder)
    await _noticed(watch, lambda: _write(path))


async def test_the_file_beside_wakes_and_is_not_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bundle is looked after at once, and its change is no reason to reload."""
    monkeypatch.setattr(file_watch, "LOOK_EVERY_S", 60.0)
    path, beside = tmp_path / "starfort.yaml", tmp_path / "data" / "bundle.sfb"
    path.write_text("first")
    beside.parent.mkdir()
    async with asyncio.timeout(5), aclosing(FileWatch(lambda: [path], marks([path]), beside).run()) as ticks:
        assert not await anext(ticks)
        beside.write_text("damaged")
        assert not await anext(ticks)


async def test_without_inotify_it_looks_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A system without free watches is a warning with what to do, and changes are still noticed."""

    async def exhausted(*_: object, **__: object) -> AsyncGenerator[None, None]:
        raise OSError(28, "OS file watch limit reached.")
        yield

    monkeypatch.setattr(file_watch, "awatch", exhausted)
    path = tmp_path / "starfort.yaml"
    path.write_text("first")
    await _noticed(FileWatch(lambda: [path], marks([path]), tmp_path / "beside"), lambda: _write(path))
    said = capsys.readouterr().out
    assert "config_watch_polls" in said
    assert "fs.inotify.max_user_watches" in said


async def test_a_change_is_noticed_within_half_a_second(tmp_path: Path) -> None:
    """What is left of the second until a change is in force is the compiler's."""
    path = tmp_path / "starfort.yaml"
    path.write_text("first")
    watch = FileWatch(lambda: [path], marks([path]), tmp_path / "beside")
    loop = asyncio.get_running_loop()
    began = 0.0

    def act() -> None:
        nonlocal began
        began = loop.time()
        path.write_text("changed")

    await _noticed(watch, act)
    # Far more than it takes (0.1 s), as the machine that runs tests may be busy.
    assert loop.time() - began < 3 * (file_watch.SETTLE_MS + file_watch.STEP_MS) / 1000


def test_every_folder_on_the_way_is_watched(tmp_path: Path) -> None:
    """The folder of each link, of the real file, and of a target outside; `..` counts from where a link led."""
    real = tmp_path / "releases" / "one"
    real.mkdir(parents=True)
    (real / "a.yaml").write_text("")
    (tmp_path / "current").symlink_to("releases/one")
    (tmp_path / "etc").mkdir()
    link = tmp_path / "etc" / "a.yaml"
    link.symlink_to("../current/a.yaml")
    root = Path(os.path.realpath(tmp_path))
    assert folders_of(root / "etc" / "a.yaml") == {root / "etc", root, root / "releases" / "one"}
    assert folders_of(root / "none" / "b.yaml") == {root}
    assert folders_of(root / "etc") == {root / "etc"}
    (tmp_path / "loop").symlink_to("loop")
    assert root in folders_of(root / "loop")


@pytest.mark.parametrize(
    ("kind", "remote"), [("nfs4", True), ("fuse.s3fs", True), ("ext4", False), ("overlay", False)]
)
def test_file_systems_that_others_write_to_are_looked_at(tmp_path: Path, kind: str, remote: bool) -> None:
    """Inotify sees nothing of what another machine writes, so such folders are polled."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        f"30 22 0:44 / /etc/starfort rw,relatime shared:9 - {kind} server:/export rw\n"
    )
    assert file_watch._any_remote([Path("/etc/starfort/rules")], mounts) is remote
    assert not file_watch._any_remote([Path("/etc/other")], mounts)
    assert not file_watch._any_remote([Path("/etc/starfort")], tmp_path / "none")


def test_the_library_knows_the_variable() -> None:
    """The documented variable is the one that `watchfiles` itself reads."""
    assert file_watch.FORCE_POLLING in (Path(watchfiles.__file__).parent / "main.py").read_text()
