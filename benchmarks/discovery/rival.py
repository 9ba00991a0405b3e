"""The same traffic given to mitmproxy2swagger, which writes an OpenAPI document from recorded traffic."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from benchmarks.discovery.documents import Document
from benchmarks.discovery.measure import Score, score
from benchmarks.discovery.observe import PROVEN
from benchmarks.discovery.traffic import Call, Traffic
from benchmarks.report import ROOT, Row, figure
from starfort.catalogue.templates import skeleton

COMMAND: Final = ROOT / "build/discovery/venv/bin/mitmproxy2swagger"
CALLS: Final = 1_000
LIMIT_S: Final = 120
HOST: Final = "https://api.example.com"


def compare(documents: Sequence[Document]) -> list[Row]:
    """F1 of both on the traffic of these documents; no rows where mitmproxy2swagger is not installed."""
    command = str(COMMAND) if COMMAND.exists() else shutil.which("mitmproxy2swagger")
    if command is None:
        print("mitmproxy2swagger is missing: scripts/fetch-discovery installs it", file=sys.stderr)
        return []
    theirs, ours = Score(), Score()
    for document in documents:
        theirs += _score(command, document)
        ours += score(document, CALLS)
    what = f"{len(documents)} documents, {CALLS:,} calls"
    return [
        figure(f"{what}: F1", ours.f1, ""),
        figure(f"{what}: F1 of mitmproxy2swagger", theirs.f1, ""),
        figure(f"{what}: precision of mitmproxy2swagger", theirs.precision, ""),
        figure(f"{what}: recall of mitmproxy2swagger", theirs.recall, ""),
    ]


def _score(command: str, document: Document) -> Score:
    calls = list(Traffic(document).calls(CALLS))
    wanted = {
        (call.method, call.operation.skeleton) for call in calls if call.operation and call.status in PROVEN
    }
    with tempfile.TemporaryDirectory() as folder:
        found = _found(command, Path(folder), calls)
    return Score(len(found & wanted), len(found), len(wanted))


def _found(command: str, folder: Path, calls: Sequence[Call]) -> set[tuple[str, str]]:
    (folder / "traffic.har").write_text(json.dumps(_har(calls)), "utf-8")
    output = folder / "api.yaml"
    _run(command, folder)
    # The first run proposes templates, each with `ignore:` before it; a person removes that from the right
    # ones. These are the ones with a parameter, and the paths that none of them stands for.
    content = yaml.safe_load(output.read_text("utf-8"))
    proposed = [path.removeprefix("ignore:") for path in content.get("x-path-templates") or []]
    general = [path for path in proposed if "{" in path]
    covers = re.compile(
        "|".join(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(path)) for path in general) or "(?!)"
    )
    content["x-path-templates"] = general + [path for path in proposed if not covers.fullmatch(path)]
    output.write_text(yaml.safe_dump(content), "utf-8")
    _run(command, folder)
    content = yaml.safe_load(output.read_text("utf-8"))
    return {
        (method.upper(), skeleton(path))
        for path, item in (content.get("paths") or {}).items()
        for method in item
    }


def _run(command: str, folder: Path) -> None:
    subprocess.run(
        [command, "-i", "traffic.har", "-o", "api.yaml", "-p", HOST, "-f", "har"],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=LIMIT_S,
    )


def _har(calls: Sequence[Call]) -> dict[str, Any]:
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": "starfort", "version": "1"},
            "entries": [_entry(call) for call in calls],
        }
    }


def _entry(call: Call) -> dict[str, Any]:
    request = {
        "method": call.method,
        "url": HOST + call.path,
        "httpVersion": "HTTP/1.1",
        "headers": [],
        "queryString": [],
        "cookies": [],
        "headersSize": -1,
        "bodySize": 0,
    }
    content = {"size": 0, "mimeType": "application/json", "text": ""}
    response = {
        "status": call.status,
        "statusText": "",
        "httpVersion": "HTTP/1.1",
        "headers": [],
        "cookies": [],
        "content": content,
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": 0,
    }
    return {
        "startedDateTime": "2026-01-01T00:00:00Z",
        "time": 1,
        "request": request,
        "response": response,
        "cache": {},
        "timings": {"send": 0, "wait": 1, "receive": 0},
    }
