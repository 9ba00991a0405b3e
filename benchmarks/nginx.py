"""nginx from Debian: the upstream, a plain proxy, and a proxy with ModSecurity and the OWASP CRS."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from benchmarks import crs
from benchmarks.mix import CREATED, LOGIN_REFUSED, Mix
from benchmarks.processes import OTHER_CORE, PROXY_CORE, free_port, listening, need, on_core, running
from benchmarks.report import SkippedError

MODULE: Final = Path("/usr/lib/nginx/modules/ngx_http_modsecurity_module.so")
RECOMMENDED: Final = Path("/etc/nginx/modsecurity.conf")
DEBIAN_CRS: Final = Path("/usr/share/modsecurity-crs/owasp-crs.load")


@contextlib.asynccontextmanager
async def upstream(mix: Mix, folder: Path) -> AsyncIterator[int]:
    """The API: static answers. Yields its port."""
    locations = [f"location = /api/v1/login {{ return 401 '{LOGIN_REFUSED.decode()}'; }}"]
    for number, (path, answer) in enumerate(mix.answers.items()):
        if path in CREATED:
            locations.append(f"location = {path} {{ return 201 '{answer.decode()}'; }}")
            continue
        (folder / f"answer{number}.json").write_bytes(answer)
        exact = "" if path.endswith("/") else "= "
        locations.append(f"location {exact}{path} {{ root {folder}; try_files /answer{number}.json =404; }}")
    body = "open_file_cache max=100; default_type application/json;\n" + "\n".join(locations)
    async with _nginx("upstream", folder, body, OTHER_CORE) as (port, _):
        yield port


@contextlib.asynccontextmanager
async def proxy(to: int, folder: Path) -> AsyncIterator[tuple[int, int]]:
    """A plain proxy. Yields port and process."""
    async with _nginx("nginx", folder, _forward(to), PROXY_CORE) as found:
        yield found


@contextlib.asynccontextmanager
async def modsecurity(to: int, folder: Path, *, paranoia: int = 1) -> AsyncIterator[tuple[int, int]]:
    """A proxy with ModSecurity and CRS: Starfort's where it is installed, else Debian's.

    Debian's configuration of ModSecurity is used as it is but for: the engine is on (the package only
    detects), neither audit log nor error log say what was refused (in ModSecurity's favour), and JSON answers
    are looked at too, as Starfort does. Yields port and process.

    Args:
        to: the upstream's port.
        folder: for configuration and rules.
        paranoia: CRS's paranoia level; Debian's CRS has 1.

    Raises:
        SkippedError: the packages are not there.
    """
    if not (MODULE.exists() and RECOMMENDED.exists() and DEBIAN_CRS.exists()):
        packages = "libnginx-mod-http-modsecurity and modsecurity-crs"
        raise SkippedError(f"{packages} are not installed; as root, `make system-packages` installs them")
    rules = folder / f"modsecurity-pl{paranoia}.rules"
    recommended = RECOMMENDED.read_text().replace(
        "unicode.mapping", str(RECOMMENDED.parent / "unicode.mapping")
    )
    changed = (
        "SecRuleEngine On\nSecAuditEngine Off\n"
        "SecResponseBodyMimeType text/plain text/html text/xml application/json\n"
    )
    rules.write_text(f"{recommended}\n{changed}\n{_crs(folder, paranoia)}\n")
    name = f"modsecurity-pl{paranoia}"
    quiet = f"error_log {folder}/{name}.err crit;"
    body = f"{quiet}\nmodsecurity on;\nmodsecurity_rules_file {rules};\n{_forward(to)}"
    async with _nginx(name, folder, body, PROXY_CORE, head=f"load_module {MODULE};") as found:
        yield found


def _crs(folder: Path, paranoia: int) -> str:
    """Directives that load CRS."""
    found = crs.installed()
    if found is None:
        return DEBIAN_CRS.read_text().replace("IncludeOptional", "Include")
    setup, *rules = crs.for_modsecurity(found, folder / "modsecurity-crs")
    level = f'SecAction "id:1,phase:1,pass,nolog,t:none,setvar:tx.blocking_paranoia_level={paranoia}"'
    return "\n".join([f"Include {setup}", level, *(f"Include {file}" for file in rules)])


def _forward(to: int) -> str:
    # A body of 64 KB stays in memory.
    return (
        "client_body_buffer_size 256k;\n"
        "location / { proxy_pass http://api; proxy_http_version 1.1; proxy_set_header Connection ''; "
        "proxy_set_header Host $host; }\n"
    ).replace("http://api", f"http://api{to}")


@contextlib.asynccontextmanager
async def _nginx(
    name: str, folder: Path, body: str, core: int, *, head: str = ""
) -> AsyncIterator[tuple[int, int]]:
    port = free_port()
    scratch = folder / f"{name}.tmp"
    scratch.mkdir(exist_ok=True)
    to = body.partition("http://api")[2].partition(";")[0]
    group = f"upstream api{to} {{ server 127.0.0.1:{to}; keepalive 128; }}" if to else ""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "\n".join(f"{kind}_temp_path {scratch}/{kind};" for kind in kinds)
    config = folder / f"{name}.conf"
    config.write_text(
        f"{head}\ndaemon off; master_process off; pid {scratch}/pid; error_log {folder}/{name}.err warn;\n"
        "events { worker_connections 1024; }\n"
        f"http {{ access_log off; keepalive_requests 1000000; sendfile on; tcp_nodelay on;\n"
        f"{paths}\n{group}\n"
        f"server {{ listen 127.0.0.1:{port}; {body} }} }}\n"
    )
    output = folder / f"{name}.log"
    command = [
        *on_core(core),
        need("nginx"),
        "-p",
        str(scratch),
        "-e",
        f"{folder}/{name}.err",
        "-c",
        str(config),
    ]
    async with running(command, output) as pid:
        await listening(port, pid, output)
        yield port, pid
