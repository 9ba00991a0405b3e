"""The whole of compiling."""

from pathlib import Path

import pytest

from starfort import _engine
from starfort.bundle import CannedResponse, OverLimit, decode, encode
from starfort.compile import addresses, compile_config
from starfort.config import load
from tests.unit.compile.support import APIS, HEAD, at, compiled, problems


def test_settings_reach_the_bundle(tmp_path: Path) -> None:
    """Each where the engine looks for it."""
    (tmp_path / "tor.txt").write_text("198.51.100.7 # exit\n2001:db8::/32\n", encoding="utf-8")
    rest = (
        "failure_mode: closed\n"
        "trusted_proxies: [10.0.0.0/8, 10.1.0.0/16]\n"
        "limits: {uri: 8KiB, request_body: 2MiB, depth: 32, over_limit: reject}\n"
        "lists: [{name: office, addresses: [192.0.2.0/24]}, {name: tor, addresses: [198.51.100.8], file: tor.txt}]\n"
        "responses: [{name: no, status: 401, headers: {Content-Type: text/plain}, body: é}]\n"
        "sensitive: {classes: [email, iban, email]}\n"
    )
    made = compiled(tmp_path, rest)
    bundle = made.bundle
    assert (bundle.node, bundle.fail_open, bundle.hash_key) == ("edge-1", False, bytes(32))
    assert bundle.trusted_proxies == addresses.pack("10.0.0.0/8")
    limits = bundle.limits
    assert (limits.uri_bytes, limits.request_body_bytes, limits.depth) == (8192, 2 << 20, 32)
    assert limits.over_limit is OverLimit.REFUSE
    assert [one.name for one in bundle.lists] == ["office", "tor"]
    exits = [addresses.pack(text) for text in ("198.51.100.7", "198.51.100.8", "2001:db8::/32")]
    assert bundle.lists[1].ranges == addresses.merge(exits)
    assert bundle.responses == (CannedResponse("no", 401, (("content-type", "text/plain"),), "é".encode()),)
    assert bundle.sensitive_classes == ("email", "iban")
    assert bundle.signal_kinds == ("credential_stuffing", "scraping")
    assert bundle.created_ms > 1_700_000_000_000
    assert made.files == [tmp_path / "starfort.yaml", tmp_path / "tor.txt"]
    assert decode(encode(bundle)) == bundle
    assert _engine.check_bundle(encode(bundle))["version"] == bundle.version


def test_the_same_configuration_has_the_same_version(tmp_path: Path) -> None:
    """And another one has another."""
    assert compiled(tmp_path, "").bundle.version == compiled(tmp_path, "").bundle.version
    assert (
        compiled(tmp_path, "").bundle.version != compiled(tmp_path, "failure_mode: closed\n").bundle.version
    )


def test_the_node_can_be_another(tmp_path: Path) -> None:
    """One configuration serves several nodes."""
    file = tmp_path / "starfort.yaml"
    file.write_text(HEAD + APIS, encoding="utf-8")
    made = compile_config(load(file), hash_key=bytes(32), signal_kinds=(), node="edge-2")
    assert made.bundle.node == "edge-2"


def test_a_hash_key_has_32_bytes(tmp_path: Path) -> None:
    """A shorter one would weaken every hash."""
    file = tmp_path / "starfort.yaml"
    file.write_text(HEAD + APIS, encoding="utf-8")
    with pytest.raises(ValueError, match="32 bytes"):
        compile_config(load(file), hash_key=b"short", signal_kinds=())


def test_problems_of_lists_are_in_their_files(tmp_path: Path) -> None:
    """Each with its line, and those of the configuration with theirs."""
    (tmp_path / "bad.txt").write_text("192.0.2.1\nnowhere\n", encoding="utf-8")
    rest = "lists: [{name: a, file: bad.txt}]\nsensitive: {classes: [shoe_size]}\n"
    listed, sensitive = problems(tmp_path, rest)
    assert (listed.file.name, at(listed)) == ("bad.txt", "nowhere")
    assert at(sensitive).startswith("shoe_size]")
    assert "card_number" in sensitive.fix


def test_a_list_and_its_file_have_one_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Together."""
    monkeypatch.setattr(addresses, "MAX_ADDRESSES", 2)
    (tmp_path / "two.txt").write_text("192.0.2.1\n192.0.2.2\n", encoding="utf-8")
    (problem,) = problems(tmp_path, "lists: [{name: a, addresses: [192.0.2.3], file: two.txt}]\n")
    assert "'a' has more than 2 addresses" in problem.what


def test_responses_cannot_break_the_protocol(tmp_path: Path) -> None:
    """A header's value has no line ends."""
    rest = 'responses: [{name: a, status: 200, headers: {x-a: "1\\r\\nx-b: 2"}}]\n'
    (problem,) = problems(tmp_path, rest)
    assert "pattern" in problem.what
