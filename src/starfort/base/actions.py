"""Every policy action, one row each. Whatever depends on which actions there are reads this table.

Readers are the configuration and its JSON Schema, the compiler and its warnings, the words and filters of
the command line and the API, the counts of the API, charts, colours and pages of the dashboard, and the
generated parts of docs/. SQL keeps no list of actions: it groups by the word that an event carries. In Rust
`crates/engine/src/policy/actions/` has a file for each word.

A new action is a row here, its setting in `config/action_settings.py`, its form in `bundle/policy.py`, and
its Rust file with a line in `actions/mod.rs`; `compile/actions.py` only if something about its setting has to
be checked or looked up.

This module imports nothing but the standard library: `starfort events` needs the words for its options, and
should not build the models of a configuration for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Ends(StrEnum):
    """When an action ends the list of policies, so that no later policy is asked."""

    ALWAYS = "always"
    """Whenever the policy's condition holds."""
    WHEN_EXCEEDED = "when_exceeded"
    """Only when the rate is exceeded; within it the next policy is asked."""
    NEVER = "never"
    """It acts, and the next policy is asked."""


class Works(StrEnum):
    """When an action can still do what it does."""

    ON_REQUEST = "on_request"
    """Only before the request goes to the upstream."""
    ON_RESPONSE = "on_response"
    """Only when the response came; its policies are asked then, whatever their conditions use."""
    ON_BOTH = "on_both"
    """On the request, or on the response if the condition uses something of the response."""


@dataclass(frozen=True, slots=True)
class Colour:
    """How one action is told from another at a glance."""

    badge: str = "muted"
    """CSS class of its badge in the dashboard (`dashboard/static/starfort.css`)."""
    chart: str = ""
    """Colour of its area in charts, `#rrggbb`, readable on dark and light pages; only decisions have one."""
    terminal: str = ""
    """Style of rich in which `starfort events` prints it; empty: as the text around it."""


@dataclass(frozen=True, slots=True)
class PolicyAction:
    """One action.

    Attributes:
        word: its name in configuration, bundle, events, metrics and SQL: `block`.
        past: what was done, as sentences, charts and the API's counts say it: `blocked`.
        ends: when it ends the list.
        works: when it can be done.
        meaning: one sentence for the reference of settings and the JSON Schema.
        example: how it is written, for `docs/policies.md`.
        happens: what happens, for `docs/policies.md`.
        too_late: why it cannot follow a condition on the response, and what to do instead. Only actions that
            work on the request alone have one.
        colour: how it is shown.
        meant_by: other words that people write for it, lower case; the command line then proposes this one.
    """

    word: str
    past: str
    ends: Ends
    works: Works
    meaning: str
    example: str
    happens: str
    too_late: str = ""
    colour: Colour = Colour()
    meant_by: tuple[str, ...] = ()

    @property
    def decides(self) -> bool:
        """Whether it can be what an event's `action` says, because it can end the list."""
        return self.ends is not Ends.NEVER


ALLOW: Final = "allow"
"""The word of requests that simply passed: an event has it too when no policy ended the list."""

STOPPED: Final = "stopped"
"""What filters call every decision but `ALLOW`; no action may have this word."""

ACTIONS: tuple[PolicyAction, ...] = (
    PolicyAction(
        word="allow",
        past="allowed",
        ends=Ends.ALWAYS,
        works=Works.ON_BOTH,
        meaning="Pass, whatever later policies say.",
        example="allow",
        happens="The request passes, whatever later policies say.",
        colour=Colour(badge="ok", chart="#5b8def"),
        meant_by=("pass", "passed", "accept", "ok", "permit"),
    ),
    PolicyAction(
        word="tag",
        past="tagged",
        ends=Ends.NEVER,
        works=Works.ON_REQUEST,
        meaning="Set a header for the upstream and go on.",
        example="tag: {header: x-risk, value: high}",
        happens="The upstream gets this request header. A header that a client sent under this name, or "
        "with `_` for `-`, never arrives.",
        too_late="the upstream has already got the request: tag in a policy of its own, without response.*",
    ),
    PolicyAction(
        word="block",
        past="blocked",
        ends=Ends.ALWAYS,
        works=Works.ON_BOTH,
        meaning="Refuse.",
        example="block: {status: 403, body: …, content_type: …}",
        happens="The request is refused. Without a body of yours the answer is problem+json (RFC 9457) "
        "with the request id and nothing about the rule.",
        colour=Colour(badge="bad", chart="#e5484d", terminal="red"),
        meant_by=("deny", "denied", "reject", "rejected", "drop", "refuse", "refused", "403", "forbid"),
    ),
    PolicyAction(
        word="limit",
        past="limited",
        ends=Ends.WHEN_EXCEEDED,
        works=Works.ON_REQUEST,
        meaning="429 when the rate is exceeded.",
        example="limit: {rate: 100/1m, burst: 20, key: [client.address]}",
        happens="Over the rate the answer is 429 with `Retry-After`, `RateLimit` and `RateLimit-Policy`. "
        "`key` says what is counted apart: CEL expressions that are strings. IPv6 addresses count "
        "by their /64. The count is exact across Envoy's workers.",
        too_late="the request has already been served: limit in a policy of its own, without response.*",
        colour=Colour(badge="warn", chart="#f0a020", terminal="yellow"),
        meant_by=("throttle", "throttled", "ratelimit", "rate-limit", "rate_limit", "429"),
    ),
    PolicyAction(
        word="divert",
        past="diverted",
        ends=Ends.ALWAYS,
        works=Works.ON_REQUEST,
        meaning="Send to this upstream instead.",
        example="divert: UPSTREAM",
        happens="The request goes to another upstream; the caller cannot tell.",
        too_late="the upstream has already acted: divert in a policy of its own, without response.*",
        colour=Colour(badge="violet", chart="#9b6ef3", terminal="magenta"),
        meant_by=("redirect", "route"),
    ),
    PolicyAction(
        word="deceive",
        past="deceived",
        ends=Ends.ALWAYS,
        works=Works.ON_REQUEST,
        meaning="Answer with this canned response.",
        example="deceive: RESPONSE",
        happens="The request is answered with one of `responses`, as the API might answer, without asking "
        "the API.",
        too_late="the upstream has already acted: use block, which can give status and body",
        colour=Colour(badge="teal", chart="#22b5a5", terminal="magenta"),
        meant_by=("fake", "honeypot", "tarpit"),
    ),
    PolicyAction(
        word="delay",
        past="delayed",
        ends=Ends.NEVER,
        works=Works.ON_REQUEST,
        meaning="Hold the request, at most 30s, and go on.",
        example="delay: 500ms",
        happens="The request is held, at most 30 s.",
        too_late="the upstream has already acted: delay in a policy of its own, without response.*",
    ),
    PolicyAction(
        word="mask",
        past="masked",
        ends=Ends.NEVER,
        works=Works.ON_RESPONSE,
        meaning="Mask these classes of sensitive data in JSON responses (none named: all), and go on.",
        example="mask: [card_number, …]",
        happens="Values that were found are masked in JSON responses; `[]` or `mask` alone: of every "
        "class that is looked for. Where it may apply, the upstream is asked neither for parts "
        "(`Range`), which can cut a value in two, nor for encodings that cannot be undone.",
    ),
)
"""In the order in which lists, charts and documents show them."""


def action_of(word: str) -> PolicyAction | None:
    """The row of a word; `None` for a word that is no action, which an event of a newer filter may carry."""
    return next((each for each in ACTIONS if each.word == word), None)


def decisions() -> tuple[PolicyAction, ...]:
    """The actions that can end the list: the values of an event's `action`."""
    return tuple(each for each in ACTIONS if each.decides)


def decision_filters() -> tuple[str, ...]:
    """What filters of events take: nothing, a decision, or all decisions but `ALLOW` together."""
    return ("", *(each.word for each in decisions()), STOPPED)


def past_of(word: str) -> str:
    """What was done, in the past: `blocked` for `block`; an unknown word stays as it is."""
    found = action_of(word)
    return found.past if found is not None else word


def colour_of(word: str) -> Colour:
    """How an action is shown; an unknown word is shown without a colour."""
    found = action_of(word)
    return found.colour if found is not None else Colour()
