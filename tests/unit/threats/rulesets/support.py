"""A rule set of our own making that looks like CRS, small."""

from __future__ import annotations

import io
import subprocess
import tarfile
import zipfile
from pathlib import Path

FILES = {
    "coreruleset-9.1.0/crs-setup.conf.example": (
        'SecDefaultAction "phase:1,log,pass"\nSecDefaultAction "phase:2,log,pass"\n'
        'SecAction "id:900990,phase:1,pass,nolog,setvar:tx.crs_setup_version=910"\n'
    ),
    "coreruleset-9.1.0/LICENSE": "Apache License\n",
    "coreruleset-9.1.0/README.md": "no rule\n",
    "coreruleset-9.1.0/rules/REQUEST-901-INITIALIZATION.conf": (
        'SecComponentSignature "OWASP_CRS/9.1.0"\n'
        'SecRule &TX:detection_paranoia_level "@eq 0" "id:901125,phase:1,pass,nolog,'
        "setvar:'tx.detection_paranoia_level=%{TX.blocking_paranoia_level}'\"\n"
    ),
    "coreruleset-9.1.0/rules/REQUEST-942-SQLI.conf": (
        'SecRule ARGS "@pmFromFile words.data" "id:942999,phase:2,block,t:none,t:lowercase,msg:\'A word\','
        "tag:'attack-sqli',severity:CRITICAL,setvar:'tx.inbound_anomaly_score_pl1=+%{tx.critical_anomaly_score}'\"\n"
    ),
    "coreruleset-9.1.0/rules/words.data": "evilword\n",
    "coreruleset-9.1.0/rules/REQUEST-900-EXCLUSION-RULES-BEFORE-CRS.conf.example": "# nothing\n",
}


def folder(base: Path, files: dict[str, str] = FILES) -> Path:
    """The files in a folder."""
    for name, text in files.items():
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_text(text)
    return base


def tar(base: Path, files: dict[str, str] = FILES, extra: list[tarfile.TarInfo] | None = None) -> Path:
    """The files in a compressed tar archive, with more entries that hold nothing."""
    path = base / "rules.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
        for entry in extra or []:
            archive.addfile(entry)
    return path


def packed(base: Path, files: dict[str, str] = FILES) -> Path:
    """The files in a zip archive."""
    path = base / "rules.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def sign(home: Path, file: Path) -> bytes:
    """A detached signature by the key of a GnuPG folder."""
    done = subprocess.run(
        [
            "gpg",
            "--homedir",
            str(home),
            "--batch",
            "--no-tty",
            "--armor",
            "--output",
            "-",
            "--detach-sign",
            str(file),
        ],
        check=True,
        capture_output=True,
    )
    return done.stdout
