"""Policies, and the named parts that their conditions and actions refer to."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from starfort.config.action import Action
from starfort.config.fields import Expiry, HeaderName, HeaderValue, Model, Name, Network
from starfort.config.paths import InputFile


class GeoFiles(Model):
    """MaxMind databases (GeoLite2, GeoIP2, or others in their format)."""

    country: InputFile | None = None
    """Country or City database."""
    asn: InputFile | None = None
    """ASN database."""


class AddressList(Model):
    """A named list of addresses and networks."""

    name: Name
    """Unique name, for `in_list(client.address, "NAME")`."""
    addresses: list[Network] = []
    """Addresses and networks."""
    file: InputFile | None = None
    """File with more of them, one on each line; `#` begins a comment. At most a million in all."""


class CannedResponse(Model):
    """An answer for `deceive`."""

    name: Name
    """Unique name."""
    status: Annotated[int, Field(ge=200, le=599)]
    """HTTP status."""
    headers: dict[HeaderName, HeaderValue] = {}
    """Header names and values."""
    body: str = ""
    """Body."""


class Policy(Model):
    """What to do with requests for which a condition holds. Policies are tried in their order."""

    name: Name
    """Unique name."""
    description: str = ""
    """A description for readers of the file; it has no effect."""
    apis: list[Name] | None = None
    """Only for these APIs."""
    endpoints: list[Annotated[str, Field(pattern=r"^([A-Z]+|\*) /\S*$")]] | None = None
    """Only for these endpoints: `METHOD /path/{template}`."""
    when: Annotated[str, Field(min_length=1, max_length=10_000)] = "true"
    """CEL condition, see docs/policies.md."""
    action: Action
    """What to do."""
    mode: Literal["observe", "enforce"] = "observe"
    """`observe` only records what would be done; `enforce` does it."""
    expires: Expiry | None = None
    """When the policy ends."""


class Sensitive(Model):
    """Which sensitive data Starfort looks for."""

    classes: list[str] = [
        "card_number",
        "iban",
        "email",
        "phone",
        "us_ssn",
        "jwt",
        "private_key",
        "cloud_key",
    ]
    """Classes; an empty list switches the stage off."""
