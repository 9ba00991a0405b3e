"""What is documented is what there is: commands, settings, error codes."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from starfort import _engine
from starfort.admin import errors as admin_errors
from starfort.admin import login as _login  # noqa: F401 (its error is one too)
from starfort.api.problem import TITLES
from starfort.cli.verbs import nouns, verbs
from starfort.config.model import Config

ROOT = Path(__file__).parents[4]
sys.path.append(str(ROOT / "scripts"))

import reference  # noqa: E402
import reference_configuration  # noqa: E402


def test_reference_pages_are_current() -> None:
    """docs/cli.md and docs/configuration.md are what `python scripts/reference.py` makes."""
    assert reference.stale() == []


def test_every_verb_has_its_file_and_entry() -> None:
    """A command lives where its words say, and docs/cli.md has it."""
    page = (ROOT / "docs/cli.md").read_text()
    words = [*verbs(), *(f"{name} {verb}" for name, noun in nouns().items() for verb in noun.verbs)]
    for each in words:
        assert (ROOT / "src/starfort/cli" / f"{each.replace(' ', '/')}.py").exists(), each
        assert f"## `starfort {each}`" in page
    assert len(words) > 25


def test_every_setting_is_described() -> None:
    """Each setting has a description and a row."""
    page = (ROOT / "docs/configuration.md").read_text()
    settings = list(reference_configuration.settings())
    assert len(settings) > 100
    for path in settings:
        section, _, name = path.rpartition(".")
        body = page.partition(f"`{section}`\n" if section else "## The file")[2].partition("\n#")[0]
        row = next((line for line in body.splitlines() if line.startswith(f"| `{name}` |")), "")
        assert row, path
        assert row.rstrip("| ").rpartition("|")[2].strip(), f"{path} has no description"


@pytest.mark.parametrize("name", sorted(reference_configuration.EXAMPLES))
def test_examples_load(name: str) -> None:
    """Each example of the configuration's page is accepted by the setting's model."""
    found = YAML(typ="safe").load(reference_configuration.EXAMPLES[name])
    base = YAML(typ="safe").load(reference_configuration.EXAMPLES[""])
    assert Config.model_validate(base | found)


def test_every_error_code_is_described() -> None:
    """docs/errors.md has every code of API and engine, and none that is gone."""
    codes = {code for code, _ in TITLES.values()} | set(_engine.ERROR_CODES)
    pending = [admin_errors.AdminError]
    while pending:
        kind = pending.pop()
        codes.add(kind.code)
        pending += kind.__subclasses__()
    listed = re.findall(r"^\| `([a-z_]+)` \|", (ROOT / "docs/errors.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(codes)


def test_commands_in_documents_exist() -> None:
    """Every `starfort …` that a document tells people to type is a command."""
    for document in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for line in re.findall(r"`starfort ([a-z][^`]*)`", document.read_text()):
            first, *rest = line.split()
            known = first in verbs() or (first in nouns() and rest and rest[0] in nouns()[first].verbs)
            assert known, f"{document.name}: starfort {line}"


def test_tests_that_the_security_model_names_exist() -> None:
    """Each requirement that docs/security.md calls held by a test has that test."""
    named = re.findall(
        r"`((?:\w+/)?test_\w+\.py)::(test_\w+)`", (ROOT / "docs/security.md").read_text("utf-8")
    )
    assert len(named) > 50
    for file, test in named:
        found = [
            path for path in (ROOT / "tests/unit").rglob(f"**/{file}") if f"def {test}(" in path.read_text()
        ]
        assert found, f"{file}::{test}"


def test_decisions_are_listed() -> None:
    """docs/adr/README.md has each decision once, in order."""
    listed = re.findall(
        r"^\| \[\d+\]\((\d{4}-[a-z0-9-]+\.md)\)", (ROOT / "docs/adr/README.md").read_text(), re.MULTILINE
    )
    assert listed == sorted(path.name for path in (ROOT / "docs/adr").glob("[0-9]*.md"))


def test_every_word_has_one_meaning() -> None:
    """The glossary of docs/concepts.md has some forty words or more, and none of them twice."""
    glossary = (ROOT / "docs/concepts.md").read_text("utf-8").partition("## Words")[2].partition("\n## ")[0]
    words = re.findall(r"^\| ([^|]+?) \| ", glossary, re.MULTILINE)
    words = [word for word in words if word != "word"]
    assert len(words) >= 40
    assert len(set(words)) == len(words)


def _anchors(document: Path) -> set[str]:
    """What GitHub calls the headings of a document."""
    headings = re.findall(r"^#+ (.*)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.strip().lower()).replace(" ", "-") for each in headings}


def test_links_lead_somewhere() -> None:
    """Files and headings that documents link to exist."""
    for document in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text("utf-8")):
            if link.startswith("http"):
                continue
            name, _, anchor = link.partition("#")
            target = (document.parent / name).resolve() if name else document
            assert target.exists(), f"{document.name}: {link}"
            assert not anchor or anchor in _anchors(target), f"{document.name}: {link}"
