"""What the endpoints of detectors and of checks have in common: which one a caller means."""

from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import HTTPException
from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from starfort.admin.roles import Principal, Role
from starfort.admin.trials import Trials
from starfort.questions.file import MAX_QUESTION_BYTES
from starfort.questions.question import Question

Found = TypeVar("Found")
Q = TypeVar("Q", bound=Question)

# Says "exactly one of the two" in the description of the API too; pydantic's model cannot say it by itself.
_ONE: list[JsonValue] = [
    {"required": [given], "properties": {given: {"type": "string"}, other: {"type": "null"}}}
    for given, other in (("name", "text"), ("text", "name"))
]


class Subject(BaseModel):
    """Which detector or check: one that runs, or the text of a file."""

    model_config = ConfigDict(json_schema_extra={"oneOf": _ONE})

    name: Annotated[str | None, Field(max_length=64, description="Name of one that runs.")] = None
    text: Annotated[
        str | None,
        Field(max_length=MAX_QUESTION_BYTES, description="The text of a file, for administrators."),
    ] = None
    file: Annotated[str, Field(max_length=256, description="Name of that file, for messages.")] = "own.sql"

    @model_validator(mode="after")
    def _one(self) -> "Subject":
        if (self.name is None) == (self.text is None):
            raise ValueError("give exactly one of name and text")
        return self


def chosen(principal: Principal, body: Subject, kind: type[Q], find: Callable[[str], Found]) -> Found | Q:
    """The detector or check that a caller means.

    Args:
        principal: who calls.
        body: what they said.
        kind: what a text is read as.
        find: finds one that runs by its name.

    Raises:
        HTTPException: 403 for a text of one's own without being an administrator: it may be any SELECT.
    """
    if body.name is not None:
        return find(body.name)
    if not principal.role.covers(Role.ADMIN):
        raise HTTPException(
            403, f"only an administrator may run a {kind.noun} that the configuration does not have"
        )
    return Trials.read(kind, body.text or "", body.file)
