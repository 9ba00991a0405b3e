"""A configuration becomes bundle, detectors and channels; the hash key."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from starfort import bundle
from starfort.alerts.channels.log import LogChannel
from starfort.alerts.channels.syslog import SyslogChannel
from starfort.alerts.channels.webhook import WebhookChannel
from starfort.runtime import checked
from starfort.runtime.checked import HASH_KEY_BYTES
from starfort.runtime.toolchain import RefusedError, Toolchain, hash_key

CONFIG = """version: 1
listeners: [{name: public, address: 127.0.0.1:8080}]
upstreams: [{name: shop, addresses: [127.0.0.1:9001]}]
apis: [{name: shop, upstream: shop}]
policies:
  - {name: stop, when: signals.own_kind.active, action: block}
detectors: {files: [detectors/*.sql], disabled: [scraping], settings: {credential_stuffing: {min_failures: 31}}}
"""

OWN = """/*
name: own
kind: own_kind
title: Own
description: Own.
watches: calls
key_type: address
window: 1m
severity: low
ttl: 1m
score: always 1
*/
SELECT toString(address) AS key, 1 AS score FROM events WHERE time >= {since:DateTime64(6, 'UTC')}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration with a detector of its own, in a data directory that is there."""
    (tmp_path / "detectors").mkdir()
    (tmp_path / "detectors" / "own.sql").write_text(OWN)
    (tmp_path / "var").mkdir()
    path = tmp_path / "starfort.yaml"
    path.write_text(CONFIG)
    return path


def test_configuration_becomes_bundle_and_detectors(config: Path) -> None:
    """The bundle is written and readable, own detectors run with settings, disabled ones don't, files are watched."""
    toolchain = Toolchain()
    built = toolchain.build(toolchain.load(config), ())
    names = {detector.name for detector in built.detectors}
    assert "own" in names
    assert "scraping" not in names
    stuffing = next(each for each in built.detectors if each.name == "credential_stuffing")
    assert stuffing.settings["min_failures"] == 31
    assert [(policy.name, policy.mode, policy.action) for policy in built.policies] == [
        ("stop", "observe", "block")
    ]
    assert {config.resolve(), config.parent / "detectors" / "own.sql", config.parent / "detectors"} <= {
        path.resolve() for path in built.files
    }
    toolchain.write_bundle(built, config.parent / "bundle.sfb")
    assert bundle.read(config.parent / "bundle.sfb").version == built.version
    assert toolchain.build(toolchain.load(config), ()).version == built.version


def test_kind_of_a_disabled_detector_stays_known(config: Path) -> None:
    """Switching a detector off does not break the policies that ask for its signals."""
    config.write_text(CONFIG.replace("disabled: [scraping]", "disabled: [own]"))
    toolchain = Toolchain()
    assert toolchain.build(toolchain.load(config), ()).policies


def test_problems_are_refused_all_at_once(config: Path) -> None:
    """Mistakes of the file and of detectors come as sentences with their places."""
    toolchain = Toolchain()
    config.write_text(CONFIG.replace("upstream: shop", "upstream: a").replace("name: stop,", ""))
    with pytest.raises(RefusedError) as refused:
        toolchain.load(config)
    assert all(problem.startswith(f"{config}:") for problem in refused.value.problems)
    config.write_text(
        CONFIG.replace("own_kind", "other").replace("min_failures: 31", "min_failures: many, x: 1")
    )
    with pytest.raises(RefusedError) as refused:
        toolchain.build(toolchain.load(config), ())
    assert len(refused.value.problems) == 2


def test_what_the_engine_refuses_is_refused(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before any filter has it: a pattern of a rule with its place, a contradiction of the bundle as what it is."""
    rules = config.parent / "mine.conf"
    rules.write_text('\nSecRule ARGS "@rx (?=a)" "id:1,phase:2,pass"\n')
    config.write_text(CONFIG + "rules: {sets: [], files: [mine.conf]}\n")
    toolchain = Toolchain()
    with pytest.raises(RefusedError) as refused:
        toolchain.build(toolchain.load(config), ())
    (problem,) = refused.value.problems
    assert problem.startswith(f"{rules}:2:1: rule 1 cannot run: look-around")
    rules.write_text('SecRule ARGS "@rx a" "id:1,phase:2,pass"\n')
    toolchain.build(toolchain.load(config), ())
    compile_config = checked.compile_config

    def contradictory(*arguments: Any, **named: Any) -> Any:
        made = compile_config(*arguments, **named)
        broken = dataclasses.replace(made.bundle, hash_key=b"short")
        return dataclasses.replace(made, bundle=broken)

    monkeypatch.setattr(checked, "compile_config", contradictory)
    with pytest.raises(RefusedError, match=r"starfort\.yaml.*the engine refuses what this comes to"):
        toolchain.build(toolchain.load(config), ())


def test_hash_key_is_made_once(tmp_path: Path) -> None:
    """The key is random, private, and the same at the next start; a damaged one is refused, not replaced."""
    key = hash_key(tmp_path)
    path = tmp_path / "hash.key"
    assert len(key) == HASH_KEY_BYTES
    assert hash_key(tmp_path) == key == path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    (tmp_path / "other").mkdir()
    assert hash_key(tmp_path / "other") != key
    path.write_bytes(b"short")
    with pytest.raises(RefusedError, match="holds 5 bytes"):
        hash_key(tmp_path)
    assert path.read_bytes() == b"short"


def test_channels_and_their_secrets(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each channel is made; a secret that is not there is a sentence that names where it should be."""
    secret = config.parent / "secret"
    secret.write_text("s3cret\n")
    config.write_text(
        CONFIG + "alerts:\n  - log: {}\n  - syslog: {address: '[::1]:514'}\n"
        "  - webhook: {url: https://hooks.example/x, secret_env: HOOK}\n"
        "  - webhook: {url: https://hooks.example/y, secret_file: secret}\n"
    )
    toolchain = Toolchain()
    settings = toolchain.load(config).config
    monkeypatch.delenv("HOOK", raising=False)
    with pytest.raises(RefusedError, match=r"alerts\[2\]: the environment variable HOOK is empty or not set"):
        toolchain.channels(settings)
    monkeypatch.setenv("HOOK", "k")
    kinds = [type(channel) for channel in toolchain.channels(settings)]
    assert kinds == [LogChannel, SyslogChannel, WebhookChannel, WebhookChannel]
    secret.unlink()
    with pytest.raises(RefusedError, match="secret_file"):
        toolchain.channels(settings)
