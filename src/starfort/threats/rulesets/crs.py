"""Installs OWASP CRS from a release, an archive or a folder, and checks it before it replaces another one."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Final

import httpx

from starfort.base.files import write_private
from starfort.threats.rulesets import BASE_RULES
from starfort.threats.rulesets.archive import MAX_ARCHIVE_BYTES, ArchiveError, read_files
from starfort.threats.rulesets.installed import InstalledRuleSet, installed, record
from starfort.threats.seclang.load import load_rules

RELEASES: Final = "https://github.com/coreruleset/coreruleset/releases/download"
"""Where the project publishes its releases."""

DEFAULT_VERSION: Final = "4.28.0"
"""The version with which the regression tests of this release were run."""

KEY_FINGERPRINT: Final = "36006F0E0BA167832158821138EEACA1AB8A6E72"
"""The key with which releases are signed. Source: INSTALL.md of CRS."""

DOWNLOAD_TIMEOUT_S: Final = 60.0
"""A slow line needs some seconds for the whole archive."""

_VERSION: Final = re.compile(r"\d+\.\d+\.\d+(?:-[A-Za-z0-9.]+)?")
_ANCHOR: Final = "REQUEST-901-INITIALIZATION.conf"
# Packages name the set-up in different ways. One that is filled in counts before an example.
_SETUPS: Final = ("crs-setup.conf", "crs-setup.conf.example", "@crs-setup.conf.example")
_SIGNATURE: Final = re.compile(
    rb'^SecComponentSignature\s+"?OWASP_CRS/([0-9][0-9A-Za-z.-]{0,30})', re.MULTILINE
)


class InstallError(ValueError):
    """A rule set cannot be installed; `fix` says what to do. The rule set installed before is kept."""

    def __init__(self, what: str, fix: str = "") -> None:
        self.fix = fix
        super().__init__(what)


def install_from(  # noqa: PLR0913 (what an archive must be, and what is known of it)
    source: Path, folder: Path, *, sha256: str = "", verified: str = "", origin: str = "", version: str = ""
) -> InstalledRuleSet:
    """Install CRS from an archive or a folder.

    Args:
        source: a release of CRS (tar or zip), a package of it, or a folder; the rules are looked for in it.
        folder: the folder of rule sets.
        sha256: the digest that the archive must have, hexadecimal; "" for any.
        verified: how the origin was checked already, in words.
        origin: where the archive came from, if that is not `source`.
        version: the version that its files must name; "" for any.

    Raises:
        InstallError: it holds no CRS, is not the archive that was asked for, or is over a limit.
        ConfigError: its rules cannot be loaded.
    """
    digest = _digest(source) if source.is_file() else ""
    if sha256 and digest != sha256.lower():
        what = f"{source} has SHA-256 {digest or '(a folder has none)'}, not {sha256}"
        raise InstallError(what, "get it again")
    files = _files(source)
    found = _version(files)
    if version and found != version:
        # Older releases are signed too: under the name of a newer one, they would bring back mended faults.
        raise InstallError(f"{origin or source} is CRS {found}, not {version}", "do not use the file")
    digests = {str(path): hashlib.sha256(content).hexdigest() for path, content in files.items()}
    whole = hashlib.sha256("".join(sorted(digests.values())).encode()).hexdigest()[:12]
    target = _place(files, folder / f"crs-{found}-{whole}")
    entry = InstalledRuleSet(
        name="crs",
        version=found,
        folder=target.name,
        source=origin or str(source),
        sha256=digest,
        verified=verified or ("SHA-256 as asked for" if sha256 else "not checked"),
        installed=datetime.now(UTC).isoformat(timespec="seconds"),
        files=digests,
    )
    record(folder, entry)
    return entry


def _files(source: Path) -> dict[PurePosixPath, bytes]:
    try:
        return _select(read_files(source))
    except ArchiveError as error:
        raise InstallError(str(error)) from error


def _place(files: Mapping[PurePosixPath, bytes], target: Path) -> Path:
    """Write files into a folder, after their rules have loaded. The folder gets all files or none."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # The files are written beside the target, so that the last step is a rename: a crash changes nothing.
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".new-") as staging:
        staged = Path(staging) / "crs"
        for path, content in files.items():
            (staged / path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_private(staged / path, content)
        load_rules([BASE_RULES, staged / "setup.conf", staged / "rules"])
        if not target.exists():
            os.replace(staged, target)  # noqa: PTH105 - a folder onto a name that is not there
    return target


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _select(files: Mapping[PurePosixPath, bytes]) -> dict[PurePosixPath, bytes]:
    """`setup.conf`, `rules/*` and the licence, wherever they are in the source."""
    # Packages put CRS into a folder of their own. The folder nearest to the root is meant.
    anchors = sorted((path for path in files if path.name == _ANCHOR), key=lambda path: len(path.parts))
    if not anchors:
        raise InstallError(f"no CRS in it: {_ANCHOR} is missing", "give a release of CRS 3.3 or later")
    home = anchors[0].parent
    chosen = {
        PurePosixPath("rules") / path.name: content
        for path, content in files.items()
        if path.parent == home and path.suffix in {".conf", ".data"}
    }
    setups = sorted(
        (path for path in files if path.name in _SETUPS),
        key=lambda path: (_SETUPS.index(path.name), len(path.parts)),
    )
    if not setups:
        raise InstallError("no crs-setup.conf.example in it", "give the whole release, not only its rules")
    chosen[PurePosixPath("setup.conf")] = files[setups[0]]
    # The deepest licence is the one of CRS; a package may have another one above it.
    licences = sorted((path for path in files if path.name == "LICENSE"), key=lambda path: len(path.parts))
    if licences:
        chosen[PurePosixPath("LICENSE")] = files[licences[-1]]
    return chosen


def _version(files: Mapping[PurePosixPath, bytes]) -> str:
    found = _SIGNATURE.search(files[PurePosixPath("rules") / _ANCHOR])
    if found is None:
        raise InstallError("its files name no version", "give a release of CRS 3.3 or later")
    return found[1].decode()


def newer_installed(folder: Path, version: str) -> str:
    """The version of CRS that is installed, if it is newer than `version`; otherwise ""."""
    entry = installed(folder).get("crs")
    return entry.version if entry is not None and _numbers(entry.version) > _numbers(version) else ""


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def install_release(
    version: str,
    folder: Path,
    *,
    sha256: str = "",
    client: httpx.Client | None = None,
    key_home: Path | None = None,
) -> InstalledRuleSet:
    """Download a release from the project, check its signature, install it.

    Args:
        version: such as 4.28.0.
        folder: where rule sets live.
        sha256: what the archive must be; given, no signature is needed.
        client: HTTP client, for tests.
        key_home: GnuPG's folder, default the user's.

    Raises:
        InstallError: it cannot be had, its signature is not the project's, or it is another version.
        ConfigError: its rules cannot be loaded.
    """
    if not _VERSION.fullmatch(version):
        raise InstallError(f"{version!r} is no version", f"write it like {DEFAULT_VERSION}")
    gpg = shutil.which("gpg")
    if not sha256 and gpg is None:
        what = "gpg is not there to check the release's signature"
        raise InstallError(what, "install GnuPG, or give --sha256")
    with (
        tempfile.TemporaryDirectory() as temporary,
        client or httpx.Client(timeout=DOWNLOAD_TIMEOUT_S) as http,
    ):
        address = f"{RELEASES}/v{version}/coreruleset-{version}-minimal.tar.gz"
        archive = Path(temporary) / "crs.tar.gz"
        write_private(archive, _download(http, address))
        verified = "SHA-256 as asked for"
        if not sha256 and gpg is not None:
            _check_release(gpg, http, address, archive, key_home)
            verified = f"signature of {KEY_FINGERPRINT}"
        known = {"verified": verified, "origin": address, "version": version}
        return install_from(archive, folder, sha256=sha256, **known)


def _check_release(
    gpg: str, client: httpx.Client, address: str, archive: Path, key_home: Path | None
) -> None:
    signature = archive.with_suffix(".asc")
    write_private(signature, _download(client, f"{address}.asc"))
    _check_signature(gpg, archive, signature, key_home)


def _download(client: httpx.Client, address: str) -> bytes:
    content = bytearray()
    try:
        with client.stream("GET", address, follow_redirects=True) as answer:
            answer.raise_for_status()
            for chunk in answer.iter_bytes():
                content += chunk
                # This is checked while it arrives, because the length that a server states may be false.
                if len(content) > MAX_ARCHIVE_BYTES:
                    raise InstallError(f"{address} has more than {MAX_ARCHIVE_BYTES >> 20} MiB")
    except httpx.HTTPError as error:
        raise InstallError(
            f"{address} cannot be had: {error}",
            "is there such a version? Where there is no network: --from ARCHIVE",
        ) from error
    return bytes(content)


def _check_signature(gpg: str, archive: Path, signature: Path, key_home: Path | None) -> None:
    home = [] if key_home is None else ["--homedir", str(key_home)]
    checked = subprocess.run(  # noqa: S603 - gpg by its full path, our own arguments
        [gpg, *home, "--batch", "--no-tty", "--status-fd", "1", "--verify", str(signature), str(archive)],
        capture_output=True,
        check=False,
        timeout=DOWNLOAD_TIMEOUT_S,
    )
    # Only the status lines are made for programs; the other output is translated and changes.
    lines = checked.stdout.decode(errors="replace").splitlines()
    if any(line.startswith("[GNUPG:] NO_PUBKEY") for line in lines):
        raise InstallError(
            "the key that CRS signs with is not known to gpg",
            f"gpg --recv-keys {KEY_FINGERPRINT}, and compare the print",
        )
    if any(line.startswith(("[GNUPG:] EXPKEYSIG", "[GNUPG:] REVKEYSIG")) for line in lines):
        raise InstallError(
            "the key that CRS signs with has expired or was revoked, as far as gpg knows",
            f"gpg --recv-keys {KEY_FINGERPRINT} brings its present state; else do not use the file",
        )
    # The last word of VALIDSIG is the primary key (GnuPG, doc/DETAILS): releases are signed with a subkey
    # of it.
    primary = {line.split()[-1] for line in lines if line.startswith("[GNUPG:] VALIDSIG ")}
    good = any(line.startswith("[GNUPG:] GOODSIG ") for line in lines)
    if checked.returncode or not good or primary != {KEY_FINGERPRINT}:
        raise InstallError("the release's signature is not that of the CRS project", "do not use the file")
