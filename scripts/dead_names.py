"""Names that nothing uses: `python scripts/dead_names.py`.

Vulture finds them. A name counts as used, too, when a text of the code or a template is that name: metrics, routes and
commands are found by it. What neither sees stands below, with who uses it. Tests are not read: what only a test uses is
dead.
"""

import ast
import re
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from vulture import Vulture
from vulture.core import Item

ROOT: Final = Path(__file__).parents[1]
READ: Final = ("src/starfort", "scripts", "benchmarks", "examples")

DECORATORS: Final = {
    "@router.*": "FastAPI calls a route",
    "@api.*": "the same",
    "@app.*": "the same",
    "@made.*": "the same",
    "@model_validator": "pydantic calls a validator",
    "@field_validator": "the same",
}

FIELDS: Final = {
    "src/starfort/admin/*.py": "the REST API shows them as JSON",
    "src/starfort/api/*.py": "the same",
    "src/starfort/bundle/*.py": "the bundle holds them, and the engine reads them by name",
    "src/starfort/config/*.py": "people write them in starfort.yaml, and the API shows them",
    "src/starfort/events/*.py": "`status` reads counters by the names of their slots",
    "src/starfort/runtime/status.py": "the REST API shows them as JSON",
    "src/starfort/state/*.py": "columns, which queries name; what Alembic reads of a migration",
    "src/starfort/threats/seclang/settings.py": "directives, found by their names",
}
"""Files whose fields are read by name, and by whom."""

FUNCTIONS: Final = {
    "src/starfort/cli/*.py": "a verb is found by the name of its file, and its public function is the command",
}
"""Files whose functions are called by what finds the file."""

NAMES: Final = {
    "CursorResult": "a cast names it, in quotes",
    "_": "a function whose decorator is all that is wanted",
    "__getattr__": "Python calls it, for names that are imported when they are used",
    "__signature__": "typer reads it",
    "__annotations__": "the same",
    "model_config": "pydantic reads it",
    "upgrade": "Alembic calls it",
    "isolation_level": "sqlite3 reads it",
    "preserve_quotes": "ruamel.yaml reads it",
    "sock": "http.client reads it",
    "should_exit": "uvicorn reads it",
    "capture_signals": "uvicorn calls it",
    "filter_stream": "Starlette calls it",
    "connection_made": "asyncio calls it",
    "data_received": "the same",
    "__call__": "Python calls it",
    "readable": "io.BufferedReader calls it",
    "readinto": "the same",
    "StreamAccessLogs": "gRPC calls it",
    "connect_unix_socket": "httpcore may call it",
    "changed_at": "the file of a document's copy says it to people",
    "failed_at": "the same",
    "happens": "docs/policies.md says it of each action",
    "DivertAction": "`Action` finds its kinds by `__subclasses__`",
    "queued": "a test holds the bound on waiting frames by it",
    "migrated": "a test holds the order of migrations by it",
}

_NAME: Final = re.compile(r"[A-Za-z_]\w*(?:[.:\[][A-Za-z_][\w.:\]]*)?")
"""A text that is a name, a `module:function` or a type such as `CursorResult[Any]`."""


def main() -> None:
    """Print each name that nothing uses, and end with 1 when there is one."""
    vulture = Vulture(ignore_decorators=list(DECORATORS))
    vulture.scavenge([str(ROOT / folder) for folder in READ])
    texts = set(names_in_texts())
    dead = [item for item in vulture.get_unused_code(min_confidence=60) if not is_used(item, texts)]
    for item in dead:
        path = Path(item.filename).relative_to(ROOT)
        print(f"{path}:{item.first_lineno}: nothing uses the {item.typ} {item.name!r}")
    if dead:
        print("Remove them, or say in scripts/dead_names.py who uses them.", file=sys.stderr)
        raise SystemExit(1)


def names_in_texts() -> Iterator[str]:
    """Names that stand in templates, or that a text of the code consists of."""
    for folder in READ:
        for file in (ROOT / folder).rglob("*.html"):
            yield from re.findall(r"\w+", file.read_text(encoding="utf-8"))
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Constant)
                    and isinstance(node.value, str)
                    and _NAME.fullmatch(node.value)
                ):
                    yield from re.findall(r"\w+", node.value)


def is_used(item: Item, texts: set[str]) -> bool:
    """Whether somebody uses a name although vulture sees nobody."""
    path = str(Path(item.filename).relative_to(ROOT))
    is_field = item.typ in {"variable", "attribute"} and any(fnmatch(path, each) for each in FIELDS)
    is_found = item.typ == "function" and any(fnmatch(path, each) for each in FUNCTIONS)
    return is_field or is_found or item.name in NAMES or item.name in texts


if __name__ == "__main__":
    main()
