"""What commands read of the API's answers is what the API answers."""

from __future__ import annotations

import dataclasses
from typing import get_type_hints

import pytest
from pydantic import BaseModel

from starfort.admin import models
from starfort.admin.accounts import Account
from starfort.admin.tokens import Token
from starfort.api.sessions import RecoveryCodes, Secret
from starfort.api.tokens import CreatedToken
from starfort.cli import answers
from starfort.runtime import NodeStatus, ReloadResult, Status
from starfort.runtime.status import ConfigStatus, DetectorStatus, EnvoyStatus, StoreStatus

OTHER_NAMES = {
    "Endpoint": models.EndpointSummary, "Node": NodeStatus, "Page": models.EventPage, "Status": Status,
    "DetectorStatus": DetectorStatus, "ConfigStatus": ConfigStatus, "EnvoyStatus": EnvoyStatus,
    "StoreStatus": StoreStatus, "ReloadResult": ReloadResult, "Account": Account, "Token": Token,
    "CreatedToken": CreatedToken, "Secret": Secret, "RecoveryCodes": RecoveryCodes,
}  # fmt: skip
"""Models that have another name or stand elsewhere than in `admin.models`."""

READ = [
    each
    for each in vars(answers).values()
    if isinstance(each, type) and each.__module__ == answers.__name__ and hasattr(each, "__required_keys__")
]


def fields(model: type) -> set[str]:
    """Names of a model's fields."""
    if issubclass(model, BaseModel):
        return set(model.model_fields)
    return {field.name for field in dataclasses.fields(model)}


@pytest.mark.parametrize("read", READ, ids=lambda read: read.__name__)
def test_the_api_answers_what_commands_read(read: type) -> None:
    """Every field that a command may read is a field of the answer."""
    model = OTHER_NAMES.get(read.__name__) or getattr(models, read.__name__)
    assert set(get_type_hints(read)) <= fields(model)
