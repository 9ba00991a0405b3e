"""Bringing resources into force in a running Envoy, and taking them back when it refuses them.

Envoy is the one judge of its configuration: it checks each file when it reads it, and keeps what it had
when a file is refused. So nothing is validated by a second Envoy first. Files are changed in an order in
which each one refers only to what is there: clusters and JWT requirements come before the routes that name
them, and old ones go after.
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

ASK_EVERY_S: Final = 0.01

MAX_REASONS: Final = 5
"""Sentences of Envoy's log that are handed on."""

log = structlog.get_logger(__name__)

Files = dict[str, Json]


class Publisher:
    """Writes resources and waits until Envoy has them.

    Args:
        directory: where the files are.
        admin: Envoy's administration interface.
        envoy_log: file with what Envoy says.
        patience_s: how long Envoy may take to accept.
    """

    def __init__(self, directory: Path, admin: Admin, envoy_log: Path, patience_s: float) -> None:
        self._directory = directory
        self._admin = admin
        self._log = envoy_log
        self._patience_s = patience_s

    def read(self) -> Files:
        """The files as they are."""
        names = [sources.CLUSTERS, sources.JWT, sources.ROUTES, sources.LISTENERS]
        names += [
            f"{sources.SECRETS}/{path.name}" for path in (self._directory / sources.SECRETS).glob("*.json")
        ]
        found = {name: read_json(self._directory / name) for name in names}
        return {
            name: value
            for name, value in found.items()
            if isinstance(value, dict) and isinstance(value.get("resources"), list)
        }

    def write(self, files: Files) -> None:
        """Put files in place, all or none; what is there already stays untouched.

        Raises:
            OSError: one can't be written; every file is as it was.
        """
        staged = _Staged(self._directory)
        try:
            staged.add(files, {name: read_json(self._directory / name) for name in files})
            staged.put(files)
        finally:
            staged.discard()

    def tidy(self, files: Files) -> None:
        """Remove files that are not among these."""
        for name in self.read().keys() - files.keys():
            with suppress(OSError):
                (self._directory / name).unlink()

    async def publish(self, new: Files, alive: Callable[[], bool]) -> None:
        """Bring `new` into force without closing a connection that its change does not concern.

        Everything that this needs, and everything that the way back needs, is on disk before the first file
        changes: from there on nothing but renames, so a disk that fills up leaves no mixture.

        Raises:
            EnvoyError: Envoy refused it, or ended; what was before is in force again.
            OSError: a file can't be written; nothing changed.
        """
        old = await asyncio.to_thread(self.read)
        forth, back = _steps(old, new), _steps(new, old) if old.keys() >= _NEEDED else []
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
            if staged.began:
                await self._go_back(old, back, staged, alive)
            raise
        finally:
            await asyncio.to_thread(staged.discard)
        await asyncio.to_thread(self.tidy, new)

    async def _publish(
        self, old: Files, new: Files, steps: list[Files], staged: _Staged, alive: Callable[[], bool]
    ) -> None:
        mark = size(self._log)
        refused = await self._admin.rejections() or 0
        for step in steps:
            await asyncio.to_thread(staged.put, step)
            known = {name: value for name, value in step.items() if name in old}
            await self.accepted(known, alive, refused, mark)
        await self.accepted(new, alive, refused, mark)

    async def _go_back(
        self, old: Files, steps: list[Files], staged: _Staged, alive: Callable[[], bool]
    ) -> None:
        """Put the old files back in force; what it meets is logged only: the caller has a reason to tell."""
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
            files: what is waited for; secrets only count once something refers to them.
            alive: whether Envoy runs.
            refused: refusals before the files were written.
            mark: size of Envoy's log then.

        Raises:
            EnvoyError: it refused one, ended, or took too long.
        """
        wanted = {_subscription(name): value["version_info"] for name, value in files.items()}
        deadline = time.monotonic() + self._patience_s
        while True:
            versions = await self._admin.versions() or {}
            missing = [name for name, version in wanted.items() if not _has(versions, name, version)]
            if (await self._admin.rejections() or 0) > refused:
                raise EnvoyError(f"Envoy refuses the configuration: {reasons(self._log, mark)}")
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
        self._ready: dict[tuple[str, bytes], list[Path]] = {}

    def add(self, files: Files, same: Files) -> None:
        """Write what these files are to hold.

        Args:
            files: names and contents.
            same: what is in place and does not change, and so needs no copy.

        Raises:
            OSError: it can't be written.
        """
        make_private(self._directory / sources.SECRETS)
        for name, value in files.items():
            if same.get(name) != value:
                content = json_bytes(value)
                self._ready.setdefault((name, content), []).append(stage(self._directory / name, content))

    def put(self, files: Files) -> None:
        """Put files that were added in place, secrets first; what is there already stays untouched.

        Raises:
            OSError: the directory can't be written any more.
        """
        for name in sorted(files, key=lambda name: not name.startswith(sources.SECRETS)):
            if read_json(self._directory / name) == files[name]:
                continue
            self.began = True
            content = json_bytes(files[name])
            ready = self._ready.get((name, content))
            # Without one, somebody else changed the file in the meantime.
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
    """In which order files change, see above; a step never breaks what the one before it brought."""
    secrets = {name: value for name, value in new.items() if name.startswith(sources.SECRETS)}
    steps = [{**secrets, sources.CLUSTERS: joined(old.get(sources.CLUSTERS), new[sources.CLUSTERS])}]
    if sources.JWT in new:
        steps.append({sources.JWT: joined(old.get(sources.JWT), new[sources.JWT])})
    steps += [{name: new[name]} for name in (sources.ROUTES, sources.LISTENERS)]
    steps.append({name: new[name] for name in (sources.CLUSTERS, sources.JWT) if name in new})
    return steps


def _subscription(file: str) -> str:
    """How the statistics of Envoy call a file's subscription; routes by the end of the name."""
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
    """Why Envoy does not do what it should, from its log since `mark`: the newest of its worst sentences."""
    found: dict[str, list[str]] = {"critical": [], "error": [], "warning": []}
    lines = tail(envoy_log, mark)
    for line in lines:
        try:
            entry = json.loads(line)
            found[str(entry["level"])].append(str(entry["message"]).strip())
        except (ValueError, KeyError, TypeError):
            continue
    best = next((messages for messages in found.values() if messages), lines)
    return "; ".join(dict.fromkeys(best[-MAX_REASONS:])) or "its log does not say why"
