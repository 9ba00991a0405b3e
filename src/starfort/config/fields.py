"""Kinds of values that people write, each with a message that says what is expected."""

from __future__ import annotations

import ipaddress
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from starfort.base.addresses import parse_address
from starfort.base.units import parse_duration, parse_size


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    # A number alone could mean seconds or milliseconds, so it is refused with the message for units.
    return parse_duration(value if isinstance(value, str) else f"{value} (no unit)")


def _size(value: object) -> int:
    # YAML reads `64` as a number: bytes. It reads `true` as one, too, since a `bool` is an `int`.
    return value if isinstance(value, int) and not isinstance(value, bool) else parse_size(str(value))


def _network(value: object) -> str:
    # An address alone is a network of one, so that both can stand in the same list. `ip_interface` keeps the
    # address beside the network, which the check below needs.
    try:
        found = ipaddress.ip_interface(str(value))
    except ValueError:
        raise ValueError(
            f"{value!r} is no address or network: write 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32"
        ) from None
    if found.ip != found.network.network_address:
        # Which of the two is meant decides who is trusted or kept out, so neither is assumed.
        raise ValueError(
            f"{value!r} is an address and the length of a network at once: "
            f"write {found.network} for the network, or {found.ip} for the one address"
        )
    return str(found.network)


def _address(value: object) -> str:
    # The text is kept as written, because the API and messages show it; code that connects splits it again.
    parse_address(str(value))
    return str(value)


def _expiry(value: object) -> datetime:
    # YAML reads `2027-01-31` as a date. A `datetime` is a `date` too, so it is tested first.
    if isinstance(value, datetime):
        # A time without a zone is UTC, wherever the server stands, so that a policy ends everywhere at the
        # same time.
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    return _expiry(datetime.fromisoformat(str(value)))


TEXT = WithJsonSchema({"type": "string"})
Duration = Annotated[
    timedelta, BeforeValidator(_duration), TEXT, PlainSerializer(lambda v: f"{v.total_seconds()}s")
]
Size = Annotated[int, BeforeValidator(_size), WithJsonSchema({"type": ["string", "integer"]})]
Network = Annotated[str, BeforeValidator(_network)]
Address = Annotated[str, BeforeValidator(_address)]
Expiry = Annotated[
    datetime, BeforeValidator(_expiry), WithJsonSchema({"type": "string", "format": "date-time"})
]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$")]
HeaderValue = Annotated[str, Field(pattern=r"^[\t\x20-\x7e\x80-\xff]*$", max_length=8192)]
"""RFC 9110, section 5.5: visible characters, spaces and tabs. A line end would begin another header."""


class Model(BaseModel):
    """Base of all models. An unknown key is an error everywhere: it may be a typing error."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
