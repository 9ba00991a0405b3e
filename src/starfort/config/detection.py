"""Detectors, posture checks, and where alerts go."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from starfort.config.fields import Address, Model
from starfort.config.paths import InputFile, PathPattern


class QuestionSettings(Model):
    """Which queries run again and again, and with which thresholds."""

    disabled: list[str] = []
    """Names of detectors or checks that do not run."""
    files: list[PathPattern] = []
    """Your own detectors or checks: paths or globs of `.sql` files."""
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
    """URL that alerts are sent to."""
    secret_file: InputFile | None = None
    """Key of the HMAC-SHA-256 signature header."""
    secret_env: str | None = None
    """Environment variable that holds the key, instead of `secret_file`."""


class SyslogAlerts(Model):
    """Alerts as CEF over syslog (UDP, RFC 5424)."""

    address: Address
    """Host and port of the syslog server."""


class AlertChannel(Model):
    """One channel: exactly one of its three settings."""

    log: LogAlerts | None = None
    """Alerts as lines in the log."""
    webhook: WebhookAlerts | None = None
    """Alerts as HTTP requests."""
    syslog: SyslogAlerts | None = None
    """Alerts as CEF over syslog."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        # The fields that stand in the file: `log: {}` is given although it is empty.
        if len(self.model_fields_set) != 1:
            raise ValueError("give exactly one of log, webhook and syslog")
        return self
