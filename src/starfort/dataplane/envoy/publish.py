"""Brings resources into force in a running Envoy, and puts the old ones back when Envoy refuses them.

Envoy itself judges its configuration: it checks each file when it reads it, and keeps the old content when
it refuses the new one. So no second Envoy checks the files first. They change in an order in which each file
refers only to what exists: clusters and JWT requirements are added before the routes that name them, and old
ones are removed after the routes.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from starfort.base.files import json_bytes, make_private, read_json, stage
from starfort.dataplane.envoy import sources
from starfort.dataplane.envoy.admin import Admin
from starfort.dataplane.envoy.errors import EnvoyError
from starfort.dataplane.envoy.process import size, tail
from starfort.dataplane.envoy.resources import joined
from starfort.dataplane.json import Json

# Envoy does not notify anybody when a file is in force, so it is asked. A reload waits for the answer, and a
# change should be in force within a second.
ASK_EVERY_S: Final = 0.01

MAX_REASONS: Final = 5
"""How many sentences of Envoy's log an error repeats at most."""

log = structlog.get_logger(__name__)

Files = dict[str, Json]


class Publisher:
    """Writes resources and waits until Envoy has them.

    Args:
        directory: where the files are.
        admin: Envoy's administration interface.
        envoy_log: the file to which Envoy writes its log.
        patience_s: how long Envoy may take to accept the files.
    """

    def __init__(self, directory: Path, admin: Admin, envoy_log: Path, patience_s: float) -> None:
        self._directory = directory
        self._admin = admin
        self._log = envoy_log
        self._patience_s = patience_s

    def read(self) -> Files:
        """The files that are in place now."""
        names = [sources.CLUSTERS, sources.JWT, sources.ROUTES, sources.LISTENERS]
        names += [
            f"{sources.SECRETS}/{path.name}" for path in (self._directory / sources.SECRETS).glob("*.json")
        ]
        found = {name: read_json(self._directory / name) for name in names}
        # A damaged file has no version to go back to, so it counts as missing and is written anew.
        return {
            name: value
            for name, value in found.items()
            if isinstance(value, dict) and isinstance(value.get("resources"), list)
        }

    def write(self, files: Files) -> None:
        """Put files in place, all of them or none. A file that has the right content already is not touched.

        Raises:
            OSError: one can't be written; every file is as it was.
        """
        staged = _Staged(self._directory)
        try:
            # All contents are on disk before the first rename, so a full disk is noticed before any change.
            staged.add(files, {name: read_json(self._directory / name) for name in files})
            staged.put(files)
        finally:
            staged.discard()

    def tidy(self, files: Files) -> None:
        """Remove files that are not among these."""
        # Nothing refers to such a file any more, so one that cannot be removed does no harm.
        for name in self.read().keys() - files.keys():
            with suppress(OSError):
                (self._directory / name).unlink()

    async def publish(self, new: Files, alive: Callable[[], bool]) -> None:
        """Bring `new` into force without closing a connection that the change does not concern.

        The new files and those for the way back are all on disk before the first file changes. From then on
        files are only renamed, so a disk that fills up leaves no mixture of old and new files.

        Raises:
            EnvoyError: Envoy refused the files, or ended; the old ones are in force again.
            OSError: a file can't be written; nothing changed.
        """
        old = await asyncio.to_thread(self.read)
        forth, back = _steps(old, new), _steps(new, old) if old.keys() >= _NEEDED else []
        # A file that no step changes needs no copy, neither for the way forth nor for the way back.
        settled = {
            name: value
            for name, value in old.items()
            if all(step.get(name, value) == value for step in (*forth, *back))
        }
        staged = _Staged(self._directory)
        try:
            for step in (*forth, *back):
                await asyncio.to_thread(staged.add, step, settled)
            await self._publish(old, new, forth, staged, alive)
        except (EnvoyError, OSError):
            # Before the first rename nothing has changed, so there is nothing to put back.
            if staged.began:
                await self._go_back(old, back, staged, alive)
            raise
        finally:
            await asyncio.to_thread(staged.discard)
        await asyncio.to_thread(self.tidy, new)

    async def _publish(
        self, old: Files, new: Files, steps: list[Files], staged: _Staged, alive: Callable[[], bool]
    ) -> None:
        # Both are read before the first change: older refusals and log lines are not about these files.
        mark = size(self._log)
        refused = await self._admin.rejections() or 0
        for step in steps:
            await asyncio.to_thread(staged.put, step)
            # Envoy reads a new file only when another file refers to it, so new ones are waited for last.
            known = {name: value for name, value in step.items() if name in old}
            await self.accepted(known, alive, refused, mark)
        await self.accepted(new, alive, refused, mark)

    async def _go_back(
        self, old: Files, steps: list[Files], staged: _Staged, alive: Callable[[], bool]
    ) -> None:
        """Put the old files back in force. Failures are only logged, because the caller raises the first."""
        try:
            mark, refused = size(self._log), await self._admin.rejections() or 0
            for step in steps:
                await asyncio.to_thread(staged.put, step)
                await self.accepted({}, alive, refused, mark)
            await self.accepted(old, alive, refused, mark)
            await asyncio.to_thread(self.tidy, old)
        except (EnvoyError, OSError) as error:
            log.warning("envoy_old_configuration_not_restored", error=str(error))

    async def accepted(self, files: Files, alive: Callable[[], bool], refused: int, mark: int) -> None:
        """Wait until Envoy has these files in force.

        Args:
            files: the files to wait for; Envoy reads a secret only when something refers to it.
            alive: whether Envoy runs.
            refused: refusals before the files were written.
            mark: size of Envoy's log then.

        Raises:
            EnvoyError: it refused one, ended, or took too long.
        """
        wanted = {_subscription(name): value["version_info"] for name, value in files.items()}
        deadline = time.monotonic() + self._patience_s
        while True:
            # While Envoy starts it may not answer yet: that counts as "not there", and the deadline decides.
            versions = await self._admin.versions() or {}
            missing = [name for name, version in wanted.items() if not _has(versions, name, version)]
            if (await self._admin.rejections() or 0) > refused:
                raise EnvoyError(f"Envoy refuses the configuration: {reasons(self._log, mark)}")
            # An Envoy that starts may have every file some time before it takes requests.
            if not missing and await self._admin.live():
                return
            if not alive():
                raise EnvoyError(f"Envoy ended: {reasons(self._log, mark)}")
            if time.monotonic() > deadline:
                said = reasons(self._log, mark)
                what = ", ".join(missing) or "up work"
                raise EnvoyError(f"Envoy did not take {what} within {self._patience_s:g} s: {said}")
            await asyncio.sleep(ASK_EVERY_S)


class _Staged:
    """Files that are written beside their places and come into force by a rename.

    Args:
        directory: where the places are.
    """

    def __init__(self, directory: Path) -> None:
        self.began = False
        self._directory = directory
        # One name may have several contents: clusters joined, clusters alone, and those of the way back.
        self._ready: dict[tuple[str, bytes], list[Path]] = {}

    def add(self, files: Files, same: Files) -> None:
        """Write the contents of these files beside their places.

        Args:
            files: names and contents.
            same: files that are in place and do not change, so they need no copy.

        Raises:
            OSError: it can't be written.
        """
        make_private(self._directory / sources.SECRETS)
        for name, value in files.items():
            if same.get(name) != value:
                content = json_bytes(value)
                self._ready.setdefault((name, content), []).append(stage(self._directory / name, content))

    def put(self, files: Files) -> None:
        """Put files that were added in place. A file that has the right content already is not touched.

        Raises:
            OSError: the directory can't be written any more.
        """
        # Secrets come first: Envoy reads them as soon as it has a cluster or listener that names them.
        for name in sorted(files, key=lambda name: not name.startswith(sources.SECRETS)):
            if read_json(self._directory / name) == files[name]:
                continue
            self.began = True
            content = json_bytes(files[name])
            ready = self._ready.get((name, content))
            # No copy is left if somebody else has changed the file in the meantime; it is written now.
            staged = ready.pop() if ready else stage(self._directory / name, content)
            staged.replace(self._directory / name)

    def discard(self) -> None:
        """Remove what was not put in place."""
        for staged in (path for paths in self._ready.values() for path in paths):
            with suppress(OSError):
                staged.unlink()
        self._ready.clear()


_NEEDED: Final = frozenset({sources.CLUSTERS, sources.ROUTES, sources.LISTENERS})
"""Without these there is nothing to go back to."""


def _steps(old: Files, new: Files) -> list[Files]:
    """The files that change in each step, in the order that the docstring of this module explains."""
    secrets = {name: value for name, value in new.items() if name.startswith(sources.SECRETS)}
    # Old clusters and requirements stay beside the new ones until no route names them.
    steps = [{**secrets, sources.CLUSTERS: joined(old.get(sources.CLUSTERS), new[sources.CLUSTERS])}]
    if sources.JWT in new:
        steps.append({sources.JWT: joined(old.get(sources.JWT), new[sources.JWT])})
    steps += [{name: new[name]} for name in (sources.ROUTES, sources.LISTENERS)]
    # Now nothing refers to the old ones any more, so the joined files shrink to the new ones.
    steps.append({name: new[name] for name in (sources.CLUSTERS, sources.JWT) if name in new})
    return steps


def _subscription(file: str) -> str:
    """The name of a file's subscription in Envoy's statistics; for routes only its end.

    The name of a subscription to routes begins with the name of a listener.
    """
    fixed = {
        sources.CLUSTERS: "cluster_manager.cds",
        sources.LISTENERS: "listener_manager.lds",
        sources.ROUTES: f".rds.{sources.ROUTE_CONFIG}",
        sources.JWT: f"extension_config_discovery.http_filter.{sources.JWT_FILTER}",
    }
    return fixed.get(file) or f"sds.{Path(file).stem}"


def _has(versions: dict[str, str], name: str, version: str) -> bool:
    if name.startswith("."):
        return any(key.endswith(name) and value == version for key, value in versions.items())
    return versions.get(name) == version


def reasons(envoy_log: Path, mark: int) -> str:
    """Why Envoy refused a file or ended: the last of the worst sentences in its log since `mark`."""
    found: dict[str, list[str]] = {"critical": [], "error": [], "warning": []}
    lines = tail(envoy_log, mark)
    for line in lines:
        try:
            entry = json.loads(line)
            found[str(entry["level"])].append(str(entry["message"]).strip())
        except (ValueError, KeyError, TypeError):
            continue
    # Lines that are no JSON come from elsewhere (the loader, a crash). They count when Envoy says nothing.
    best = next((messages for messages in found.values() if messages), lines)
    return "; ".join(dict.fromkeys(best[-MAX_REASONS:])) or "its log does not say why"
