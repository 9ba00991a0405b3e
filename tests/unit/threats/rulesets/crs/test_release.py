"""`starfort rules install crs` against a server: what is downloaded, checked and kept, and what is refused."""

from __future__ import annotations

import contextlib
import gzip
import json
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from starfort.cli import app
from starfort.threats.rulesets import archive, crs
from starfort.threats.rulesets.installed import installed
from tests.unit.threats.rulesets.support import FILES, sign, tar

VERSION = "9.1.0"


@dataclass
class Releases:
    """A server of releases, as the project's is laid out.

    Attributes:
        content: body by path.
        declared: length that is declared for a path, where it is not the body's.
        asked: paths that were asked for.
    """

    keys: Path
    content: dict[str, bytes] = field(default_factory=dict)
    declared: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def publish(self, file: Path, version: str = VERSION) -> str:
        """A file as the release of a version, signed; its path."""
        path = f"/v{version}/coreruleset-{version}-minimal.tar.gz"
        self.content |= {path: file.read_bytes(), f"{path}.asc": sign(self.keys, file)}
        return path

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """Answers from `content`; `/old…` moves to its place, as GitHub does."""
        releases = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                releases.asked.append(self.path)
                if self.path.startswith("/old/"):
                    self.send_response(302)
                    self.send_header("Location", self.path.removeprefix("/old"))
                    self.end_headers()
                    return
                body = releases.content.get(self.path)
                self.send_response(200 if body is not None else 404)
                self.send_header("Content-Length", str(releases.declared.get(self.path, len(body or b""))))
                self.end_headers()
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(body or b"")

            def log_message(self, *_: object) -> None:
                """Not to stderr."""

        return Handler


@pytest.fixture
def releases(keys: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Releases]:
    """Where Starfort looks for releases, and gpg for keys."""
    served = Releases(keys)
    server = ThreadingHTTPServer(("127.0.0.1", 0), served.handler())
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setattr(crs, "RELEASES", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("GNUPGHOME", str(keys))
    yield served
    server.shutdown()
    server.server_close()
    thread.join(10)


Install = Callable[..., tuple[int, str, str]]


@pytest.fixture
def install(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Install:
    """Runs the command; exit code, stdout, stderr."""

    def command(*arguments: str) -> tuple[int, str, str]:
        sets = str(tmp_path / "sets")
        try:
            app.main(["rules", "install", "crs", "--folder", sets, *(arguments or ("--version", VERSION))])
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        shown = capsys.readouterr()
        return code, shown.out, " ".join(shown.err.split())

    return command


def test_a_signed_release_is_installed(
    releases: Releases, install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its version or as the default one; from where the server sends to; the manifest says how it was checked."""
    releases.publish(tar(tmp_path))
    monkeypatch.setattr(crs, "RELEASES", f"{crs.RELEASES}/old")
    code, out, _ = install("--version", VERSION, "--json")
    assert code == 0
    entry = json.loads(out)
    assert (entry["version"], entry["verified"]) == (VERSION, f"signature of {crs.KEY_FINGERPRINT}")
    assert installed(tmp_path / "sets")["crs"].sha256 == entry["sha256"]
    assert [path for path in releases.asked if path.endswith(".asc")]
    monkeypatch.setattr(crs, "DEFAULT_VERSION", VERSION)
    assert "crs 9.1.0 is installed" in install("--sha256", entry["sha256"])[2]


def _nothing_changed(tmp_path: Path) -> bool:
    return [path for path in (tmp_path / "sets").glob("*") if path.name != "installed.json"] == []


def test_a_wrong_signature_is_refused(releases: Releases, install: Install, tmp_path: Path) -> None:
    """Of another file, of another key, or none at all."""
    path = releases.publish(tar(tmp_path))
    releases.content[path] += b"\0"
    code, _, err = install()
    assert code == 1
    assert "is not that of the CRS project" in err
    releases.content[f"{path}.asc"] = b"no signature"
    assert "is not that of the CRS project" in install()[2]
    del releases.content[f"{path}.asc"]
    assert ".asc cannot be had" in install()[2]
    assert _nothing_changed(tmp_path)


def test_a_key_that_expired_is_said(releases: Releases, install: Install, tmp_path: Path) -> None:
    """Gpg itself answers 0 for it."""
    releases.publish(tar(tmp_path))
    expire = ["gpg", "--homedir", str(releases.keys), "--batch", "--no-tty", "--quiet"]
    subprocess.run(
        [*expire, "--faked-system-time", "20990101T000000", "--quick-set-expire", crs.KEY_FINGERPRINT, "1"],
        check=True,
        capture_output=True,
    )
    fake = releases.keys / "gpg.conf"
    fake.write_text("faked-system-time 21000101T000000\n")
    code, _, err = install()
    assert code == 1
    assert "has expired or was revoked" in err
    assert _nothing_changed(tmp_path)


def test_a_download_that_breaks_off_is_refused(releases: Releases, install: Install, tmp_path: Path) -> None:
    """Half a file, whether the server says so or its maker signed it."""
    whole = tar(tmp_path)
    path = releases.publish(whole)
    releases.declared[path] = len(releases.content[path]) + 100
    code, _, err = install()
    assert code == 1
    assert "cannot be had" in err
    releases.declared.clear()
    half = tmp_path / "half.tar.gz"
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    releases.publish(half)
    code, _, err = install()
    assert code == 1
    assert "is damaged" in err
    assert _nothing_changed(tmp_path)


def test_an_archive_that_reaches_out_reaches_nothing(
    releases: Releases, install: Install, tmp_path: Path
) -> None:
    """Whoever signed it: nothing is written but below the folder of rule sets."""
    evil = []
    for name in ("../../../evil.conf", str(tmp_path / "evil.conf"), "rules/../../../evil.conf"):
        entry = tarfile.TarInfo(name)
        entry.size = 0
        evil.append(entry)
    link = tarfile.TarInfo("coreruleset-9.1.0/rules/link.conf")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    releases.publish(tar(tmp_path, extra=[*evil, link]))
    assert install()[0] == 0
    assert list(tmp_path.rglob("evil.conf")) == []
    assert list(tmp_path.rglob("link.conf")) == []


def test_what_is_too_large_is_refused(
    releases: Releases, install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On its way and unpacked."""
    bomb = {**FILES, "coreruleset-9.1.0/rules/large.data": "x\n" * (archive.MAX_FILE_BYTES // 2 + 1)}
    path = releases.publish(tar(tmp_path, bomb))
    assert len(gzip.decompress(releases.content[path])) > archive.MAX_FILE_BYTES
    assert "larger than" in install()[2]
    monkeypatch.setattr(crs, "MAX_ARCHIVE_BYTES", 1000)
    assert "has more than" in install()[2]
    assert _nothing_changed(tmp_path)


def test_an_older_release_under_a_newer_name_is_refused(
    releases: Releases, install: Install, tmp_path: Path
) -> None:
    """It is signed too, and would bring back what was mended."""
    releases.publish(tar(tmp_path), "9.2.0")
    code, _, err = install("--version", "9.2.0")
    assert code == 1
    assert "is CRS 9.1.0, not 9.2.0" in err
    assert _nothing_changed(tmp_path)


def test_going_back_has_to_be_said(
    releases: Releases, install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer CRS is not replaced by the default version unawares; by name it is."""
    newer = {name: text.replace("OWASP_CRS/9.1.0", "OWASP_CRS/9.10.0") for name, text in FILES.items()}
    releases.publish(tar(tmp_path, newer), "9.10.0")
    assert install("--version", "9.10.0")[0] == 0
    releases.publish(tar(tmp_path))
    monkeypatch.setattr(crs, "DEFAULT_VERSION", VERSION)
    code, _, err = install("--sha256", "")
    assert code == 1
    assert "CRS 9.10.0 is installed, newer than 9.1.0" in err
    assert installed(tmp_path / "sets")["crs"].version == "9.10.0"
    assert install()[0] == 0
    assert installed(tmp_path / "sets")["crs"].version == VERSION
