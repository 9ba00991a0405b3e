"""Secrets that a configuration names and does not contain."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starfort.config.detection import WebhookAlerts
    from starfort.config.model import Config

MAX_SECRET_BYTES: Final = 64 * 1024
"""Longest secret read from a file."""


class SecretError(Exception):
    """A secret is not there."""


def of_webhook(webhook: WebhookAlerts) -> bytes | None:
    """The key that a webhook signs with; `None` when it names none.

    Raises:
        SecretError: it names one that is not there.
    """
    if webhook.secret_env is not None:
        value = os.environ.get(webhook.secret_env, "").encode()
        where = f"the environment variable {webhook.secret_env}"
    elif webhook.secret_file is not None:
        where = f"secret_file {webhook.secret_file}"
        try:
            with webhook.secret_file.open("rb") as file:
                value = file.read(MAX_SECRET_BYTES).rstrip(b"\r\n")
        except OSError as error:
            raise SecretError(f"{where}: {error.strerror}") from error
    else:
        return None
    if not value:
        raise SecretError(f"{where} is empty or not set")
    return value


def missing(config: Config) -> list[str]:
    """What is said of each secret that a configuration names and that is not there."""
    found = []
    for index, channel in enumerate(config.alerts):
        if channel.webhook is not None:
            try:
                of_webhook(channel.webhook)
            except SecretError as error:
                found.append(f"alerts[{index}]: {error}")
    return found
