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
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import structlog

from starfort.base.files import explain, write_private
from starfort.compile.dataplane import LAST_GOOD
from starfort.dataplane.socket import Answer, BundleResult, ControlSocket
from starfort.runtime.status import ConfigStatus, ReloadResult
from starfort.runtime.toolchain import Built, Proxy, RefusedError, Toolchain

WATCH_EVERY_S: Final = 0.2
"""How often files are looked at: a change is to be in force within 1 s (the design's budget)."""

AGAIN_AFTER_S: Final = 2.0
"""After how long a change is tried again that failed through no fault of the file (a full disk)."""

log = structlog.get_logger(__name__)

Mark = tuple[int, int, int, int] | None
Marks = dict[Path, Mark]
OnApplied = Callable[[Built], Awaitable[None]]


class Configuration:
    """The configuration in force.

    Args:
        path: the configuration file.
        toolchain: loads and builds.
        bundle_path: where filters read the bundle.
        read: `marks` of the file before it was read, so that a change since then is seen.
    """

    def __init__(self, path: Path, toolchain: Toolchain, bundle_path: Path, read: Marks) -> None:
        self.path = path
        self.bundle_path = bundle_path
        self._digest = b""
        self.built: Built | None = None
        self.errors = 0
        self.last_error = ""
        self.last_error_at = 0.0
        self.loaded_at = 0.0
        self.last_apply_s = 0.0
        self._toolchain = toolchain
        self._learned: Sequence[Any] = ()
        self._socket: ControlSocket | None = None
        self._proxy: Proxy | None = None
        self._on_applied: OnApplied | None = None
        self._turn = asyncio.Lock()
        self._seen = dict(read)
        self._faults: dict[str, str] = {}
        self._again_at = 0.0
        self._bundle_mark: Mark = None
        self._kept = ""

    def status(self) -> ConfigStatus:
        """Which one is in force, and why a newer one is not."""
        return ConfigStatus(
            path=str(self.path),
            bundle=self.built.version if self.built else "",
            loaded_at=self.loaded_at,
            errors=self.errors,
            last_error=self.last_error,
            last_error_at=self.last_error_at,
            rules=self.built.rules if self.built else "",
            warnings=list(self.built.warnings) if self.built else [],
        )

    def problems(self) -> list[str]:
        """What is wrong beside a refused file, a sentence each."""
        return list(self._faults.values())

    def current(self) -> tuple[Path, str] | None:
        """Path and version of the bundle in force, for filters that connect."""
        return (self.bundle_path, self.built.version) if self.built else None

    async def start(self, loaded: Any, learned: Sequence[Any]) -> Built:
        """Build and write the first bundle.

        Raises:
            RefusedError: the configuration can't be built.
            OSError: the bundle can't be written.
        """
        self._learned = learned
        built = await asyncio.to_thread(self._toolchain.build, loaded, learned)
        await asyncio.to_thread(self._toolchain.write_bundle, built, self.bundle_path)
        self._warn(built)
        self.built, self.loaded_at = built, time.time()
        self._digest = await asyncio.to_thread(_digest, self.bundle_path)
        self._bundle_mark = _mark(self.bundle_path)
        return built

    def _warn(self, built: Built) -> None:
        """Log warnings that were not there before: whoever changed the file looks at the log now."""
        before = set(self.built.warnings) if self.built else set()
        for warning in built.warnings:
            if warning not in before:
                log.warning("config_has_no_effect", what=warning)

    def connect(self, socket: ControlSocket, proxy: Proxy, on_applied: OnApplied) -> None:
        """Say who must hear of a new configuration."""
        self._socket, self._proxy, self._on_applied = socket, proxy, on_applied

    async def reload(self) -> ReloadResult:
        """Read the file again and bring it into force if nothing speaks against it.

        Whatever goes wrong is reported as a refusal, and the configuration before it stays.
        """
        async with self._turn:
            started = time.perf_counter()
            try:
                loaded = await asyncio.to_thread(self._toolchain.load, self.path)
                built = await asyncio.to_thread(self._toolchain.build, loaded, self._learned)
                return await self._apply(built, started)
            except RefusedError as error:
                return self._refused(error.problems, [], started)
            except Exception as error:
                log.exception("config_failed")
                return self._refused([_unexpected(error)], [], started, again=True)

    async def learn(self, learned: Sequence[Any]) -> ReloadResult | None:
        """Rebuild what is in force with newly learned endpoints; `None` when that changes nothing."""
        async with self._turn:
            started = time.perf_counter()
            if self.built is None:
                return None
            try:
                built = await asyncio.to_thread(self._toolchain.build, self.built.loaded, learned)
                self._learned = learned
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
            if self.built is None or self._socket is None:
                return
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
            if self._proxy is not None:
                await self._proxy.apply(built.envoy)
        except (OSError, RefusedError) as error:
            self._put_back(before)
            what = explain(error) if isinstance(error, OSError) else str(error)
            return self._refused([what], [], started, again=isinstance(error, OSError))
        except BaseException:
            self._put_back(before)
            raise
        results = await self._socket.push_bundle(self.bundle_path, built.version) if self._socket else []
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
        self._warn(built)
        self.built, self.loaded_at = built, time.time()
        self._digest = await asyncio.to_thread(_digest, self.bundle_path)
        self._bundle_mark = _mark(self.bundle_path)
        self.last_error, self.last_error_at = "", 0.0
        self._again_at = 0.0
        self._faults.pop("bundle", None)
        self.last_apply_s = time.perf_counter() - started
        log.info("bundle_in_force", version=built.version, took_ms=round(self.last_apply_s * 1000))
        await self._follow_up()

    async def _follow_up(self) -> None:
        """Tell the parts that are not the data plane; one that fails is told again later."""
        if self._on_applied is None or self.built is None:
            return
        try:
            await self._on_applied(self.built)
        except Exception as error:
            if "follow_up" not in self._faults:
                log.exception("config_follow_up_failed")
            what = "the configuration is in force, and not all of detectors, catalogue and alerts took it: "
            self._fault("follow_up", what + _unexpected(error))
        else:
            self._faults.pop("follow_up", None)

    async def _keep_last_good(self) -> None:
        """Copy the bundle in force beside it. A damaged one is no reason to lose the copy that is there."""
        if self.built is None or self._kept == self.built.version:
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
        if self.built is None or self._proxy is None or self._socket is None:
            return
        try:
            await self._proxy.apply(self.built.envoy)
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
        version = self.built.version if self.built else ""
        return ReloadResult(False, version, problems, refused_by, (time.perf_counter() - started) * 1000)

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
            elif self.built is not None and _mark(self.bundle_path) != self._bundle_mark:
                await self.repair()
            elif self._runs_somewhere():
                async with self._turn:
                    await self._keep_last_good()
            await asyncio.sleep(WATCH_EVERY_S)

    def _runs_somewhere(self) -> bool:
        """Whether a filter runs the bundle in force, of which there is no copy yet."""
        if self.built is None or self._socket is None or "last_good" in self._faults:
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
        return {self.path, *(self.built.files if self.built else ())}


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
