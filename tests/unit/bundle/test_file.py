"""Bundle files: what is written is read again, and nothing else is."""

import os
from dataclasses import replace
from pathlib import Path

import msgpack
import pytest

from starfort.bundle import BundleError, decode, encode, read, with_version, write
from starfort.bundle import file as bundle_file
from tests.unit.bundle.samples import KEY, bundle


def test_a_bundle_reads_back_as_it_was_written() -> None:
    """Every kind of expression and action included."""
    wanted = with_version(bundle())
    assert decode(encode(bundle())) == wanted
    assert decode(encode(wanted)) == wanted


def test_enums_are_written_as_serde_reads_them() -> None:
    """Unit variants as text, others as a map of one; structs by field name."""
    payload = msgpack.unpackb(encode(bundle())[52:])
    assert payload["bots"] == [{"name": "curl", "class": "tool", "pattern": "^curl/"}]
    assert payload["policies"][0]["action"] == "allow"
    assert payload["policies"][1]["action"] == {"tag": {"header": "x-risk", "value": "high"}}
    assert payload["policies"][2]["action"]["limit"]["key"] == [{"field": "client_address"}]
    assert payload["identity"]["api_key_sources"][0] == {"header": "x-api-key"}
    assert {"field": {"signal_score": 1}} in [policy["when"] for policy in payload["policies"]]
    assert payload["hash_key"] == KEY


def test_the_version_is_the_configurations() -> None:
    """It does not depend on when the bundle is made, and changes with anything else."""
    one = with_version(bundle())
    assert one.version == with_version(replace(bundle(), created_ms=7)).version
    assert one.version == with_version(one).version
    assert len(one.version) == 16
    assert one.version != with_version(replace(bundle(), node="edge-2")).version


def test_damage_is_noticed() -> None:
    """Whatever byte is changed, and wherever the file ends."""
    content = encode(bundle())
    for position in range(0, len(content), 7):
        damaged = bytearray(content)
        damaged[position] ^= 0x55
        with pytest.raises(BundleError):
            decode(bytes(damaged))
    for length in range(0, len(content), 11):
        with pytest.raises(BundleError):
            decode(content[:length])


def test_a_payload_of_another_shape_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown variant, a missing field or a wrong type is an error that says so."""
    for changed in (
        {"apis": [{"name": "shop"}]},
        {"node": 3},
        {"policies": [{"name": "x"}]},
        {"fail_open": 1},
    ):
        payload = msgpack.unpackb(encode(bundle())[52:]) | changed
        monkeypatch.setattr(bundle_file, "_pack", lambda _, payload=payload: msgpack.packb(payload))
        with pytest.raises(BundleError, match="cannot be read"):
            decode(encode(with_version(bundle())))
        monkeypatch.undo()


def test_a_file_is_put_in_place_at_once(tmp_path: Path) -> None:
    """Mode 0600 whatever the mask, no temporary file is left."""
    path = tmp_path / "bundle.sfb"
    path.write_bytes(b"old")
    path.chmod(0o644)
    mask = os.umask(0)
    try:
        write(bundle(), path)
    finally:
        os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read(path) == with_version(bundle())
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old bundle stays in force when the disk is full."""
    path = tmp_path / "bundle.sfb"
    write(bundle(), path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write(replace(bundle(), node="edge-2"), path)
    assert read(path).node == "edge-1"
    assert list(tmp_path.iterdir()) == [path]


def test_the_hash_key_is_not_shown() -> None:
    """Not by repr, which ends up in logs and tracebacks."""
    assert repr(KEY)[2:-1] not in repr(bundle())
