"""A command imports what it needs and nothing else: what is imported is most of what a short command costs."""

from __future__ import annotations

import ast
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from starfort.cli.verbs import Verb, nouns, verbs
from tests.unit.cli.conftest import Run, Served

WATCH = """
import json, sys
from starfort.cli.app import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    code = ended.code or 0
else:
    code = 0
sys.stdout.flush()
print(json.dumps({"code": code, "modules": sorted(sys.modules)}), file=sys.stderr)
"""

STORE_AND_PAGES = (
    "chdb",
    "pyarrow",
    "numpy",
    "sqlalchemy",
    "alembic",
    "clickhouse_connect",
    "nicegui",
    "fastapi",
    "uvicorn",
)
"""What a running Starfort is made of."""

ASKING = (
    *STORE_AND_PAGES,
    "starfort._engine",
    "starfort.config.model",
    "starfort.compile",
    "httpx",
    "asyncio",
)
"""What a command that asks a running Starfort leaves alone. (Typer itself reads options with pydantic.)"""

CHECKING = (
    *STORE_AND_PAGES,
    "httpx",
    "structlog",
    "envoy",
    "cryptography",
    "starfort.runtime.runtime",
    "rich.progress",
)
"""What checking a file leaves alone."""

HELPING = (*ASKING, "rich", "ruamel", "starfort.config")
"""What help leaves alone."""


def watched(folder: Path, *arguments: str) -> tuple[int, set[str]]:
    """Exit code of a command in a process of its own, and every module that it imported."""
    ran = subprocess.run(
        [sys.executable, "-c", WATCH, *arguments],
        cwd=folder,
        env={
            **os.environ,
            "XDG_CACHE_HOME": str(folder / "cache"),
            "STARFORT_RULESETS": str(folder / "none"),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = json.loads(ran.stderr.splitlines()[-1])
    return found["code"], set(found["modules"])


def heavy(modules: set[str], names: tuple[str, ...]) -> list[str]:
    """Those of the names that were imported, as themselves or as a package of what was."""
    return [name for name in names if any(each == name or each.startswith(f"{name}.") for each in modules)]


@pytest.mark.parametrize(
    "arguments", [["--help"], [], ["events", "--help"], ["catalogue", "--help"], ["statsu"]]
)
def test_help_imports_no_command(tmp_path: Path, arguments: list[str]) -> None:
    """Help, and telling that a command or an option does not exist, build nothing."""
    _, modules = watched(tmp_path, *arguments)
    assert heavy(modules, HELPING) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["events"],
        ["catalogue", "list"],
        ["findings"],
        ["alerts", "list"],
        ["policy", "list"],
        ["detectors", "list"],
    ],
)
def test_commands_that_ask_import_no_models(served: Served, tmp_path: Path, arguments: list[str]) -> None:
    """Who asks a running Starfort reads where it is and prints what it says: no models, no store, no pages."""
    (tmp_path / "starfort.yaml").write_text("version: 1\ndata_dir: ./var\n")
    os.environ.pop("STARFORT_DATA_DIR", None)
    code, modules = watched(tmp_path, *arguments)
    assert code in {0, 1}
    assert heavy(modules, ASKING) == []


def test_check_imports_no_store_and_no_proxy(run: Run, tmp_path: Path) -> None:
    """Checking compiles a configuration; what runs it stays out."""
    assert run("init").code == 0
    code, modules = watched(tmp_path, "check")
    assert code == 0
    assert "starfort.compile.compiler" in modules
    assert heavy(modules, CHECKING) == []


def _verbs() -> list[tuple[str, Verb]]:
    return [
        *verbs().items(),
        *((f"{name} {inner}", verb) for name, noun in nouns().items() for inner, verb in noun.verbs.items()),
    ]


def test_short_help_is_the_docstring_of_the_command() -> None:
    """The list of commands says what the command itself says: its first paragraph."""
    for words, verb in _verbs():
        paragraph = (inspect.getdoc(verb.load()) or "").split("\n\n")[0]
        assert " ".join(paragraph.split()) == verb.help, words


def test_commands_import_at_the_top_only_what_is_light() -> None:
    """No module of a command imports a heavy package when it is itself imported."""
    for path in (Path(inspect.getfile(Verb)).parent).rglob("*.py"):
        if path.name in {"remote.py", "source.py"}:  # imported by --url alone, and by commands about rules
            continue
        for node in ast.parse(path.read_text()).body:
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(f"{node.module}.{each.name}" for each in node.names)]
            assert heavy(set(names), (*(set(HELPING) - {"asyncio"}), "starfort.runtime")) == [], path
