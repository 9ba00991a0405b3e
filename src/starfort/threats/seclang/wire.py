"""The types of the format in which rules reach the engine; `crates/engine/src/rules/wire.rs` reads it."""

from __future__ import annotations

from typing import Final, TypedDict

FORMAT: Final = 2
"""The format of a rule set. The engine refuses any other format, and goes on with the bundle that it has."""


class Part(TypedDict, total=False):
    """A piece of a text; it has one of the two keys."""

    text: str
    var: tuple[str, str | None]
    """A variable, and the member of it, if one is named."""


Text = list[Part]
"""A text with variables in it."""


class Target(TypedDict):
    """What a link looks at."""

    variable: str
    selector: dict[str, str] | None
    """One entry: `name`, `regex` or `xpath`."""
    count: bool
    exclude: bool


class Operator(TypedDict):
    """What a link asks about each value."""

    kind: str
    argument: Text
    phrases: list[str]


class SetVariable(TypedDict):
    """`setvar`."""

    collection: str
    key: Text
    op: str
    """`set`, `add`, `subtract` or `unset`."""
    value: Text


class ExpireVariable(TypedDict):
    """`expirevar`."""

    collection: str
    key: Text
    seconds: Text


class OpenCollection(TypedDict):
    """`initcol` and its siblings."""

    collection: str
    key: Text


class SetEnvironment(TypedDict):
    """`setenv`."""

    name: Text
    value: Text


class Control(TypedDict, total=False):
    """`ctl`; it has one of the keys. Rules are named by their index."""

    rule_engine: str
    request_body_access: bool
    response_body_access: bool
    force_request_body_variable: bool
    request_body_processor: str
    # Indexes, so that the engine need not look for ids, tags and messages for each request.
    remove_rules: list[int]
    remove_target: tuple[list[int], Target]


class RuleAction(TypedDict, total=False):
    """What happens at a match; it has one of the keys."""

    set_var: SetVariable
    expire_var: ExpireVariable
    init_col: OpenCollection
    set_env: SetEnvironment
    ctl: Control


class Link(TypedDict):
    """One `SecRule` of a chain."""

    targets: list[Target]
    operator: Operator
    negated: bool
    transformations: list[str]
    multi_match: bool
    capture: bool
    msg: Text | None
    logdata: Text | None
    actions: list[RuleAction]
    reads_matched: bool
    """Whether its argument, targets or actions read what matched (see `matched`)."""


class Rule(TypedDict):
    """A rule with its chain."""

    id: int
    phase: int
    file: int
    line: int
    links: list[Link]
    rev: str
    ver: str
    severity: int | None
    tags: list[str]
    # Plain names instead of grammars, so that the engine alone decides how to weigh each kind.
    attacks: list[str]
    """The kinds of attacks that the rule looks for (see `attacks`)."""
    disruptive: str | dict[str, Text]
    status: int | None
    log: bool
    audit_log: bool
    notes: bool
    """Whether anything may ask what the rule matched (see `matched`)."""
    skip: int
    skip_to: int | None


class Constants(TypedDict):
    """What is the same in every transaction (see `constants`)."""

    dead: list[int]
    """The indexes of rules that never need to run."""
    initial: list[tuple[str, Constant]]
    """`TX` variables that these rules would have set, as they are when phase 1 begins."""


class Constant(TypedDict, total=False):
    """The value of a variable; it has one of the keys."""

    text: str
    integer: int


def literal(text: Text) -> str | None:
    """The text as it is; None when it contains variables."""
    parts = [part.get("text") for part in text]
    return None if None in parts else "".join(part for part in parts if part is not None)
