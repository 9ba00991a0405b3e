"""Identity: providers, API keys, certificates."""

import hashlib
from pathlib import Path

import pytest

from starfort import _engine
from starfort.bundle import JwtProvider, encode
from starfort.bundle.model import ApiKey, CookieSource, HeaderSource, QuerySource
from tests.unit.compile.support import at, compiled, problems

HASH = hashlib.sha256(b"key-1").hexdigest()
OTHER = hashlib.sha256(b"key-2").hexdigest()


def test_identity_reaches_the_bundle(tmp_path: Path) -> None:
    """Names of headers in lower case, hashes as bytes, times in seconds."""
    rest = (
        "identity:\n  mtls: true\n  api_keys:\n"
        "    sources: [{header: X-Api-Key}, {query: key}, {cookie: Key}]\n"
        f"    keys: [{{subject: partner, sha256: {HASH}, scopes: [read], expires: 2030-01-01}}]\n"
    )
    identity = compiled(tmp_path, rest).bundle.identity
    assert identity.api_key_sources == (HeaderSource("x-api-key"), QuerySource("key"), CookieSource("Key"))
    assert identity.api_keys == (ApiKey(bytes.fromhex(HASH), "partner", ("read",), 1893456000),)
    assert identity.mtls
    assert identity.jwt_payload_header == ""


def test_jwt_providers_reach_the_bundle(tmp_path: Path) -> None:
    """With the header in which Envoy forwards the payload."""
    rest = "identity: {jwt: [{name: staff, issuer: 'https://id.example', jwks_url: 'https://id.example/jwks'}]}\n"
    identity = compiled(tmp_path, rest).bundle.identity
    assert identity.jwt_payload_header == "x-starfort-jwt"
    assert identity.jwt_providers == (JwtProvider("staff", "https://id.example", "sub", "scope"),)


def test_keys_of_a_file_are_verified_by_the_engine(tmp_path: Path) -> None:
    """Beside those of the configuration."""
    (tmp_path / "keys.yaml").write_text(f"- {{subject: two, sha256: {OTHER}}}\n", encoding="utf-8")
    rest = f"identity: {{api_keys: {{keys: [{{subject: one, sha256: {HASH}}}], keys_file: keys.yaml}}}}\n"
    made = compiled(tmp_path, rest)
    assert tmp_path / "keys.yaml" in made.files
    engine = _engine.Engine(encode(made.bundle))
    found = [
        engine.explain({"headers": {"x-api-key": key}})["identity"] for key in ("key-1", "key-2", "key-3")
    ]
    assert [one["subject"] for one in found] == ["one", "two", ""]
    assert [one["verified"] for one in found] == [True, True, False]


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        (
            f"- {{subject: a, sha256: {HASH}}}\n- {{subject: b, sha256: {HASH}}}\n",
            f"sha256: {HASH}}}",
            "there twice",
        ),
        ("- {subject: a, sha256: secret}\n", "sha256: secret}", "should match pattern"),
        (f"- {{subject: a, sha265: {HASH}}}\n", "sha265", "unknown key 'sha265'"),
        ("- subject: a\n", "subject: a", "'sha256' is missing"),
        ("subject: a\n", "subject: a", "takes a list"),
        ("a: b: c\n", ": c", "is no YAML"),
    ],
)
def test_problems_of_a_keys_file_are_in_that_file(tmp_path: Path, text: str, where: str, what: str) -> None:
    """With line and column there; what might be a key is not repeated."""
    file = tmp_path / "keys.yaml"
    file.write_text(text, encoding="utf-8")
    found = problems(tmp_path, "identity: {api_keys: {keys_file: keys.yaml}}\n")
    assert [at(one).startswith(where) for one in found if what in one.what] == [True], found
    assert {one.file for one in found} == {file}
    assert not [one for one in found if "secret" in str(one)]


def test_an_empty_keys_file_has_no_keys(tmp_path: Path) -> None:
    """It may be filled later."""
    (tmp_path / "keys.yaml").write_text("", encoding="utf-8")
    assert compiled(tmp_path, "identity: {api_keys: {keys_file: keys.yaml}}\n").bundle.identity.api_keys == ()


def test_keys_are_there_once(tmp_path: Path) -> None:
    """Twice in the configuration is a problem too."""
    key = f"{{subject: a, sha256: {HASH}}}"
    (problem,) = problems(tmp_path, f"identity: {{api_keys: {{keys: [{key}, {key}]}}}}\n")
    assert "there twice" in problem.what
    assert at(problem).startswith(HASH)
