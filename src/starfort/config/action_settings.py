"""How each policy action is written in `starfort.yaml`: `action: {block: {status: 401}}`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, create_model, model_validator

from starfort.base import actions
from starfort.base.units import parse_rate
from starfort.config.fields import TEXT, Duration, HeaderName, HeaderValue, Model, Name

Place = tuple[str | int, ...]
"""Keys and indexes that lead from an action to a value within it."""

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


class OneAction(Model):
    """What `Action` is apart from its fields, which are made from the table."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        alone = {word: setting.alone for word, setting in SETTINGS.items() if setting.alone is not None}
        if isinstance(value, str):
            if value in alone:
                return {value: alone[value]}
            raise ValueError(
                f"{value!r} is no action: write {', '.join(alone)}, or {{divert: UPSTREAM}} and the like"
            )
        if isinstance(value, dict):
            # `block:` with nothing behind it is YAML's null and means the same as `block` alone. Null stays
            # a mistake where a list or `true` is expected: people write those out.
            return {
                word: {} if given is None and alone.get(word) == {} else given
                for word, given in value.items()
            }
        return value

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set) != 1:
            names = ", ".join(type(self).model_fields)
            raise ValueError(f"give exactly one action of {names}")
        return self

    @property
    def kind(self) -> str:
        """Word of the one action that is given."""
        return next(iter(self.model_fields_set))

    @property
    def row(self) -> actions.PolicyAction:
        """Its row in the table."""
        return next(each for each in actions.ACTIONS if each.word == self.kind)

    @property
    def setting(self) -> object:
        """The value behind its word."""
        return getattr(self, self.kind)

    def names(self) -> Iterator[tuple[Place, Kind, str]]:
        """Where it names something that must exist, what kind of thing, and the name."""
        kind, given = SETTINGS[self.kind].names, self.setting
        if kind is None:
            return
        if isinstance(given, list):
            yield from (((self.kind, number), kind, str(name)) for number, name in enumerate(given))
        else:
            yield (self.kind,), kind, str(given)

    def named(self, kind: Kind) -> list[str]:
        """Names of one kind of thing that it uses."""
        return [name for _, found, name in self.names() if found == kind]

    def expressions(self) -> list[tuple[Place, str]]:
        """The CEL expressions in it, and where each stands."""
        return [
            ((self.kind, field, number), text)
            for field in SETTINGS[self.kind].expressions
            for number, text in enumerate(getattr(self.setting, field))
        ]


if TYPE_CHECKING:

    class Action(OneAction):
        """What a policy does: exactly one. For types: the fields are made below."""

else:
    Action = create_model(
        "Action",
        __base__=OneAction,
        __doc__="What a policy does: exactly one.",
        __module__=__name__,
        **{
            row.word: (SETTINGS[row.word].form | None, Field(default=None, description=row.meaning))
            for row in actions.ACTIONS
        },
    )
