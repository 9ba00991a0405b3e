"""How the value of each policy action is written in `starfort.yaml`: `{status: 401}` of `block`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from starfort.base.units import parse_rate
from starfort.config.fields import TEXT, Duration, HeaderName, HeaderValue, Model, Name

Kind = Literal["upstream", "response", "sensitive class that is looked for,"]
"""What a name in an action stands for, in the words of the message about an unknown one."""


class TagAction(Model):
    """A request header for the upstream."""

    header: HeaderName
    """Its name."""
    value: Annotated[str, Field(pattern=r"^[\x20-\x7e]*$")]
    """Its value."""


class LimitAction(Model):
    """A rate limit (GCRA)."""

    rate: Annotated[
        tuple[int, timedelta],
        BeforeValidator(lambda value: parse_rate(value) if isinstance(value, str) else value),
        TEXT,
    ]
    """Requests per period: `10/s`, `100/1m`."""
    burst: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Requests that may come at once beyond the rate."""
    key: Annotated[list[str], Field(max_length=8)] = ["client.address"]
    """What is counted apart: CEL expressions that are strings."""


class BlockAction(Model):
    """A refusal."""

    status: Annotated[int, Field(ge=200, le=599)] = 403
    """HTTP status."""
    body: str | None = None
    """Default: problem+json with the request id."""
    content_type: HeaderValue | None = None
    """Content type of `body`."""


def _delay(value: timedelta) -> timedelta:
    # The engine holds a request for at most `MAX_DELAY_MS`, since each one that is held takes memory.
    if not timedelta() < value <= timedelta(seconds=30):
        raise ValueError("delay must be more than 0s and at most 30s")
    return value


@dataclass(frozen=True, slots=True)
class Setting:
    """How one action is written.

    Attributes:
        form: type of the value behind its word.
        alone: value that the bare word stands for (`action: block`); `None`: the word needs a value.
        names: what the value, or each item of it, is the name of; `None`: it names nothing.
        expressions: fields of the value that are lists of CEL expressions.
    """

    form: object
    alone: object = None
    names: Kind | None = None
    expressions: tuple[str, ...] = ()


SETTINGS: Final[dict[str, Setting]] = {
    "allow": Setting(Literal[True], alone=True),
    "tag": Setting(TagAction),
    "block": Setting(BlockAction, alone={}),
    "limit": Setting(LimitAction, expressions=("key",)),
    "divert": Setting(Name, names="upstream"),
    "deceive": Setting(Name, names="response"),
    "delay": Setting(Annotated[Duration, AfterValidator(_delay)]),
    "mask": Setting(list[str], alone=[], names="sensitive class that is looked for,"),
}
"""By word; `actions.ACTIONS` has the same words."""
