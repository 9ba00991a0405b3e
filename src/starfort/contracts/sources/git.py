"""Fetches a document and the files beside it from a Git repository, with the program `git`.

No shell runs. The repository cannot make `git` run anything: there are no hooks in what is fetched, links are
written as plain files, and neither filters nor submodules are used.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import urlsplit

from starfort.config.documents import GitDocument
from starfort.contracts.resolver import MAX_DOCUMENT_BYTES, MAX_FILES
from starfort.contracts.sources.addresses import checked
from starfort.contracts.sources.kept import FetchError

MAX_TIME_S: Final = 120.0
"""How long one call of `git` may take."""

OLDEST: Final = (2, 37)
"""The first version of `git` that has `http.curloptResolve`."""

_SETTINGS: Final = (
    "core.symlinks=false", "core.hooksPath=/dev/null", "core.fsmonitor=false", "http.followRedirects=false",
    "filter.lfs.smudge=", "filter.lfs.process=", "filter.lfs.required=false", "submodule.recurse=false",
    "transfer.fsckObjects=true", "protocol.version=2", "credential.helper=", "core.autocrlf=false",
)  # fmt: skip


def fetch(document: GitDocument, known: str, target: Path) -> str | None:
    """Write a document and all files in its folder and below.

    Args:
        document: where it is.
        known: commit of the copy that is there, or "".
        target: an empty folder.

    Returns:
        The commit of what was written; `None` when the copy that is there is still right.

    Raises:
        FetchError: it cannot be had, is too large, or took too long.
    """
    git = _Git(document)
    ref, commit = git.newest()
    if commit == known:
        return None
    with tempfile.TemporaryDirectory(prefix="starfort-git-") as clone:
        git.fetch(Path(clone), ref)
        git.copy(Path(clone), target)
    return commit


class _Git:
    def __init__(self, document: GitDocument) -> None:
        program = shutil.which("git")
        if program is None:
            raise FetchError("the program git is not installed")
        self._program = program
        self._document = document
        self._settings = [*_SETTINGS, *self._address()]

    def _address(self) -> list[str]:
        """Settings by which `git` connects to an address that was checked."""
        parts = urlsplit(self._document.git)
        port = parts.port or 443
        addresses = checked(str(parts.hostname), port, self._document.networks)
        shown = ",".join(f"[{one}]" if ":" in one else one for one in addresses)
        return [f"http.curloptResolve={parts.hostname}:{port}:{shown}"]

    def newest(self) -> tuple[str, str]:
        """The full name of the branch or tag, and its commit.

        Raises:
            FetchError: there is none, or `git` is too old.
        """
        found = re.search(r"(\d+)\.(\d+)", self._run("version"))
        if found is None or (int(found[1]), int(found[2])) < OLDEST:
            raise FetchError("git 2.37 or newer is needed, which connects to the address that was checked")
        ref = self._document.ref
        names = ["HEAD"] if ref == "HEAD" else [f"refs/heads/{ref}", f"refs/tags/{ref}"]
        listed = self._run("ls-remote", "--", self._document.git, *names, *(f"{name}^{{}}" for name in names))
        known = {name: commit for commit, _, name in (line.partition("\t") for line in listed.splitlines())}
        for name in names:
            if name in known:
                # Of an annotated tag the commit that it names, not the tag.
                return name, known.get(f"{name}^{{}}", known[name])
        raise FetchError(f"there is no branch or tag {ref}")

    def fetch(self, clone: Path, ref: str) -> None:
        """Fetch what a branch or tag names, without its history."""
        self._run("init", "--quiet", "--template=", "--", str(clone))
        self._run("fetch", "--quiet", "--depth=1", "--no-tags", "--", self._document.git, ref, folder=clone)

    def copy(self, clone: Path, target: Path) -> None:
        """Write the document's folder.

        Raises:
            FetchError: the document is not there, or there is too much beside it.
        """
        parent = PurePosixPath(self._document.path).parent
        folder = [] if parent == PurePosixPath() else ["--", f"{parent}/"]
        listed = self._run("ls-tree", "-r", "-l", "-z", "--full-tree", "FETCH_HEAD", *folder, folder=clone)
        names, left = [], MAX_DOCUMENT_BYTES
        for entry in filter(None, listed.split("\0")):
            head, _, name = entry.partition("\t")
            mode, kind, _, size = head.split()
            if kind != "blob" or mode == "120000" or not _is_wanted(name):
                continue
            left -= int(size) if size.isdecimal() else MAX_DOCUMENT_BYTES
            names.append(name)
        if self._document.path not in names:
            raise FetchError(f"it has no file {self._document.path}")
        if left < 0 or len(names) > MAX_FILES:
            what = f"{MAX_DOCUMENT_BYTES >> 20} MiB or {MAX_FILES} files"
            raise FetchError(f"the document's folder has more than {what} of JSON and YAML")
        for name in names:
            file = target / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(self._bytes("cat-file", "blob", f"FETCH_HEAD:{name}", folder=clone))

    def _run(self, *arguments: str, folder: Path | None = None) -> str:
        return self._bytes(*arguments, folder=folder).decode("utf-8", "replace")

    def _bytes(self, *arguments: str, folder: Path | None = None) -> bytes:
        command = [self._program, *(part for one in self._settings for part in ("-c", one)), *arguments]
        try:
            done = subprocess.run(  # noqa: S603 (no shell, and no argument can be taken for an option)
                command, cwd=folder, env=self._environment(), stdin=subprocess.DEVNULL, capture_output=True,
                timeout=MAX_TIME_S, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise FetchError(f"git took longer than {MAX_TIME_S:.0f} s") from error
        except OSError as error:
            raise FetchError(f"git cannot be run: {error.strerror}") from error
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise FetchError(f"git {arguments[0]} failed: {said[-1][:200] if said else done.returncode}")
        return done.stdout

    def _environment(self) -> dict[str, str]:
        """An environment of its own: nothing of this process's settings, and no secret among arguments."""
        made = {
            "PATH": os.environ.get("PATH", os.defpath), "HOME": "/nonexistent", "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_ALLOW_PROTOCOL": "https",
            "GIT_LFS_SKIP_SMUDGE": "1", "LC_ALL": "C",
        }  # fmt: skip
        if self._document.ca is not None:
            made["GIT_SSL_CAINFO"] = str(self._document.ca)
        if self._document.authorization_env is not None:
            value = os.environ.get(self._document.authorization_env, "")
            if not value or not value.isprintable():
                name = self._document.authorization_env
                raise FetchError(f"the environment variable {name} is not set, or holds no header's value")
            made |= {
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": "http.extraHeader",
                "GIT_CONFIG_VALUE_0": f"Authorization: {value}",
            }
        return made


def _is_wanted(name: str) -> bool:
    """Whether a file may belong to a document."""
    path = PurePosixPath(name)
    return (
        path.suffix.lower() in {".json", ".yaml", ".yml"}
        and ".." not in path.parts
        and not path.is_absolute()
    )
