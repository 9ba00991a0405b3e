"""A stand-in for Envoy, for tests of the supervisor: version, administration socket, faults on demand.

Written into a test's folder as an executable; `fake.json` beside it says what goes wrong.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

SCRIPT = """#!{python}
import json, os, signal, socketserver, sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path

here = Path(__file__).parent
fault = json.loads((here / "fake.json").read_text())
if "--version" in sys.argv:
    print("envoy  version: 0123abcd/" + fault.get("version", "1.40.0") + "/Clean/RELEASE/BoringSSL")
    sys.exit(0)
with (here / "starts").open("a") as starts:
    starts.write(json.dumps(sys.argv[1:]) + "\\n")
if fault.get("says"):
    print(json.dumps({{"level": "error", "message": fault["says"]}}), file=sys.stderr, flush=True)
if "exit" in fault:
    sys.exit(fault["exit"])
if fault.get("deaf"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
bootstrap = Path(sys.argv[sys.argv.index("--config-path") + 1])
folder = bootstrap.parent
admin = json.loads(bootstrap.read_text())["admin"]["address"]["pipe"]["path"]
names = {{
    "clusters.json": "cluster_manager.cds", "listeners.json": "listener_manager.lds",
    "routes.json": "http.public.rds.starfort",
}}

def answer(path):
    if path == "/ready":
        return None if fault.get("never_ready") else "LIVE"
    if "version_text" in path:
        return "\\n".join(
            f'{{stat}}.version_text: "{{json.loads((folder / name).read_text())["version_info"]}}"'
            for name, stat in names.items()
        )
    if "update_rejected" in path:
        return "listener_manager.lds.update_rejected: " + str(int(bool(fault.get("rejects"))))
    return "" if "stats" in path else None

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        text = answer(self.path)
        body = (text or "").encode()
        self.send_response(503 if text is None else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
    def address_string(self):
        return ""
    def log_message(self, *_):
        pass

Path(admin).unlink(missing_ok=True)
socketserver.ThreadingUnixStreamServer(admin, Handler).serve_forever()
"""


class FakeEnvoy:
    """The script in a folder, with a module beside it that nobody loads."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "envoy"
        self.path.write_text(SCRIPT.format(python=sys.executable))
        self.path.chmod(0o755)
        self.modules = folder
        (folder / "libstarfort.so").touch()
        self.behaves()

    def behaves(self, **fault: Any) -> None:
        """From its next start on. `version`, `says`, `exit`, `deaf`, `never_ready`, `rejects`; none: well."""
        (self.path.parent / "fake.json").write_text(json.dumps(fault))

    def starts(self) -> int:
        """How often the stand-in was started."""
        try:
            return len((self.path.parent / "starts").read_text().splitlines())
        except FileNotFoundError:
            return 0
