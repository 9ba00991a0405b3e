"""Secrets that alert channels need: the configuration names them and does not contain them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

if TYPE_CHECKING:
    from starfort.config.detection import AlertChannel
    from starfort.config.model import Config

MAX_SECRET_BYTES: Final = 64 * 1024
"""Longest secret read from a file; a path that leads to a device would otherwise never end."""


class SecretError(Exception):
    """A secret is not there."""


@runtime_checkable
class NamesSecret(Protocol):
    """Settings of a channel that name a secret, in a file or in an environment variable."""

    secret_file: Path | None
    secret_env: str | None


def read_secret(settings: NamesSecret) -> bytes | None:
    """The secret that a channel names; `None` when it names none.

    Raises:
        SecretError: it names one that is not there.
    """
    if settings.secret_env is not None:
        value = os.environ.get(settings.secret_env, "").encode()
        where = f"the environment variable {settings.secret_env}"
    elif settings.secret_file is not None:
        where = f"secret_file {settings.secret_file}"
        try:
            with settings.secret_file.open("rb") as file:
                # Editors end a file with a line break, which does not belong to the secret.
                value = file.read(MAX_SECRET_BYTES).rstrip(b"\r\n")
        except OSError as error:
            raise SecretError(f"{where}: {error.strerror}") from error
    else:
        return None
    if not value:
        # An empty secret would sign every alert with a key that everybody knows.
        raise SecretError(f"{where} is empty or not set")
    return value


def chosen(channel: AlertChannel) -> object:
    """The settings of the one kind of channel that an entry of the configuration names."""
    # The model's own fields are looked through, so that a new kind of channel needs no change here.
    settings = (getattr(channel, name) for name in type(channel).model_fields)
    return next(each for each in settings if each is not None)


def missing(config: Config) -> list[str]:
    """A sentence for each secret that a configuration names and that does not exist."""
    found = []
    for index, channel in enumerate(config.alerts):
        settings = chosen(channel)
        if isinstance(settings, NamesSecret):
            try:
                read_secret(settings)
            except SecretError as error:
                found.append(f"alerts[{index}]: {error}")
    return found
