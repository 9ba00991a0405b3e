"""Detectors, and where their alerts go."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from starfort.config.fields import Address, Model
from starfort.config.paths import InputFile, PathPattern


class QuestionSettings(Model):
    """Queries that run again and again: which of them, and with which thresholds."""

    disabled: list[str] = []
    """Names of those that do not run."""
    files: list[PathPattern] = []
    """Your own ones: paths or globs of `.sql` files."""
    settings: dict[str, dict[str, float | int | str]] = {}
    """Thresholds, by the name of the detector or check."""


class Detectors(QuestionSettings):
    """Detectors, which look for abuse (docs/detectors.md)."""


class Checks(QuestionSettings):
    """Posture checks, which look for what is wrong with an API as it stands (docs/checks.md)."""


class LogAlerts(Model):
    """Alerts as JSON lines in the log."""


class WebhookAlerts(Model):
    """Alerts as HTTP POST."""

    url: Annotated[str, Field(pattern=r"^https?://")]
    """Where to."""
    secret_file: InputFile | None = None
    """Key of the HMAC-SHA-256 signature header."""
    secret_env: str | None = None
    """The same, by environment variable."""


class SyslogAlerts(Model):
    """Alerts as CEF over syslog (UDP, RFC 5424)."""

    address: Address
    """Where to."""


class AlertChannel(Model):
    """One channel."""

    log: LogAlerts | None = None
    """Log lines."""
    webhook: WebhookAlerts | None = None
    """HTTP."""
    syslog: SyslogAlerts | None = None
    """CEF."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        # The fields that stand in the file: `log: {}` is given although it is empty.
        if len(self.model_fields_set) != 1:
            raise ValueError("give exactly one of log, webhook and syslog")
        return self
