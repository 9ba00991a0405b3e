"""Compiles the ways in which callers prove who they are: JWT providers, API keys, client certificates."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from starfort import bundle
from starfort.bundle import model
from starfort.config import ConfigError, ConfigProblem, LoadedConfig
from starfort.config.identity import ApiKey, ApiKeySource
from starfort.config.loading import describe
from starfort.contracts import files

JWT_PAYLOAD_HEADER: Final = "x-starfort-jwt"
"""The header in which Envoy's `jwt_authn` forwards the verified payload (docs/design/interfaces.md)."""

MAX_KEYS_FILE_BYTES: Final = 64 << 20
"""Some 400,000 keys with their subjects."""

MAX_PROBLEMS: Final = 20
"""How many wrong entries of one file are named at most."""

_KEYS: Final = TypeAdapter(list[ApiKey])


def to_bundle(loaded: LoadedConfig, problems: list[ConfigProblem]) -> bundle.Identity:
    """Identity as the engine reads it; what is wrong goes to `problems`."""
    identity = loaded.config.identity
    providers = tuple(
        bundle.JwtProvider(provider.name, provider.issuer, provider.subject_claim, provider.scopes_claim)
        for provider in identity.jwt
    )
    sources: tuple[model.ApiKeySource, ...] = ()
    if identity.api_keys is not None:
        sources = tuple(_source(source) for source in identity.api_keys.sources)
    return bundle.Identity(
        # Without a provider Envoy sets no such header, so one that arrives would be a client's own claim.
        jwt_payload_header=JWT_PAYLOAD_HEADER if providers else "",
        jwt_providers=providers,
        api_key_sources=sources,
        api_keys=tuple(_keys(loaded, problems)),
        mtls=identity.mtls,
    )


def _source(source: ApiKeySource) -> model.ApiKeySource:
    if source.header is not None:
        return model.HeaderSource(source.header.lower())
    return (
        model.QuerySource(source.query)
        if source.query is not None
        else model.CookieSource(str(source.cookie))
    )


def _keys(loaded: LoadedConfig, problems: list[ConfigProblem]) -> list[bundle.ApiKey]:
    settings = loaded.config.identity.api_keys
    if settings is None:
        return []
    here = ("identity", "api_keys", "keys")
    # By hash, across configuration and file: two subjects with one key could not be told apart.
    keys: dict[str, bundle.ApiKey] = {}
    for index, key in enumerate(settings.keys):
        if key.sha256 in keys:
            problems.append(loaded.source.problem((*here, index, "sha256"), "this key is there twice"))
        keys[key.sha256] = _key(key)
    if settings.keys_file is not None:
        found, wrong = _read(settings.keys_file)
        problems += wrong
        twice: list[tuple[files.Location, str, str]] = []
        for index, key in enumerate(found):
            if key.sha256 in keys:
                twice.append(((index, "sha256"), "this key is there twice, or in the configuration too", ""))
            keys[key.sha256] = _key(key)
        if twice:
            problems += files.placed(settings.keys_file, twice[:MAX_PROBLEMS])
    return list(keys.values())


def _key(key: ApiKey) -> bundle.ApiKey:
    expires_s = int(key.expires.timestamp()) if key.expires else None
    return bundle.ApiKey(bytes.fromhex(key.sha256), key.subject, tuple(key.scopes), expires_s)


def _read(file: Path) -> tuple[list[ApiKey], list[ConfigProblem]]:
    try:
        data = files.read(file, MAX_KEYS_FILE_BYTES)
        return _KEYS.validate_python([] if data is None else data), []
    except ConfigError as error:
        return [], error.problems
    except ValidationError as error:
        # Without the input: an entry that is wrong may hold the key itself instead of its hash.
        details = error.errors(include_input=False)[:MAX_PROBLEMS]
        wrong = [(detail["loc"], *describe(detail, ApiKey)) for detail in details]
        return [], files.placed(file, wrong)
