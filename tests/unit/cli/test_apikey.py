"""`starfort apikey create`."""

from __future__ import annotations

import hashlib
import json

import pytest
from ruamel.yaml import YAML

from starfort.config.identity import ApiKey
from tests.unit.cli.conftest import Run


def test_key_and_entry_fit(run: Run) -> None:
    """The entry is YAML that the configuration accepts, and has the key's hash, not the key."""
    result = run(
        "apikey",
        "create",
        "--subject",
        "partner 1",
        "--scope",
        "read",
        "--scope",
        "write",
        "--expires",
        "90d",
    )
    key, _, entry = result.out.partition("\n")
    assert key not in entry
    (loaded,) = YAML(typ="safe").load(entry)
    checked = ApiKey.model_validate(loaded)
    assert checked.sha256 == hashlib.sha256(key.encode()).hexdigest()
    assert (checked.subject, checked.scopes) == ("partner 1", ["read", "write"])
    assert checked.expires is not None
    assert key not in result.err


def test_json(run: Run) -> None:
    """With `--json` both are in one object."""
    made = json.loads(run("apikey", "create", "--subject", "p", "--json").out)
    assert made["entry"] == {"subject": "p", "sha256": hashlib.sha256(made["key"].encode()).hexdigest()}


@pytest.mark.parametrize("expires", ["soon", "2020-01-01"])
def test_wrong_expiry(run: Run, expires: str) -> None:
    """A time that is none, or has passed, is a usage error."""
    assert run("apikey", "create", "--subject", "p", "--expires", expires).code == 2
