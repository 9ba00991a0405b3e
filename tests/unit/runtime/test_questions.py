"""Detectors and checks of a configuration: the user's files, names and settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from starfort.config import ConfigError
from starfort.config.loading import load
from starfort.runtime.questions import load_questions

CONFIG = """version: 1
listeners: [{name: public, address: "127.0.0.1:8080"}]
upstreams: [{name: app, addresses: ["127.0.0.1:9001"]}]
apis: [{name: shop, upstream: app}]
"""
OWN = """/*
name: own_check
title: "{subject} is wrong"
why: It is.
fix: Mend it.
severity: low
thresholds:
  most: {default: 3, minimum: 1, description: calls}
*/
SELECT '' AS api, '' AS endpoint_id, 'x' AS subject, now64(6) AS first_seen, now64(6) AS last_seen
FROM events WHERE time >= {since:DateTime64(6, 'UTC')} HAVING count() >= {most:UInt32}
"""


def _load(folder: Path, settings: str, **files: str) -> Path:
    (folder / "mine").mkdir()
    for name, text in files.items():
        (folder / "mine" / f"{name}.sql").write_text(text)
    path = folder / "starfort.yaml"
    path.write_text(CONFIG + settings)
    return path


def test_own_checks_run_with_their_settings(tmp_path: Path) -> None:
    """A pattern's files run beside those that come with Starfort, and its folder is watched for new ones."""
    settings = "checks: {files: [mine/*.sql], settings: {own_check: {most: 7}}, disabled: [open_endpoint, new_endpoint]}"
    asked = load_questions(load(_load(tmp_path, settings, own=OWN)))
    running = {check.name: check for check in asked.running_checks.queries}
    assert running["own_check"].settings["most"] == 7
    assert running["own_check"].bastion == "visibility"
    assert "open_endpoint" not in running
    assert "open_endpoint" in {check.name for check in asked.checks.every}
    assert [check.name for check in asked.running_checks.catalogue] == [
        "undocumented_endpoint",
        "forgotten_endpoint",
        "zombie_endpoint",
        "old_version_alive",
    ]
    assert asked.files == [tmp_path / "mine/own.sql", tmp_path / "mine"]


@pytest.mark.parametrize(
    ("settings", "text", "what"),
    [
        ("checks: {files: [none/*.sql]}", OWN, "starfort.yaml:5:18: none/*.sql matches no file"),
        (
            "checks: {disabled: [open_endpiont]}",
            OWN,
            "no check 'open_endpiont'\n  hint: did you mean 'open_endpoint'?",
        ),
        (
            "checks: {settings: {own_check: {msot: 1}}, files: [mine/*]}",
            OWN,
            "setting 'msot' is unknown; own_check has most",
        ),
        (
            "checks: {settings: {own_check: {most: 0}}, files: [mine/*]}",
            OWN,
            "setting 'most': got 0, expected at least 1",
        ),
        (
            "checks: {files: [mine/*.sql]}",
            OWN.replace("own_check", "new_endpoint"),
            "'new_endpoint' is taken by Starfort",
        ),
        (
            "checks: {files: [mine/*.sql]}",
            OWN.replace("own_check", "open_endpoint"),
            "'open_endpoint' is taken by",
        ),
        (
            "checks: {files: [mine/*.sql]}",
            OWN.replace("fix: Mend it.\n", ""),
            "own.sql:1:1: 'fix' is missing",
        ),
        ("checks: {files: [mine/*.sql]}", OWN.replace("{most:UInt32}", "{mots:UInt32}"), "own.sql:11:"),
        ("detectors: {files: [mine/*.sql]}", OWN, "own.sql:1:1: 'kind' is missing"),
        ("detectors: {disabled: [scrapign]}", OWN, "no detector 'scrapign'"),
    ],
)
def test_a_mistake_is_refused_with_its_place(tmp_path: Path, settings: str, text: str, what: str) -> None:
    """What is wrong in the configuration, or in a file that it names, is said with file, line and column."""
    with pytest.raises(ConfigError, match=re.escape(what)):
        load_questions(load(_load(tmp_path, settings, own=text)))
