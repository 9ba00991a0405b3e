"""Compiles policy actions from what people write to what the engine reads.

Most actions have the same fields in the configuration and in the bundle (`BlockAction`), so they need no code
here. `MAKERS` has the others. A maker checks and looks up what the engine would otherwise have to do for each
request, or would refuse without a line and column.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar

from pydantic import BaseModel

from starfort.bundle import expression as e
from starfort.bundle import policy as p
from starfort.config import ConfigProblem, LoadedConfig
from starfort.config.action import Action
from starfort.config.action_settings import LimitAction, TagAction
from starfort.config.yaml_file import Location

Written = TypeVar("Written")

UNSETTABLE_HEADERS: Final = frozenset(
    {"connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Headers that say how the message itself is sent (RFC 9110, sections 7.6.1 and 8.6)."""

RESERVED_PREFIX: Final = "x-starfort-"
"""Names of headers in which the filter tells Envoy and upstreams something; no policy may set one."""


@dataclass(frozen=True, slots=True)
class ActionContext:
    """What a maker may need besides the setting itself.

    Attributes:
        loaded: the configuration.
        location: the location of the setting.
        expressions: the setting's CEL expressions, compiled, in the order of `Action.expressions`.
        problems: gets what is wrong.
    """

    loaded: LoadedConfig
    location: Location
    expressions: tuple[e.Expr, ...]
    problems: list[ConfigProblem]

    def problem(self, what: str, fix: str = "", *, at: tuple[str, ...] = ()) -> None:
        """Report what is wrong with the setting, or with the part of it that lies at `at`."""
        self.problems.append(self.loaded.source.problem((*self.location, *at), what, fix))


Maker = Callable[[ActionContext, object], p.Action]
"""Makes the action that the engine reads out of the setting that people write."""


def compile_action(action: Action, context: ActionContext) -> p.Action:
    """The action that the engine reads.

    Args:
        action: as written.
        context: what is known around it; problems go there.
    """
    maker = MAKERS.get(action.kind)
    if maker is not None:
        return maker(context, action.setting)
    form = p.action_form(action.kind)
    setting = action.setting
    if isinstance(setting, BaseModel):
        return form(**{name: getattr(setting, name) for name in type(setting).model_fields})
    # `allow: true` has nothing to set; any other plain setting is the one field of its action.
    return form() if setting is True else form(setting)


def _tag(context: ActionContext, setting: TagAction) -> p.Action:
    name = setting.header.lower()
    if name in UNSETTABLE_HEADERS or name.startswith(RESERVED_PREFIX):
        fix = "choose another name, such as x-risk"
        context.problem(f"the header {name!r} cannot be set", fix, at=("header",))
    return p.TagAction(name, setting.value)


def _limit(context: ActionContext, setting: LimitAction) -> p.Action:
    requests, period = setting.rate
    period_ms = round(period.total_seconds() * 1000)
    if period_ms < 1:
        context.problem("the period of a rate must be at least 1ms", at=("rate",))
    return p.LimitAction(requests, max(period_ms, 1), setting.burst, context.expressions)


def _deceive(context: ActionContext, setting: str) -> p.Action:
    # `config/references.py` has checked that there is a response of this name.
    names = [response.name for response in context.loaded.config.responses]
    return p.DeceiveAction(names.index(setting))


def _delay(context: ActionContext, setting: timedelta) -> p.Action:
    duration_ms = round(setting.total_seconds() * 1000)
    if duration_ms < 1:
        context.problem("a delay must be at least 1ms")
    return p.DelayAction(duration_ms)


def _mask(context: ActionContext, setting: list[str]) -> p.Action:
    if not context.loaded.config.sensitive.classes:
        fix = "name classes in sensitive.classes"
        context.problem("there is nothing to mask: no class of sensitive data is looked for", fix)
    return p.MaskAction(tuple(dict.fromkeys(setting)))


def _of(kind: type[Written], make: Callable[[ActionContext, Written], p.Action]) -> Maker:
    """A maker for settings of one type; the configuration has already checked the type."""
    # Checked once more, because the table below has makers of all types and hides them from type checkers.

    def maker(context: ActionContext, setting: object) -> p.Action:
        if not isinstance(setting, kind):
            raise TypeError(f"{setting!r} is no {kind.__name__}")
        return make(context, setting)

    return maker


MAKERS: Final[dict[str, Maker]] = {
    "tag": _of(TagAction, _tag),
    "limit": _of(LimitAction, _limit),
    "deceive": _of(str, _deceive),
    "delay": _of(timedelta, _delay),
    "mask": _of(list, _mask),
}
"""By word; an action that is not here has the same fields in the configuration and in the bundle."""
