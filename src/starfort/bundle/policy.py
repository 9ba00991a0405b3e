"""Policies as the engine reads them; they mirror `Policy` and its parts in the engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from starfort.bundle.expression import Expr
from starfort.bundle.variant import Variant


class Phase(StrEnum):
    """The time at which a policy is asked: with the request or with the response."""

    REQUEST = "request"
    RESPONSE = "response"


class Mode(StrEnum):
    """Whether a policy acts, or only records what it would have done."""

    OBSERVE = "observe"
    ENFORCE = "enforce"


# Endpoints, responses and lists are referred to by number, so the engine searches for none of them.
class Action(Variant):
    """What a policy does."""

    NAMED: ClassVar[bool] = True

    @property
    def expressions(self) -> tuple[Expr, ...]:
        """The CEL expressions in it, in the order in which the configuration has them."""
        return ()


@dataclass(frozen=True)
class AllowAction(Action):
    """Let the request pass, whatever later policies say."""

    TAG: ClassVar[str] = "allow"


@dataclass(frozen=True)
class TagAction(Action):
    """Set a request header for the upstream."""

    TAG: ClassVar[str] = "tag"
    header: str
    """Lower case."""
    value: str


@dataclass(frozen=True)
class LimitAction(Action):
    """Allow so many requests in a time, by the generic cell rate algorithm (GCRA)."""

    TAG: ClassVar[str] = "limit"
    requests: int
    """Requests per period."""
    period_ms: int
    burst: int
    """Requests that may come at once beyond the rate."""
    key: tuple[Expr, ...]
    """String expressions; requests are counted separately for each of their values."""

    @property
    def expressions(self) -> tuple[Expr, ...]:
        """The expressions of its key."""
        return self.key


@dataclass(frozen=True)
class BlockAction(Action):
    """Refuse the request."""

    TAG: ClassVar[str] = "block"
    status: int
    body: str | None = None
    """The body of the answer; `None`: problem+json with the request id."""
    content_type: str | None = None


@dataclass(frozen=True)
class DivertAction(Action):
    """Send the request to another upstream."""

    TAG: ClassVar[str] = "divert"
    # By name, unlike the others: it goes to Envoy in a header, and the route table compares it.
    upstream: str
    """Name of the Envoy cluster."""


@dataclass(frozen=True)
class DeceiveAction(Action):
    """Answer as the API might answer, without asking the upstream."""

    TAG: ClassVar[str] = "deceive"
    response: int
    """Index in `Bundle.responses`."""


@dataclass(frozen=True)
class DelayAction(Action):
    """Hold the request for some time."""

    TAG: ClassVar[str] = "delay"
    duration_ms: int


@dataclass(frozen=True)
class MaskAction(Action):
    """Mask sensitive values in the response."""

    TAG: ClassVar[str] = "mask"
    classes: tuple[str, ...]
    """Classes to mask; empty: every class that is looked for."""


def action_form(word: str) -> Callable[..., Action]:
    """The class for the word of an action; the engine knows the same words (`policy/actions/mod.rs`)."""
    return next(each for each in Action.__subclasses__() if word == each.TAG)


@dataclass(frozen=True)
class Policy:
    """One policy."""

    name: str
    phase: Phase
    # `None` and not an empty tuple: a policy that is for nothing must not become one for everything.
    apis: tuple[int, ...] | None
    """Index in `Bundle.apis`; `None`: all."""
    endpoints: tuple[int, ...] | None
    """Index in `Bundle.endpoints`; `None`: all."""
    when: Expr
    """Its type is bool."""
    action: Action
    mode: Mode
    expires_s: int | None = None
    """Unix seconds."""
