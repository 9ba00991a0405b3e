"""What configuration is in force, and how the next one comes there.

A file that is wrong, or a bundle that every filter refuses, leaves the old one in force: on disk too, for
an Envoy that restarts reads the bundle from there. The same holds when something cannot be written: every way
back is a rename of what is on disk already, and what failed for want of space is tried again.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import os
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from starfort.base.files import explain, write_private
from starfort.bundle import LearnedEndpoint
from starfort.compile.dataplane import LAST_GOOD
from starfort.config import Config
from starfort.dataplane.socket import Answer, BundleResult, ControlSocket, Peer
from starfort.runtime.background import Background
from starfort.runtime.envoy import Proxy
from starfort.runtime.followers import Followers
from starfort.runtime.status import ConfigStatus, ReloadResult
from starfort.runtime.toolchain import Built, RefusedError, Toolchain

WATCH_EVERY_S: Final = 0.2
"""How often files are looked at: a change is to be in force within 1 s (the design's budget)."""

AGAIN_AFTER_S: Final = 2.0
"""After how long a change is tried again that failed through no fault of the file (a full disk)."""

log = structlog.get_logger(__name__)

Mark = tuple[int, int, int, int] | None
Marks = dict[Path, Mark]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a configuration comes from and where its bundle goes.

    Attributes:
        path: the configuration file.
        toolchain: loads and builds.
        bundle_path: where filters read the bundle.
        read: `marks` of the file before it was read, so that a change since then is seen.
        learned: the endpoints that the catalogue had learned when the first one was built.
    """

    path: Path
    toolchain: Toolchain
    bundle_path: Path
    read: Marks
    learned: Sequence[LearnedEndpoint]


class Configuration:
    """The configuration in force.

    Args:
        source: where it comes from.
        built: the first one; its bundle is written when this is made.
        socket: tells the filters.
        proxy: the Envoy that proxies.
        followers: take over a configuration that is in force in the data plane.
        background: for a repair that a filter waits for.

    Raises:
        OSError: the bundle cannot be written.
    """

    def __init__(  # noqa: PLR0913, PLR0917 (a configuration, and everything that hears of the next one)
        self,
        source: Source,
        built: Built,
        socket: ControlSocket,
        proxy: Proxy,
        followers: Followers,
        background: Background,
    ) -> None:
        self.path = source.path
        self.bundle_path = source.bundle_path
        self.built = built
        self.learned = source.learned
        self.errors = 0
        self.last_error = ""
        self.last_error_at = 0.0
        self.last_apply_s = 0.0
        self._toolchain = source.toolchain
        self._socket = socket
        self._proxy = proxy
        self._followers = followers
        self._background = background
        self._turn = asyncio.Lock()
        self._seen = dict(source.read)
        self._faults: dict[str, str] = {}
        self._again_at = 0.0
        self._kept = ""
        self._toolchain.write_bundle(built, self.bundle_path)
        _warn(built, ())
        self.loaded_at = time.time()
        self._digest = _digest(self.bundle_path)
        self._bundle_mark = _mark(self.bundle_path)

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self.built.config

    def status(self) -> ConfigStatus:
        """Which one is in force, and why a newer one is not."""
        return ConfigStatus(
            path=str(self.path),
            bundle=self.built.version,
            loaded_at=self.loaded_at,
            errors=self.errors,
            last_error=self.last_error,
            last_error_at=self.last_error_at,
            rules=self.built.rules,
            warnings=list(self.built.warnings),
        )

    def problems(self) -> list[str]:
        """What is wrong beside a refused file, a sentence each."""
        return list(self._faults.values())

    def current(self) -> tuple[Path, str]:
        """Path and version of the bundle in force, for filters that connect."""
        return self.bundle_path, self.built.version

    async def greet(self, peer: Peer) -> None:
        """Look after the bundle when a filter introduces itself without one."""
        if not peer.bundle or peer.bundle_error:
            # Envoy loads the bundle before it listens, so the file could not be read there. One that began
            # with the copy was sent nothing, for it runs this version; it must be told. Its answers come over
            # the connection that waits for us here, so the repair runs beside it.
            self._background.once(self.repair(tell=peer.bundle == self.built.version))

    async def reload(self) -> ReloadResult:
        """Read the file again and bring it into force if nothing speaks against it.

        Whatever goes wrong is reported as a refusal, and the configuration before it stays.
        """
        async with self._turn:
            started = time.perf_counter()
            try:
                loaded = await asyncio.to_thread(self._toolchain.load, self.path)
                built = await asyncio.to_thread(self._toolchain.build, loaded, self.learned)
                return await self._apply(built, started)
            except RefusedError as error:
                return self._refused(error.problems, [], started)
            except Exception as error:
                log.exception("config_failed")
                return self._refused([_unexpected(error)], [], started, again=True)

    async def learn(self, learned: Sequence[LearnedEndpoint]) -> ReloadResult | None:
        """Rebuild what is in force with newly learned endpoints; `None` when that changes nothing."""
        async with self._turn:
            started = time.perf_counter()
            try:
                built = await asyncio.to_thread(self._toolchain.build, self.built.loaded, learned)
                self.learned = learned
                if built.version == self.built.version:
                    # What has no effect may be less all the same: calls of an endpoint were seen.
                    self.built = dataclasses.replace(self.built, warnings=built.warnings)
                    return None
                return await self._apply(built, started)
            except RefusedError as error:
                log.warning("learned_endpoints_refused", problems=error.problems[:10])
                return None
            except Exception as error:
                log.exception("config_failed")
                return self._refused([_unexpected(error)], [], started, again=True)

    async def repair(self, *, tell: bool = False) -> None:
        """Write the bundle anew if its file is no longer what was written, and tell the filters.

        Args:
            tell: tell them also when the file is as it should be: one of them could not read it.
        """
        async with self._turn:
            if await asyncio.to_thread(_digest, self.bundle_path) != self._digest:
                try:
                    await asyncio.to_thread(self._toolchain.write_bundle, self.built, self.bundle_path)
                except OSError as error:
                    self._bundle_mark = _mark(self.bundle_path)
                    self._fault(
                        "bundle", f"the bundle is damaged and can't be written anew: {explain(error)}"
                    )
                    return
                self._digest = await asyncio.to_thread(_digest, self.bundle_path)
                log.warning("bundle_repaired", version=self.built.version)
                tell = True
            self._faults.pop("bundle", None)
            self._bundle_mark = _mark(self.bundle_path)
            if tell:
                await self._socket.push_bundle(self.bundle_path, self.built.version)

    async def _apply(self, built: Built, started: float) -> ReloadResult:
        before = self.bundle_path.with_name(f".{self.bundle_path.name}.before")
        try:
            # The way back is prepared first and is a rename: it needs no space on a disk that is full.
            await asyncio.to_thread(_hold, self.bundle_path, before)
            await asyncio.to_thread(self._toolchain.write_bundle, built, self.bundle_path)
            await self._proxy.apply(built.dataplane)
        except (OSError, RefusedError) as error:
            self._put_back(before)
            what = explain(error) if isinstance(error, OSError) else str(error)
            return self._refused([what], [], started, again=isinstance(error, OSError))
        except BaseException:
            self._put_back(before)
            raise
        results = await self._socket.push_bundle(self.bundle_path, built.version)
        refused, unanswered = (_named(results, answer) for answer in (Answer.REFUSED, Answer.NONE))
        if results and len(refused) == len(results):
            await self._go_back(before, built)
            return self._refused(["every filter refused the bundle"], refused, started)
        await asyncio.to_thread(before.unlink, missing_ok=True)
        await self._in_force(built, started)
        return ReloadResult(
            True, built.version, [], refused, self.last_apply_s * 1000, unanswered, list(built.warnings)
        )

    async def _in_force(self, built: Built, started: float) -> None:
        _warn(built, self.built.warnings)
        digest = await asyncio.to_thread(_digest, self.bundle_path)
        # Nothing is awaited between these lines: who asks sees the new configuration without the old error.
        self.built, self.loaded_at, self._digest = built, time.time(), digest
        self._bundle_mark = _mark(self.bundle_path)
        self.last_error, self.last_error_at = "", 0.0
        self._again_at = 0.0
        self._faults.pop("bundle", None)
        self.last_apply_s = time.perf_counter() - started
        log.info("bundle_in_force", version=built.version, took_ms=round(self.last_apply_s * 1000))
        await self._follow_up()

    async def _follow_up(self) -> None:
        """Tell the parts that are not the data plane; one that fails is told again later."""
        try:
            await self._followers.take(self.built)
        except Exception as error:
            if "follow_up" not in self._faults:
                log.exception("config_follow_up_failed")
            what = "the configuration is in force, and not all of detectors, catalogue and alerts took it: "
            self._fault("follow_up", what + _unexpected(error))
        else:
            self._faults.pop("follow_up", None)

    async def _keep_last_good(self) -> None:
        """Copy the bundle in force beside it. A damaged one is no reason to lose the copy that is there."""
        if self._kept == self.built.version:
            return
        content = await asyncio.to_thread(_content, self.bundle_path)
        if content is None or hashlib.sha256(content).digest() != self._digest:
            return
        try:
            await asyncio.to_thread(write_private, last_good(self.bundle_path), content)
        except OSError as error:
            what = "the last good bundle can't be kept, so an Envoy with a damaged one has an older: "
            self._fault("last_good", what + explain(error))
            return
        self._faults.pop("last_good", None)
        self._kept = self.built.version

    async def _go_back(self, before: Path, refused: Built) -> None:
        """Put the old bundle back, on disk and in Envoy."""
        self._put_back(before)
        try:
            await self._proxy.apply(self.built.dataplane)
        except (OSError, RefusedError) as error:
            log.error("envoy_not_taken_back", error=str(error))  # noqa: TRY400
        answers: list[BundleResult] = await self._socket.push_bundle(self.bundle_path, self.built.version)
        log.error("bundle_taken_back", refused=refused.version, kept=self.built.version, filters=len(answers))

    def _put_back(self, before: Path) -> None:
        """The bundle's file as it was before; without a new one, nothing happens."""
        try:
            if before.exists():
                before.replace(self.bundle_path)
                # Two names of one file stay both (rename(2)): nothing was written then.
                before.unlink(missing_ok=True)
            self._faults.pop("bundle", None)
        except OSError as error:
            self._fault("bundle", f"the bundle before can't be put back: {explain(error)}")

    def _fault(self, part: str, what: str) -> None:
        """Something that people must know and that is tried again."""
        if self._faults.get(part) != what:
            log.error("config_fault", part=part, what=what)
        self._faults[part] = what
        self._again_later()

    def _again_later(self) -> None:
        self._again_at = time.monotonic() + AGAIN_AFTER_S

    def _refused(
        self, problems: list[str], refused_by: list[str], started: float, *, again: bool = False
    ) -> ReloadResult:
        """Count and tell a refusal. `again`: its cause is not in the file, so it is tried again by itself."""
        self.errors += 1
        self.last_error = "; ".join([*problems, *refused_by])[:4000]
        self.last_error_at = time.time()
        self._again_at = 0.0
        if again:
            self._again_later()
        log.error("config_refused", path=str(self.path), problems=problems[:20], refused_by=refused_by[:20])
        return ReloadResult(
            False, self.built.version, problems, refused_by, (time.perf_counter() - started) * 1000
        )

    async def watch(self) -> None:
        """Reload whenever a file changes, until cancelled; what failed for want of space is tried again."""
        while True:
            now = await asyncio.to_thread(marks, self._files())
            changed = any(self._seen.get(path, mark) != mark for path, mark in now.items())
            self._seen = now
            due = bool(self._again_at) and time.monotonic() >= self._again_at
            if changed or (due and self.last_error):
                await self.reload()
            elif due:
                await self._again()
            elif _mark(self.bundle_path) != self._bundle_mark:
                await self.repair()
            elif self._runs_somewhere():
                async with self._turn:
                    await self._keep_last_good()
            await asyncio.sleep(WATCH_EVERY_S)

    def _runs_somewhere(self) -> bool:
        """Whether a filter runs the bundle in force, of which there is no copy yet."""
        if "last_good" in self._faults:
            return False
        version = self.built.version
        return self._kept != version and any(peer.bundle == version for peer in self._socket.connected)

    async def _again(self) -> None:
        """Try again what failed beside the reload itself."""
        self._again_at = 0.0
        if "bundle" in self._faults:
            await self.repair()
        async with self._turn:
            if "last_good" in self._faults:
                await self._keep_last_good()
            if "follow_up" in self._faults:
                await self._follow_up()

    def _files(self) -> set[Path]:
        return {self.path, *self.built.files}


def _warn(built: Built, before: Sequence[str]) -> None:
    """Log the warnings that were not there before: people who change the file look at the log now."""
    for warning in built.warnings:
        if warning not in before:
            log.warning("config_has_no_effect", what=warning)


def last_good(bundle: Path) -> Path:
    """Where the copy of the last good bundle is."""
    return bundle.with_name(LAST_GOOD)


def marks(files: Iterable[Path]) -> Marks:
    """What tells one state of a file from the next: times of content and mode, size, inode."""
    return {path: _mark(path) for path in files}


def _mark(path: Path) -> Mark:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)


def _named(results: Iterable[BundleResult], answer: Answer) -> list[str]:
    return [f"{each.node} ({each.pid}): {each.error}" for each in results if each.answer is answer]


def _digest(path: Path) -> bytes:
    return hashlib.sha256(_content(path) or b"").digest()


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _hold(path: Path, before: Path) -> None:
    """Give a file a second name, so that it is still there when the first one is another file's."""
    before.unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        os.link(path, before)


def _unexpected(error: Exception) -> str:
    """An error that nobody foresaw, in a line."""
    return explain(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"[:500]
