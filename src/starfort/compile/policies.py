"""Compiles policies: conditions are checked, names become indexes, and the phase is decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from starfort.base.actions import Works
from starfort.bundle import expression as e
from starfort.bundle import policy as p
from starfort.compile.actions import ActionContext, compile_action
from starfort.compile.cel import CelError, Environment, compile_expression
from starfort.compile.endpoints import EndpointTable
from starfort.compile.variables import RESPONSE_FIELDS, variable_name
from starfort.compile.walk import fields_of
from starfort.config import ConfigProblem, LoadedConfig
from starfort.config.action import Action
from starfort.config.apis import Api
from starfort.config.policies import Policy
from starfort.config.yaml_file import Location


@dataclass(frozen=True)
class CompiledPolicy:
    """One policy as it is shown to people.

    Attributes:
        name: unique name.
        description: what its author says about it.
        when: the condition as written.
        action: kind of its action: `allow`, `tag`, `limit` and so on.
        mode: `observe` or `enforce`.
        phase: `request` or `response`.
        apis: names of the APIs that it is for; `None`: all.
        endpoints: the endpoints as written; `None`: all.
        expires_s: Unix seconds.
        line: the line of the configuration where it begins.
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

    def compile(self) -> list[tuple[p.Policy, CompiledPolicy]]:
        """Every policy, in order."""
        policies = list(enumerate(self._loaded.config.policies))
        for _, policy in policies:
            # All endpoints that policies name are made first: `* /path` includes methods from other policies.
            for match in policy.endpoints or []:
                self._table.resolve(match, self._scope(policy))
        return [self._policy(index, policy) for index, policy in policies]

    def _policy(self, index: int, policy: Policy) -> tuple[p.Policy, CompiledPolicy]:
        here: Location = ("policies", index)
        when = self._expression((*here, "when"), policy.when, "bool")
        expressions = [
            self._expression((*here, "action", *place), text, "string")
            for place, text in policy.action.expressions()
        ]
        phase = self._phase(here, policy.action, [when, *expressions])
        place: Location = (*here, "action", policy.action.kind)
        context = ActionContext(self._loaded, place, tuple(expressions), self._problems)
        compiled = p.Policy(
            name=policy.name,
            phase=phase,
            apis=self._scope(policy),
            endpoints=self._endpoints(here, policy),
            when=when,
            action=compile_action(policy.action, context),
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
            # A value must stand for it, so that the other expressions are checked too. No bundle has it.
            return e.BoolExpr(value=False)

    def _phase(self, here: Location, action: Action, expressions: list[e.Expr]) -> p.Phase:
        used = fields_of(expressions) & RESPONSE_FIELDS
        row = action.row
        if used and row.works is Works.ON_REQUEST:
            names = ", ".join(
                sorted(variable_name(field) for field in used if isinstance(field, e.PlainField))
            )
            what = f"{action.kind} cannot follow a condition on {names}"
            self._problem((*here, "action"), what, row.too_late)
        # A policy that needs nothing of the response is decided before the upstream acts, which is safer.
        return p.Phase.RESPONSE if used or row.works is Works.ON_RESPONSE else p.Phase.REQUEST

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
