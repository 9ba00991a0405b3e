"""Policies: conditions checked, names made to indexes, the phase decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from starfort.bundle import expression as e
from starfort.bundle import policy as p
from starfort.compile.cel import CelError, Environment, compile_expression
from starfort.compile.endpoints import EndpointTable
from starfort.compile.variables import RESPONSE_FIELDS, variable_name
from starfort.config import ConfigProblem, LoadedConfig
from starfort.config.model import Action, Api, Policy
from starfort.config.source import Location

UNSETTABLE_HEADERS: Final = frozenset(
    {"connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Headers that say how the message itself is sent (RFC 9110, sections 7.6.1 and 8.6)."""

RESERVED_PREFIX: Final = "x-starfort-"

_LATE: Final = {
    "tag": "the upstream has already got the request: tag in a policy of its own, without response.*",
    "divert": "the upstream has already acted: divert in a policy of its own, without response.*",
    "delay": "the upstream has already acted: delay in a policy of its own, without response.*",
    "limit": "the request has already been served: limit in a policy of its own, without response.*",
    "deceive": "the upstream has already acted: use block, which can give status and body",
}
"""What cannot be done when the answer is there, and what to do."""


@dataclass(frozen=True)
class CompiledPolicy:
    """One policy, for people.

    Attributes:
        name: unique name.
        description: what its author says of it.
        when: the condition as written.
        action: kind of its action: `allow`, `tag`, `limit` and so on.
        mode: `observe` or `enforce`.
        phase: `request` or `response`.
        apis: names of the APIs it is for; `None`: all.
        endpoints: as written; `None`: all.
        expires_s: Unix seconds.
        line: where it begins in the configuration.
    """

    name: str
    description: str
    when: str
    action: str
    mode: str
    phase: str
    apis: tuple[str, ...] | None
    endpoints: tuple[str, ...] | None
    expires_s: int | None
    line: int


class PolicyCompiler:
    """Compiles the policies of one configuration; what is wrong goes to `problems`.

    Args:
        loaded: the configuration.
        apis: its APIs in the bundle's order.
        table: the endpoints; policies add those that they name and that are not there yet.
        environment: what conditions may name.
        problems: gets what is wrong.
    """

    def __init__(
        self,
        loaded: LoadedConfig,
        apis: Sequence[Api],
        table: EndpointTable,
        environment: Environment,
        problems: list[ConfigProblem],
    ) -> None:
        self._loaded = loaded
        self._apis = {api.name: number for number, api in enumerate(apis)}
        self._table = table
        self._environment = environment
        self._problems = problems
        self._responses = [response.name for response in loaded.config.responses]

    def compile(self) -> list[tuple[p.Policy, CompiledPolicy]]:
        """Every policy, in order."""
        policies = list(enumerate(self._loaded.config.policies))
        for _, policy in policies:
            # All that they name is made first: `* /path` of one has the methods that another one names.
            for match in policy.endpoints or []:
                self._table.resolve(match, self._scope(policy))
        return [self._policy(index, policy) for index, policy in policies]

    def _policy(self, index: int, policy: Policy) -> tuple[p.Policy, CompiledPolicy]:
        here: Location = ("policies", index)
        when = self._expression((*here, "when"), policy.when, "bool")
        key = policy.action.limit.key if policy.action.limit else []
        keys = [
            self._expression((*here, "action", "limit", "key", n), one, "string") for n, one in enumerate(key)
        ]
        phase = self._phase(here, policy.action, [when, *keys])
        compiled = p.Policy(
            name=policy.name,
            phase=phase,
            apis=self._scope(policy),
            endpoints=self._endpoints(here, policy),
            when=when,
            action=self._action(here, policy.action, keys),
            mode=p.Mode(policy.mode),
            expires_s=int(policy.expires.timestamp()) if policy.expires else None,
        )
        return compiled, CompiledPolicy(
            policy.name, policy.description, policy.when, policy.action.kind, policy.mode, phase.value,
            None if policy.apis is None else tuple(policy.apis),
            None if policy.endpoints is None else tuple(policy.endpoints),
            compiled.expires_s, self._loaded.source.position(here)[0],
        )  # fmt: skip

    def _problem(self, location: Location, what: str, fix: str = "") -> None:
        self._problems.append(self._loaded.source.problem(location, what, fix))

    def _expression(self, location: Location, text: str, expected: Literal["bool", "string"]) -> e.Expr:
        try:
            return compile_expression(text, self._environment, expected)
        except CelError as error:
            source = self._loaded.source
            for one in error.problems:
                line, column = source.text_position(location, one.line, one.column)
                self._problems.append(ConfigProblem(source.file, line, column, one.what, one.fix))
            return e.BoolExpr(value=False)

    def _phase(self, here: Location, action: Action, expressions: list[e.Expr]) -> p.Phase:
        used = {field for expr in expressions for field in fields_of(expr)} & RESPONSE_FIELDS
        if used and action.kind in _LATE:
            names = ", ".join(
                sorted(variable_name(field) for field in used if isinstance(field, e.PlainField))
            )
            what = f"{action.kind} cannot follow a condition on {names}"
            self._problem((*here, "action"), what, _LATE[action.kind])
        return p.Phase.RESPONSE if used or action.kind == "mask" else p.Phase.REQUEST

    def _scope(self, policy: Policy) -> tuple[int, ...] | None:
        return None if policy.apis is None else tuple(self._apis[name] for name in policy.apis)

    def _endpoints(self, here: Location, policy: Policy) -> tuple[int, ...] | None:
        if policy.endpoints is None:
            return None
        found: dict[int, None] = {}
        for number, match in enumerate(policy.endpoints):
            resolved = self._table.resolve(match, self._scope(policy))
            if not resolved:
                what = f"no API of this policy has the path of {match!r}"
                fix = "paths count from the root: begin with the API's base path"
                self._problem((*here, "endpoints", number), what, fix)
            found.update(dict.fromkeys(resolved))
        return tuple(found)

    def _action(self, here: Location, action: Action, keys: list[e.Expr]) -> p.Action:
        makers: dict[str, Any] = {
            "tag": self._tag,
            "limit": self._limit,
            "delay": self._delay,
            "mask": self._mask,
        }
        if action.kind in makers:
            made: p.Action = makers[action.kind]((*here, "action", action.kind), action, keys)
            return made
        if action.block is not None:
            return p.BlockAction(action.block.status, action.block.body, action.block.content_type)
        if action.divert is not None:
            return p.DivertAction(action.divert)
        if action.deceive is not None:
            return p.DeceiveAction(self._responses.index(action.deceive))
        return p.AllowAction()

    def _tag(self, location: Location, action: Any, _: list[e.Expr]) -> p.Action:
        name = action.tag.header.lower()
        if name in UNSETTABLE_HEADERS or name.startswith(RESERVED_PREFIX):
            fix = "choose another name, such as x-risk"
            self._problem((*location, "header"), f"the header {name!r} cannot be set", fix)
        return p.TagAction(name, action.tag.value)

    def _limit(self, location: Location, action: Any, keys: list[e.Expr]) -> p.Action:
        requests, period = action.limit.rate
        period_ms = round(period.total_seconds() * 1000)
        if period_ms < 1:
            self._problem((*location, "rate"), "the period of a rate must be at least 1ms")
        return p.LimitAction(requests, max(period_ms, 1), action.limit.burst, tuple(keys))

    def _delay(self, location: Location, action: Any, _: list[e.Expr]) -> p.Action:
        duration_ms = round(action.delay.total_seconds() * 1000)
        if duration_ms < 1:
            self._problem(location, "a delay must be at least 1ms")
        return p.DelayAction(duration_ms)

    def _mask(self, location: Location, action: Any, _: list[e.Expr]) -> p.Action:
        if not self._loaded.config.sensitive.classes:
            fix = "name classes in sensitive.classes"
            self._problem(location, "there is nothing to mask: no class of sensitive data is looked for", fix)
        return p.MaskAction(tuple(dict.fromkeys(action.mask)))


def fields_of(expr: Any) -> set[Any]:
    """Every variable that an expression uses."""
    if isinstance(expr, e.FieldExpr):
        return {expr.field}
    if isinstance(expr, tuple):
        return {field for item in expr for field in fields_of(item)}
    if isinstance(expr, e.Expr):
        return fields_of(tuple(vars(expr).values()))
    return set()
