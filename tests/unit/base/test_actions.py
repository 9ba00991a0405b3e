"""The table of policy actions, and that a row in it is all that most places need."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from starfort.base.actions import ACTIONS, STOPPED, Works, decisions
from starfort.bundle.policy import action_form
from starfort.config.action_settings import SETTINGS

ROOT = Path(__file__).parents[3]
ENGINE = ROOT / "crates/engine/src/policy/actions"
WORDS = [action.word for action in ACTIONS]


def missing_in_rust(words: Iterable[str]) -> list[str]:
    """What the engine lacks for each word, as a sentence."""
    listed = (ENGINE / "mod.rs").read_text(encoding="utf-8")
    enum = listed[listed.index("pub enum Action {") : listed.index("pub(super) enum CompiledAction")]
    missing = []
    for word in words:
        if not (ENGINE / f"{word}.rs").is_file():
            missing.append(f"write policy/actions/{word}.rs with a PolicyAction whose WORD is {word!r}")
        if not re.search(rf"^    {word.capitalize()}[,(]", enum, re.MULTILINE):
            missing.append(f"list {word.capitalize()} in policy/actions/mod.rs")
    return missing


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What every place makes of `challenge`, which only the table and its forms know of."""
    folder = tmp_path_factory.mktemp("made_up")
    command = [sys.executable, "-m", "tests.support.made_up_action", str(folder)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=170, check=False)
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


def test_the_table_is_whole() -> None:
    """Words and pasts are unique, every decision has a colour of its own, and only what can be too late says why."""
    assert len({action.word for action in ACTIONS} | {action.past for action in ACTIONS}) == 2 * len(ACTIONS)
    assert len({action.colour.chart for action in decisions()} - {""}) == len(decisions())
    assert {action.word for action in ACTIONS if action.too_late} == {
        action.word for action in ACTIONS if action.works is Works.ON_REQUEST
    }
    assert STOPPED not in WORDS


def test_each_action_has_its_forms() -> None:
    """Configuration and bundle have a form for each word, and the configuration for no other."""
    assert set(SETTINGS) == set(WORDS)
    assert [action_form(word).TAG for word in WORDS] == WORDS  # type: ignore[attr-defined]  # a class


def test_the_engine_has_each_action() -> None:
    """Rust has a file and a place in the list for each word, and for no other."""
    assert missing_in_rust(WORDS) == []
    assert {path.stem for path in ENGINE.glob("*.rs")} == {"mod", *WORDS}


def test_what_the_engine_needs_for_a_new_action_is_said() -> None:
    """For a word that is new, two files of the engine are named."""
    assert missing_in_rust(["challenge"]) == [
        "write policy/actions/challenge.rs with a PolicyAction whose WORD is 'challenge'",
        "list Challenge in policy/actions/mod.rs",
    ]


def test_a_new_action_is_configured_compiled_and_warned_of(said: dict[str, Any]) -> None:
    """Schema, phase, bundle, the warning of policies behind it and the refusal after a response follow the table."""
    found = said["configuration"]
    assert found["schema"] == "Ask the browser for a proof first."
    assert found["policies"] == [["challenge", "request"], ["block", "request"]]
    assert found["bundle"] == {"challenge": {"difficulty": 4}}
    assert [warning.split(":")[0] for warning in found["warnings"]] == ["'behind-it' is never reached"]
    assert "challenge cannot follow a condition on response.status" in found["late"]
    assert "challenge in a policy of its own" in found["late"]


def test_a_new_action_is_known_to_the_command_line(said: dict[str, Any]) -> None:
    """Options offer it, other words lead to it, and events show it in its colour."""
    found = said["command_line"]
    assert found["choices"][-2:] == ["challenge", "stopped"]
    assert all("Did you mean challenge?" in text for text in found["meant"])
    assert found["styled"]


def test_a_new_action_is_in_the_documents(said: dict[str, Any]) -> None:
    """The generated references list it."""
    assert said["documents"] == {"configuration": True, "policies": True, "events": True}


def test_a_new_action_is_counted(said: dict[str, Any]) -> None:
    """Series, totals and filters of the API count it, from events and from rollups, without a migration."""
    found = said["served"]["api"]
    for name in ("15m", "1h", "24h"):
        assert (found[f"totals {name}"], found[f"points {name}"]) == ([8, 2, 6], 6)
    for name in ("24h", "7d"):
        assert (found[f"rolled {name}"], found[f"stopped {name}"]) == ([6, 6], [6])
    filters = ("action=challenge", "policy=prove-it", "observed=prove-it")
    assert [found[name] for name in filters] == [3, 5, 1]
    assert found["described"] == [True, True]


def test_a_new_action_is_on_the_pages(said: dict[str, Any]) -> None:
    """Chart, chips, badges and sentences show it, in its colour and in its past."""
    pages = said["served"]["pages"]
    assert '"name": "challenged"' in pages["/"]
    assert "#ff00aa" in pages["/"]
    assert 'href="/events?action=challenge" class="chip">Challenged<' in pages["/events"]
    assert '<span class="badge pink">challenge</span>' in pages["/events"]
    assert "would challenge" in pages["/events"]
    assert "would have challenged" in re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", pages["/policies"]))
