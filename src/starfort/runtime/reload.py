"""What configuration is in force, and how the next one comes there.

A file that is wrong, or a bundle that every filter refuses, leaves the old one in force: on disk too, for
an Envoy that restarts reads the bundle from there.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import structlog

from starfort.dataplane.socket import BundleResult, ControlSocket
from starfort.runtime.status import ConfigStatus, ReloadResult
from starfort.runtime.toolchain import Built, Proxy, RefusedError, Toolchain

WATCH_EVERY_S: Final = 0.2
"""How often files are looked at: a change is to be in force within 1 s (the design's budget)."""

log = structlog.get_logger(__name__)

Marks = dict[Path, tuple[int, int, int] | None]
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
        """Read the file again and bring it into force if nothing speaks against it."""
        async with self._turn:
            started = time.perf_counter()
            try:
                loaded = await asyncio.to_thread(self._toolchain.load, self.path)
                built = await asyncio.to_thread(self._toolchain.build, loaded, self._learned)
            except RefusedError as error:
                return self._refused(error.problems, [], started)
            return await self._apply(built, started)

    async def learn(self, learned: Sequence[Any]) -> ReloadResult | None:
        """Rebuild what is in force with newly learned endpoints; `None` when that changes nothing."""
        async with self._turn:
            started = time.perf_counter()
            if self.built is None:
                return None
            try:
                built = await asyncio.to_thread(self._toolchain.build, self.built.loaded, learned)
            except RefusedError as error:
                log.warning("learned_endpoints_refused", problems=error.problems[:10])
                return None
            self._learned = learned
            if built.version == self.built.version:
                return None
            return await self._apply(built, started)

    async def repair(self) -> None:
        """Write the bundle anew if its file is no longer what was written, and tell the filters."""
        async with self._turn:
            if self.built is None or self._socket is None:
                return
            if await asyncio.to_thread(_digest, self.bundle_path) == self._digest:
                return
            try:
                await asyncio.to_thread(self._toolchain.write_bundle, self.built, self.bundle_path)
            except OSError as error:
                log.error("bundle_not_repaired", path=str(self.bundle_path), error=str(error))  # noqa: TRY400
                return
            self._digest = await asyncio.to_thread(_digest, self.bundle_path)
            results = await self._socket.push_bundle(self.bundle_path, self.built.version)
            log.warning(
                "bundle_repaired", version=self.built.version, filters=sum(each.ok for each in results)
            )

    async def _apply(self, built: Built, started: float) -> ReloadResult:
        before = await asyncio.to_thread(_content, self.bundle_path)
        try:
            await asyncio.to_thread(self._toolchain.write_bundle, built, self.bundle_path)
            if self._proxy is not None:
                await self._proxy.apply(built.envoy)
        except (OSError, RefusedError) as error:
            await asyncio.to_thread(_restore, self.bundle_path, before)
            return self._refused([str(error)], [], started)
        results = await self._socket.push_bundle(self.bundle_path, built.version) if self._socket else []
        refused = [f"{result.node} ({result.pid}): {result.error}" for result in results if not result.ok]
        if results and len(refused) == len(results):
            await self._go_back(before, built)
            return self._refused(["every filter refused the bundle"], refused, started)
        await self._in_force(built, started)
        return ReloadResult(True, built.version, [], refused, self.last_apply_s * 1000, list(built.warnings))

    async def _in_force(self, built: Built, started: float) -> None:
        self._warn(built)
        self.built, self.loaded_at = built, time.time()
        self._digest = await asyncio.to_thread(_digest, self.bundle_path)
        self.last_error, self.last_error_at = "", 0.0
        self.last_apply_s = time.perf_counter() - started
        if self._on_applied is not None:
            await self._on_applied(built)
        log.info("bundle_in_force", version=built.version, took_ms=round(self.last_apply_s * 1000))

    async def _go_back(self, before: bytes | None, refused: Built) -> None:
        """Put the old bundle back, on disk and in Envoy."""
        await asyncio.to_thread(_restore, self.bundle_path, before)
        if self.built is None or self._proxy is None or self._socket is None:
            return
        with suppress(OSError, RefusedError):
            await self._proxy.apply(self.built.envoy)
        answers: list[BundleResult] = await self._socket.push_bundle(self.bundle_path, self.built.version)
        log.error("bundle_taken_back", refused=refused.version, kept=self.built.version, filters=len(answers))

    def _refused(self, problems: list[str], refused_by: list[str], started: float) -> ReloadResult:
        self.errors += 1
        self.last_error = "; ".join([*problems, *refused_by])[:4000]
        self.last_error_at = time.time()
        log.error("config_refused", path=str(self.path), problems=problems[:20], refused_by=refused_by[:20])
        version = self.built.version if self.built else ""
        return ReloadResult(False, version, problems, refused_by, (time.perf_counter() - started) * 1000)

    async def watch(self) -> None:
        """Reload whenever one of the files changes, until cancelled."""
        while True:
            now = await asyncio.to_thread(marks, self._files())
            changed = any(self._seen.get(path, mark) != mark for path, mark in now.items())
            self._seen = now
            if changed:
                await self.reload()
            await asyncio.sleep(WATCH_EVERY_S)

    def _files(self) -> set[Path]:
        return {self.path, *(self.built.files if self.built else ())}


def marks(files: Iterable[Path]) -> Marks:
    """What tells one content of a file from the next: change time, size and inode, `None` without it."""
    return {path: _mark(path) for path in files}


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)


def _digest(path: Path) -> bytes:
    return hashlib.sha256(_content(path) or b"").digest()


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _restore(path: Path, content: bytes | None) -> None:
    """Put a bundle's bytes back, atomically."""
    if content is None:
        return
    temporary = path.with_suffix(".back")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
