"""Installing a rule set: what is taken, what is refused, and that the one before stays."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from starfort.config.problems import ConfigError
from starfort.threats.rulesets import archive, crs
from starfort.threats.rulesets.crs import InstallError, install_from, install_release
from starfort.threats.rulesets.installed import installed, rule_files
from tests.unit.threats.rulesets.support import FILES, folder, packed, sign, tar


@pytest.mark.parametrize("make", [folder, tar, packed])
def test_from_folder_and_archives(make: Callable[[Path], Path], tmp_path: Path) -> None:
    """The same files, wherever they come from; only what rules need; private."""
    entry = install_from(make(tmp_path / "in") if make is folder else make(tmp_path), tmp_path / "sets")
    found, setup, rules = rule_files(tmp_path / "sets", "crs")
    assert found == entry
    assert entry.version == "9.1.0"
    assert [file.name for file in rules] == ["REQUEST-901-INITIALIZATION.conf", "REQUEST-942-SQLI.conf"]
    assert setup.read_text() == FILES["coreruleset-9.1.0/crs-setup.conf.example"]
    assert sorted(entry.files) == [
        "LICENSE",
        "rules/REQUEST-901-INITIALIZATION.conf",
        "rules/REQUEST-942-SQLI.conf",
        "rules/words.data",
        "setup.conf",
    ]
    assert {stat.S_IMODE(file.stat().st_mode) for file in [setup, *rules]} == {0o600}


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    """What runs is what was installed."""
    install_from(folder(tmp_path / "in"), tmp_path / "sets")
    _, _, rules = rule_files(tmp_path / "sets", "crs")
    rules[0].write_text(rules[0].read_text() + "SecRuleEngine Off\n")
    with pytest.raises(ConfigError, match=r"REQUEST-901-INITIALIZATION\.conf: is not as it was installed"):
        rule_files(tmp_path / "sets", "crs")
    rules[0].unlink()
    with pytest.raises(ConfigError, match="is not as it was installed"):
        rule_files(tmp_path / "sets", "crs")


def test_broken_rules_do_not_replace_good_ones(tmp_path: Path) -> None:
    """They are compiled before anything is changed."""
    install_from(folder(tmp_path / "good"), tmp_path / "sets")
    before = sorted((tmp_path / "sets").iterdir())
    broken = {**FILES, "coreruleset-9.1.0/rules/REQUEST-950.conf": 'SecRule ARGS "@rxx x" "id:1"\n'}
    with pytest.raises(ConfigError, match="unknown operator @rxx"):
        install_from(folder(tmp_path / "broken", broken), tmp_path / "sets")
    assert sorted((tmp_path / "sets").iterdir()) == before
    assert rule_files(tmp_path / "sets", "crs")[0].version == "9.1.0"


def test_the_hash_is_checked(tmp_path: Path) -> None:
    """Before anything is read."""
    path = tar(tmp_path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert install_from(path, tmp_path / "sets", sha256=digest.upper()).verified == "SHA-256 as asked for"
    with pytest.raises(InstallError, match=f"has SHA-256 {digest}, not {'0' * 64}"):
        install_from(path, tmp_path / "sets", sha256="0" * 64)
    with pytest.raises(InstallError, match="a folder has none"):
        install_from(folder(tmp_path / "in"), tmp_path / "sets", sha256="0" * 64)


@pytest.mark.parametrize(
    ("without", "what"),
    [
        ("REQUEST-901-INITIALIZATION.conf", "no CRS in it"),
        ("crs-setup.conf.example", "no crs-setup.conf.example in it"),
    ],
)
def test_what_is_no_rule_set(without: str, what: str, tmp_path: Path) -> None:
    """It says what is missing."""
    files = {name: text for name, text in FILES.items() if not name.endswith(without)}
    with pytest.raises(InstallError, match=what):
        install_from(folder(tmp_path / "in", files), tmp_path / "sets")


def test_archives_cannot_reach_out(tmp_path: Path) -> None:
    """Links, absolute names and names with `..` are left out; the rest installs."""
    evil = []
    for name, kind in (("../../out.conf", tarfile.REGTYPE), ("/abs.conf", tarfile.REGTYPE), ("x/link.conf", tarfile.SYMTYPE), ("x/hard.conf", tarfile.LNKTYPE), ("x/dev.conf", tarfile.CHRTYPE)):  # fmt: skip
        entry = tarfile.TarInfo(name)
        entry.type = kind
        entry.linkname = "/etc/passwd"
        evil.append(entry)
    path = tar(tmp_path, extra=evil)
    assert all(not name.is_absolute() and ".." not in name.parts for name in archive.read_files(path))
    assert {name.name for name in archive.read_files(path)} & {
        "out.conf",
        "abs.conf",
        "link.conf",
        "dev.conf",
    } == set()
    install_from(path, tmp_path / "sets")
    assert not (tmp_path / "out.conf").exists()


def test_archives_cannot_grow(tmp_path: Path) -> None:
    """A bomb is over a limit before it is in memory."""
    bomb = tmp_path / "bomb.tar.gz"
    entry = tarfile.TarInfo("rules/a.data")
    entry.size = archive.MAX_FILE_BYTES + 1
    with gzip.open(bomb, "wb") as out:
        out.write(entry.tobuf())
        for _ in range(entry.size // (1 << 20) + 1):
            out.write(bytes(1 << 20))
    with pytest.raises(InstallError, match="larger than"):
        install_from(bomb, tmp_path / "sets")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not really", b"\x1f\x8b\x08nonsense", b"x" * 2000])
def test_damaged_archives(content: bytes, tmp_path: Path) -> None:
    """They are refused in a sentence."""
    file = tmp_path / "a.tar.gz"
    file.write_bytes(content)
    with pytest.raises(InstallError):
        install_from(file, tmp_path / "sets")
    assert installed(tmp_path / "sets") == {}


def test_a_damaged_manifest_is_said(tmp_path: Path) -> None:
    """Not taken for nothing installed."""
    (tmp_path / "installed.json").write_text("{")
    with pytest.raises(ConfigError, match="cannot be read"):
        installed(tmp_path)


def _client(content: bytes, signature: bytes) -> httpx.Client:
    def serve(request: httpx.Request) -> httpx.Response:
        assert request.url.path.startswith(
            "/coreruleset/coreruleset/releases/download/v9.1.0/coreruleset-9.1.0-minimal"
        )
        return httpx.Response(200, content=signature if request.url.path.endswith(".asc") else content)

    return httpx.Client(transport=httpx.MockTransport(serve))


def test_a_release_is_installed_when_its_signature_is_right(keys: Path, tmp_path: Path) -> None:
    """And the manifest says how it was checked."""
    path = tar(tmp_path)
    client = _client(path.read_bytes(), sign(keys, path))
    entry = install_release("9.1.0", tmp_path / "sets", client=client, key_home=keys)
    assert entry.verified == f"signature of {crs.KEY_FINGERPRINT}"
    assert entry.source.endswith("coreruleset-9.1.0-minimal.tar.gz")


def test_a_changed_release_is_refused(keys: Path, tmp_path: Path) -> None:
    """One byte is enough."""
    path = tar(tmp_path)
    signature = sign(keys, path)
    client = _client(path.read_bytes() + b"\0", signature)
    with pytest.raises(InstallError, match="is not that of the CRS project"):
        install_release("9.1.0", tmp_path / "sets", client=client, key_home=keys)
    assert installed(tmp_path / "sets") == {}


def test_another_key_is_refused(keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A good signature of somebody else is none."""
    path = tar(tmp_path)
    signature = sign(keys, path)
    monkeypatch.setattr(crs, "KEY_FINGERPRINT", "0" * 40)
    with pytest.raises(InstallError, match="is not that of the CRS project"):
        install_release(
            "9.1.0", tmp_path / "sets", client=_client(path.read_bytes(), signature), key_home=keys
        )
    empty = tmp_path / "empty"
    empty.mkdir(mode=0o700)
    with pytest.raises(InstallError, match="is not known to gpg"):
        install_release(
            "9.1.0", tmp_path / "sets", client=_client(path.read_bytes(), signature), key_home=empty
        )


def test_what_cannot_be_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong version, no gpg, no such release, one that is too large."""
    with pytest.raises(InstallError, match="is no version"):
        install_release("../x", tmp_path)
    missing = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(404)))
    with pytest.raises(InstallError, match="cannot be had"):
        install_release("9.1.0", tmp_path, sha256="0" * 64, client=missing)
    monkeypatch.setattr(crs, "MAX_ARCHIVE_BYTES", 1000)
    large = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=bytes(2000))))
    with pytest.raises(InstallError, match="has more than"):
        install_release("9.1.0", tmp_path, sha256="0" * 64, client=large)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(InstallError, match="gpg is not there"):
        install_release("9.1.0", tmp_path)
