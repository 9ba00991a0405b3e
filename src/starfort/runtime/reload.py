"""Keeps the configuration in force, and brings the next one into force.

If a file is wrong, or every filter refuses its bundle, the old configuration stays in force. It stays on disk
too, because an Envoy that restarts reads the bundle from there. The same happens when something cannot be
written. A reload that failed because the disk was full is tried again.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from starfort.base.files import explain
from starfort.bundle import LearnedEndpoint
from starfort.config import Config
from starfort.contracts.model import Contract
from starfort.dataplane.socket import Answer, BundleResult, ControlSocket, Peer
from starfort.runtime.background import Background
from starfort.runtime.bundle_file import BundleFile
from starfort.runtime.envoy import Proxy
from starfort.runtime.faults import Faults
from starfort.runtime.file_watch import FileWatch, Marks
from starfort.runtime.followers import Followers
from starfort.runtime.status import ConfigStatus, ReloadResult
from starfort.runtime.toolchain import Built, RefusedError, Toolchain

MAX_ERROR: Final = 4000
"""Characters of a refusal that status shows at most."""

BUNDLE, LAST_GOOD, FOLLOW_UP = "bundle", "last_good", "follow_up"
"""The parts that can fail by themselves."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a configuration comes from and where its bundle goes.

    Attributes:
        path: the configuration file.
        toolchain: loads and builds.
        bundle_path: where filters read the bundle.
        read: marks of the file before it was read, so that a change since then is noticed.
        learned: the endpoints that the catalogue had learned when the first one was built.
        contracts: the contracts that had been learned then, by the name of their API.
    """

    path: Path
    toolchain: Toolchain
    bundle_path: Path
    read: Marks
    learned: Sequence[LearnedEndpoint]
    contracts: Mapping[str, Contract] = field(default_factory=dict)


class Configuration:
    """The configuration in force.

    Args:
        source: where it comes from.
        built: the first one; its bundle is written when this is made.
        socket: tells the filters.
        proxy: the Envoy that proxies.
        followers: take over a configuration that is in force in the data plane.
        background: runs a repair that must not hold up a filter's connection.

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
        self.built = built
        self.learned = source.learned
        self.contracts = source.contracts
        self.errors = 0
        self.last_error = ""
        self.last_error_at = 0.0
        self.last_apply_s = 0.0
        self.loaded_at = time.time()
        self._started_with = built.config
        self._toolchain = source.toolchain
        self._socket = socket
        self._proxy = proxy
        self._followers = followers
        self._background = background
        self._turn = asyncio.Lock()
        self._faults = Faults()
        self._file = BundleFile(source.bundle_path, source.toolchain)
        # The bundle is watched too, so that it is whole again before an Envoy that restarts reads it.
        self._watch = FileWatch(self._files, source.read, self._file.path)
        self._file.write(built)
        self._file.take_over()
        _warn(built, ())

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self.built.config

    def status(self) -> ConfigStatus:
        """Which configuration is in force, and why a newer one is not."""
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
        """Faults other than a refused file, a sentence for each."""
        return self._faults.sentences()

    def current(self) -> tuple[Path, str]:
        """Path and version of the bundle in force, for filters that connect."""
        return self._file.path, self.built.version

    async def greet(self, peer: Peer) -> None:
        """Repair the bundle when a filter introduces itself without one."""
        if not peer.bundle or peer.bundle_error:
            # Envoy loads the bundle before it listens, so this filter could not read the file. A filter that
            # began with the copy was not asked, because it runs this version; now it must be told. Its
            # answers come over the connection that waits for this call, so the repair runs beside it.
            self._background.once(self.repair(tell=peer.bundle == self.built.version))

    # ------------------------------------------------------------------ a new one

    async def reload(self) -> ReloadResult:
        """Read the file again and bring it into force, unless something is wrong with it.

        Every failure is reported as a refusal, and the old configuration stays.
        """
        async with self._turn:
            started = time.perf_counter()
            try:
                loaded = await asyncio.to_thread(self._toolchain.load, self.path)
                built = await asyncio.to_thread(self._toolchain.build, loaded, self.learned, self.contracts)
                return await self._apply(built, started)
            except RefusedError as error:
                return self._refused(error.problems, [], started)
            except Exception as error:
                log.exception("config_failed")
                return self._refused([_unexpected(error)], [], started, again=True)

    async def learn(
        self, learned: Sequence[LearnedEndpoint], contracts: Mapping[str, Contract]
    ) -> ReloadResult | None:
        """Build the configuration in force with what was learned since; `None` if that changes nothing."""
        # From what was loaded, not from the file: that may have changed since, and may be wrong.
        async with self._turn:
            started = time.perf_counter()
            try:
                built = await asyncio.to_thread(self._toolchain.build, self.built.loaded, learned, contracts)
                self.learned, self.contracts = learned, contracts
                if built.version == self.built.version:
                    # There may be fewer warnings all the same, because calls of an endpoint were seen.
                    self.built = self._with_restarts(built)
                    return None
                return await self._apply(built, started)
            except RefusedError as error:
                log.warning("learned_endpoints_refused", problems=error.problems[:10])
                return None
            except Exception as error:
                log.exception("config_failed")
                return self._refused([_unexpected(error)], [], started, again=True)

    async def _apply(self, built: Built, started: float) -> ReloadResult:
        try:
            # The way back is prepared before anything is written.
            await asyncio.to_thread(self._file.hold)
            await asyncio.to_thread(self._file.write, built)
            await self._proxy.apply(built.dataplane)
        except (OSError, RefusedError) as error:
            self._put_back()
            what = explain(error) if isinstance(error, OSError) else str(error)
            return self._refused([what], [], started, again=isinstance(error, OSError))
        except BaseException:
            self._put_back()
            raise
        # Envoy comes before the filters: the bundle may name an upstream that only the new one has.
        results = await self._socket.push_bundle(self._file.path, built.version)
        refused, unanswered = (_named(results, answer) for answer in (Answer.REFUSED, Answer.NONE))
        # One filter of several may be of another version; the others should not wait for it.
        if results and len(refused) == len(results):
            await self._go_back(built)
            return self._refused(["every filter refused the bundle"], refused, started)
        await asyncio.to_thread(self._file.let_go)
        await self._in_force(built, started)
        took_ms = self.last_apply_s * 1000
        return ReloadResult(True, built.version, [], refused, took_ms, unanswered, list(self.built.warnings))

    async def _in_force(self, built: Built, started: float) -> None:
        built = self._with_restarts(built)
        _warn(built, self.built.warnings)
        await asyncio.to_thread(self._file.take_over)
        # Nothing is awaited between these lines, so nobody sees the new configuration with the old error.
        self.built, self.loaded_at = built, time.time()
        self.last_error, self.last_error_at = "", 0.0
        self._faults.try_no_more()
        self._faults.mended(BUNDLE)
        self.last_apply_s = time.perf_counter() - started
        log.info("bundle_in_force", version=built.version, took_ms=round(self.last_apply_s * 1000))
        await self._follow_up()

    def _with_restarts(self, built: Built) -> Built:
        """Warn of settings that are read only at the start and differ from those of this process's start."""
        waiting = restart_needed(self._started_with, built.config, self.path)
        return dataclasses.replace(built, warnings=[*built.warnings, *waiting]) if waiting else built

    async def _follow_up(self) -> None:
        """Tell the parts beside the data plane; after a failure, all of them are told again later."""
        # A failure here undoes nothing: filters run the bundle already, and requests come first.
        try:
            await self._followers.take(self.built)
        except Exception as error:
            if FOLLOW_UP not in self._faults:
                log.exception("config_follow_up_failed")
            what = "the configuration is in force, and not all of detectors, catalogue and alerts took it: "
            self._faults.add(FOLLOW_UP, what + _unexpected(error))
        else:
            self._faults.mended(FOLLOW_UP)

    # ------------------------------------------------------------------ the way back

    async def _go_back(self, refused: Built) -> None:
        """Put the old bundle back, on disk and in Envoy."""
        self._put_back()
        try:
            await self._proxy.apply(self.built.dataplane)
        except (OSError, RefusedError) as error:
            log.error("envoy_not_taken_back", error=str(error))  # noqa: TRY400 (expected, and told)
        answers = await self._socket.push_bundle(self._file.path, self.built.version)
        log.error("bundle_taken_back", refused=refused.version, kept=self.built.version, filters=len(answers))

    def _put_back(self) -> None:
        try:
            self._file.put_back()
        except OSError as error:
            self._faults.add(BUNDLE, f"the bundle before can't be put back: {explain(error)}")
        else:
            self._faults.mended(BUNDLE)

    def _refused(
        self, problems: list[str], refused_by: list[str], started: float, *, again: bool = False
    ) -> ReloadResult:
        """Count and report a refusal.

        Args:
            problems: the reasons.
            refused_by: the filters that refused it.
            started: when the reload began, by the performance counter.
            again: whether to try it again later, because the cause is not in the file.
        """
        self.errors += 1
        self.last_error = "; ".join([*problems, *refused_by])[:MAX_ERROR]
        self.last_error_at = time.time()
        if again:
            self._faults.try_later()
        else:
            self._faults.try_no_more()
        log.error("config_refused", path=str(self.path), problems=problems[:20], refused_by=refused_by[:20])
        took_ms = (time.perf_counter() - started) * 1000
        return ReloadResult(False, self.built.version, problems, refused_by, took_ms)

    # ------------------------------------------------------------------ looking after it

    async def watch(self) -> None:
        """Reload whenever a file changes, until cancelled. What failed for lack of space is tried again."""
        async with aclosing(self._watch.run()) as ticks:
            async for changed in ticks:
                if changed or (self._faults.due and self.last_error):
                    await self.reload()
                elif self._faults.due:
                    await self._try_again()
                elif await asyncio.to_thread(self._file.looks_changed):
                    await self.repair()
                elif self._runs_somewhere():
                    async with self._turn:
                        await self._keep_last_good()

    async def repair(self, *, tell: bool = False) -> None:
        """Write the bundle anew if somebody has changed its file, and tell the filters.

        Args:
            tell: tell them even when the file is right, because one of them could not read it.
        """
        async with self._turn:
            if await asyncio.to_thread(self._file.is_damaged):
                try:
                    await asyncio.to_thread(self._file.write, self.built)
                except OSError as error:
                    await asyncio.to_thread(self._file.looked_at)
                    what = "the bundle is damaged and can't be written anew"
                    self._faults.add(BUNDLE, f"{what}: {explain(error)}")
                    return
                await asyncio.to_thread(self._file.take_over)
                log.warning("bundle_repaired", version=self.built.version)
                tell = True
            else:
                await asyncio.to_thread(self._file.looked_at)
            self._faults.mended(BUNDLE)
            if tell:
                await self._socket.push_bundle(self._file.path, self.built.version)

    async def _keep_last_good(self) -> None:
        # A failure is only a fault and refuses nothing, because the bundle itself is in force.
        try:
            await asyncio.to_thread(self._file.keep_last_good, self.built.version)
        except OSError as error:
            what = "the last good bundle can't be kept, so an Envoy with a damaged one has an older: "
            self._faults.add(LAST_GOOD, what + explain(error))
        else:
            self._faults.mended(LAST_GOOD)

    def _runs_somewhere(self) -> bool:
        """Whether a filter runs the bundle in force and no copy of it exists yet."""
        version = self.built.version
        if LAST_GOOD in self._faults or self._file.kept == version:
            return False
        return any(peer.bundle == version for peer in self._socket.connected)

    async def _try_again(self) -> None:
        """Try again what failed beside the reload itself."""
        # Cleared first: what fails again sets it again.
        self._faults.try_no_more()
        if BUNDLE in self._faults:
            await self.repair()
        async with self._turn:
            if LAST_GOOD in self._faults:
                await self._keep_last_good()
            if FOLLOW_UP in self._faults:
                await self._follow_up()

    def _files(self) -> set[Path]:
        return {self.path, *self.built.files}


def restart_needed(started: Config, now: Config, file: Path) -> list[str]:
    """Settings that differ from those at the start and come into force only after a restart.

    Args:
        started: the configuration that this process started with.
        now: the configuration in force.
        file: the file of the configuration.
    """
    before, after = started.admin, now.admin
    changed = {
        "address": before.address != after.address,
        "tls": before.tls != after.tls,
        "trusted_proxies": before.trusted_proxies != after.trusted_proxies,
    }
    return [
        f"{file}: admin.{name} has changed, and the old value stays in force until `starfort restart`"
        for name, differs in changed.items()
        if differs
    ]


def _warn(built: Built, before: Sequence[str]) -> None:
    """Log the warnings that are new, for people who change the file and look at the log."""
    for warning in built.warnings:
        if warning not in before:
            log.warning("config_has_no_effect", what=warning)


def _named(results: Iterable[BundleResult], answer: Answer) -> list[str]:
    return [f"{each.node} ({each.pid}): {each.error}" for each in results if each.answer is answer]


def _unexpected(error: Exception) -> str:
    """An unexpected error in one line."""
    return explain(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"[:500]
