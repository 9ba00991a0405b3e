"""How callers prove who they are."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from starfort.config.fields import Duration, Expiry, HeaderName, Model, Name
from starfort.config.paths import InputFile


class JwtProvider(Model):
    """An issuer of JWTs. Envoy verifies signature, issuer, audience and times."""

    name: Name
    """Unique name."""
    issuer: str
    """`iss` of its tokens."""
    audiences: list[str] = []
    """Values of `aud` that are accepted; an empty list accepts any."""
    jwks_file: InputFile | None = None
    """Keys as a file."""
    jwks_url: Annotated[str, Field(pattern=r"^https?://")] | None = None
    """URL of the keys. They are fetched again when they change."""
    jwks_ca: InputFile | None = None
    """PEM of the authorities for `jwks_url`; default: the system's."""
    subject_claim: str = "sub"
    """Claim that names the subject."""
    scopes_claim: str = "scope"
    """Claim that holds the scopes."""
    clock_skew: Duration = timedelta(seconds=60)
    """How far the clocks of issuer and Starfort may differ."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        # With both, it would not be clear which keys hold after one of them changed.
        if (self.jwks_file is None) == (self.jwks_url is None):
            raise ValueError("give exactly one of jwks_file and jwks_url")
        return self


class ApiKeySource(Model):
    """Where API keys are looked for: exactly one of the three settings."""

    header: HeaderName | None = None
    """Header name."""
    query: str | None = None
    """Query parameter."""
    cookie: str | None = None
    """Cookie."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(value is not None for value in (self.header, self.query, self.cookie)) != 1:
            raise ValueError("give exactly one of header, query and cookie")
        return self


class ApiKey(Model):
    """A known API key, by its hash. `starfort apikey create` makes the key and the hash."""

    subject: Annotated[str, Field(min_length=1, max_length=256)]
    """Name of the caller that the key belongs to."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the key, hexadecimal."""
    scopes: list[str] = []
    """Scopes of the key, which policies can ask for."""
    expires: Expiry | None = None
    """When the key ends."""


class ApiKeys(Model):
    """API keys."""

    sources: list[ApiKeySource] = [ApiKeySource(header="x-api-key")]
    """Where they are looked for, in order."""
    keys: list[ApiKey] = []
    """Known keys."""
    keys_file: InputFile | None = None
    """File with more keys, as a YAML list."""


class Identity(Model):
    """How callers prove who they are."""

    jwt: list[JwtProvider] = []
    """JWT providers."""
    api_keys: ApiKeys | None = None
    """API keys."""
    mtls: bool = False
    """Accept the subject of a client certificate that a listener verified."""
