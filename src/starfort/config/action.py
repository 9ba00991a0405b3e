"""The action of a policy: one of the actions in the table, with its value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

from pydantic import Field, create_model, model_validator

from starfort.base.actions import ACTIONS, PolicyAction
from starfort.config.action_settings import SETTINGS, Kind
from starfort.config.fields import Model

Place = tuple[str | int, ...]
"""Keys and indexes that lead from an action to a value within it."""


class OneAction(Model):
    """The base of `Action`, whose fields are made from the table of actions."""

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
        # Counts the keys that stand in the file: every action that is not given has the default `None`.
        if len(self.model_fields_set) != 1:
            names = ", ".join(type(self).model_fields)
            raise ValueError(f"give exactly one action of {names}")
        return self

    @property
    def kind(self) -> str:
        """Word of the one action that is given."""
        return next(iter(self.model_fields_set))

    @property
    def row(self) -> PolicyAction:
        """Its row in the table."""
        return next(each for each in ACTIONS if each.word == self.kind)

    @property
    def setting(self) -> object:
        """The value behind its word."""
        return getattr(self, self.kind)

    def names(self) -> Iterator[tuple[Place, Kind, str]]:
        """The things that the action refers to and that must exist: place, kind and name of each."""
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
        """What a policy does: exactly one. This class is for type checkers; the real one is made below."""

else:
    # Made from the table, so that an action that is added there cannot be forgotten here.
    Action = create_model(
        "Action",
        __base__=OneAction,
        __doc__="What a policy does: exactly one.",
        __module__=__name__,
        **{
            row.word: (SETTINGS[row.word].form | None, Field(default=None, description=row.meaning))
            for row in ACTIONS
        },
    )
