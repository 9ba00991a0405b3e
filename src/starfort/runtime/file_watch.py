"""Notices changed files, by the system's notifications where there are any, and else by looking.

A notification only says that it is time to look. The marks of a file (times, size, inode) decide whether it
has changed, so a notification that is lost, doubled or about another file of the folder does no harm.

Folders are watched, not files: editors put a new file in the place of the old one, and a file may not exist
yet. Where a path goes through symbolic links, the folder of each link is watched too: Kubernetes replaces the
link `..data` of a mounted ConfigMap and touches no file that the configuration names.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Final, TypeAlias

import structlog
from watchfiles import awatch
from watchfiles.main import FileChange

LOOK_EVERY_S: Final = 1.0
"""How often files are looked at without a notification. In this way a replaced folder is noticed."""

POLL_EVERY_S: Final = 0.4
"""How often files are looked at where there are no notifications. A change should be in force within 1 s (the
design's budget), and compiling a bundle with OWASP CRS takes about half of that."""

SETTLE_MS: Final = 200
STEP_MS: Final = 100
"""A change is reported when nothing more changed for a step, and after `SETTLE_MS` at the latest: an editor
or `git pull` that writes several files causes one reload."""

MAX_LINKS: Final = 40
"""Symbolic links of one path that are followed, as many as Linux follows (path_resolution(7))."""

MAX_FOLDERS: Final = 1_000
"""Folders that are watched by notification. Each takes one of the user's inotify watches; older systems allow
8,192 of these."""

FORCE_POLLING: Final = "WATCHFILES_FORCE_POLLING"
"""Environment variable that switches notifications off; the library `watchfiles` knows it by this name."""

REMOTE: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "9p", "afs", "ceph", "glusterfs", "lustre", "vboxsf"}
)
"""File systems that other machines write to: inotify(7) reports only changes by this machine. FUSE file
systems are treated like them."""

Mark: TypeAlias = tuple[int, int, int, int] | None
Marks: TypeAlias = dict[Path, Mark]
Folders: TypeAlias = Mapping[Path, tuple[int, int]]
"""Watched folders with their identities."""

log = structlog.get_logger(__name__)


def mark(path: Path) -> Mark:
    """A value that differs from one state of a file to the next; `None` when the file is not there."""
    try:
        found = os.stat(path)  # noqa: PTH116 (half the time of `Path.stat`, and this is done all day)
    except OSError:
        return None
    # A copy may keep the time of its content, and writing within one tick of the clock keeps both times; the
    # size and the inode tell most of these apart.
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)


def marks(files: Iterable[Path]) -> Marks:
    """The marks of several files."""
    return {path: mark(path) for path in files}


class FileWatch:
    """Watches a set of files that may itself change.

    Args:
        files: gives the files to watch; it is called before each look.
        seen: marks of files that were already read; changes since then are reported.
        beside: another file. When it changes, `run` yields, and does not report a change.
    """

    def __init__(self, files: Callable[[], Iterable[Path]], seen: Mapping[Path, Mark], beside: Path) -> None:
        self._files = files
        self._beside = beside
        self._seen = dict(seen)
        self._polling = os.environ.get(FORCE_POLLING, "").lower() not in {"", "0", "false", "disable"}

    async def run(self) -> AsyncGenerator[bool, None]:
        """Yields at least once every `LOOK_EVERY_S`, and says whether any file has changed since then."""
        while True:
            folders = await asyncio.to_thread(self._folders)
            # The watch begins before the look, so nothing that happens in between is missed.
            watching = self._poll() if self._looks_only(folders) else self._notified(folders)
            async with aclosing(watching) as ticks:
                async for notified in ticks:
                    changed, moved = await asyncio.to_thread(self._look, folders, notified=notified)
                    yield changed
                    # After a change there may be other files to watch. The watch begins anew at once, so that
                    # a change of a new file can be missed only for a moment.
                    if changed or moved:
                        break

    @staticmethod
    async def _poll() -> AsyncGenerator[bool, None]:
        while True:
            yield False
            await asyncio.sleep(POLL_EVERY_S)

    async def _notified(self, folders: Folders) -> AsyncGenerator[bool, None]:
        """Yields true when something was notified, and false when it is time to look all the same."""
        watching = awatch(
            *folders,
            watch_filter=None,
            debounce=SETTLE_MS,
            step=STEP_MS,
            rust_timeout=int(LOOK_EVERY_S * 1000),
            yield_on_timeout=True,
            recursive=False,
            ignore_permission_denied=True,
        )
        waiting = asyncio.ensure_future(anext(watching))
        try:
            # `awatch` begins to watch in its first step: it gets one turn of the loop before the first look.
            await asyncio.sleep(0)
            events: set[FileChange] = set()
            while True:
                yield bool(events)
                events = await waiting
                waiting = asyncio.ensure_future(anext(watching))
        except FileNotFoundError:
            await asyncio.sleep(POLL_EVERY_S)  # a folder was removed meanwhile; the next look finds another
        except (OSError, RuntimeError) as error:
            self._fall_back(error)
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            await watching.aclose()

    def _fall_back(self, error: Exception) -> None:
        """Look at the files from now on, because the system has no more watches, or none at all."""
        self._polling = True
        log.warning(
            "config_watch_polls",
            reason=str(error)[:300],
            every_s=POLL_EVERY_S,
            hint="raise the sysctls fs.inotify.max_user_watches and fs.inotify.max_user_instances",
        )

    def _looks_only(self, folders: Folders) -> bool:
        return self._polling or not folders or len(folders) > MAX_FOLDERS or _any_remote(folders)

    def _look(self, folders: Folders, *, notified: bool) -> tuple[bool, bool]:
        """Whether a file that was known before changed, and whether other folders must be watched."""
        now = marks(self._files())
        # A file that is new in the set was read by the reload that added it.
        changed = any(self._seen.get(path, found) != found for path, found in now.items())
        self._seen = now
        if notified:
            return changed, self._folders() != folders
        # Finding the folders takes many times longer than looking whether they are still the same ones.
        return changed, any(_identity(folder) != known for folder, known in folders.items())

    def _folders(self) -> Folders:
        found: dict[Path, tuple[int, int]] = {}
        for path in (self._beside, *self._files()):
            for folder in folders_of(path):
                if folder not in found and (identity := _identity(folder)) is not None:
                    found[folder] = identity
        return found


def _identity(folder: Path) -> tuple[int, int] | None:
    """Device and inode of a folder. Another folder of the same name needs a new watch."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino)


def folders_of(path: Path) -> set[Path]:
    """The folders in which something changes when a path leads to other content.

    They are the folder of the file (or the path itself, if it is a folder), the folder of each symbolic link
    on the way to it, and where a folder is missing the nearest one that exists.
    """
    found: set[Path] = set()
    # Not `Path.resolve`: it gives the end of the way only, and each link on the way may be replaced.
    waiting = [Path.cwd() / path]
    links = 0
    while waiting:
        here = Path("/")
        parts = waiting.pop().parts[1:]
        for number, part in enumerate(parts):
            step = here.parent if part == ".." else here / part
            if step.is_symlink() and links < MAX_LINKS:
                links += 1
                found.add(here)
                waiting.append(_target(here, step).joinpath(*parts[number + 1 :]))
                break
            if step.is_dir():
                here = step
                if number < len(parts) - 1:
                    continue
            found.add(here)
            break
    return found


def _target(folder: Path, link: Path) -> Path:
    """The path that a symbolic link leads to; the link itself if it was removed meanwhile."""
    try:
        return folder / link.readlink()
    except OSError:
        return link


def _any_remote(folders: Iterable[Path], mounts: Path = Path("/proc/self/mountinfo")) -> bool:
    """Whether one of the folders is on a file system that other machines write to."""
    try:
        lines = mounts.read_text().splitlines()
    except OSError:
        return False
    kinds: dict[str, str] = {}
    for line in lines:
        # proc_pid_mountinfo(5): the fifth field is the mount point, and the type follows the separator.
        before, _, after = line.partition(" - ")
        kinds[before.split()[4]] = after.split()[0]
    return any(_is_remote(folder, kinds) for folder in folders)


def _is_remote(folder: Path, kinds: Mapping[str, str]) -> bool:
    # The nearest mount point above a folder is the file system that it is on.
    for place in (folder, *folder.parents):
        kind = kinds.get(str(place))
        if kind is not None:
            return kind in REMOTE or kind.startswith("fuse.")
    return False
