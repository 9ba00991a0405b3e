"""Proxies that Starfort is not inline with, and that tell it what they see."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from starfort.config.fields import Address, Model, Name, Size
from starfort.config.paths import DataFolder


class MirrorSource(Model):
    """Copies of requests, which Envoy (`request_mirror_policies`) or nginx (`mirror`) sends."""

    address: Address = "127.0.0.1:9980"
    """Host and port to listen on, with HTTP/1.1. Every request is answered 204 at once."""
    proxy: Literal["envoy", "nginx"] = "envoy"
    """Who sends the copies. Envoy adds an address to X-Forwarded-For, and `-shadow` to the host."""


class AccessLogSource(Model):
    """Envoy's access log service (gRPC, `envoy.service.accesslog.v3`)."""

    address: Address = "127.0.0.1:9981"
    """Host and port to listen on, with HTTP/2 without TLS."""


class TapSource(Model):
    """Envoy's tap, which shows whole calls: exactly one of its two settings."""

    admin: Annotated[str, Field(pattern=r"^http://[^/]+/?$")] | None = None
    """Admin address of an Envoy whose HTTP tap filter is to be asked: `http://127.0.0.1:9901`."""
    config_id: Name = "starfort"
    """The `config_id` of the tap filter's `admin_config`; only with `admin`."""
    folder: DataFolder | None = None
    """Folder in which a tap filter writes a file for each call. Files are removed when they are read."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.admin is None) == (self.folder is None):
            raise ValueError("give exactly one of admin and folder")
        return self


class Source(Model):
    """One source of calls: exactly one of `mirror`, `envoy_access_log` and `tap`."""

    name: Name
    """Unique name; events have it as their node."""
    mirror: MirrorSource | None = None
    """Copies of requests."""
    envoy_access_log: AccessLogSource | None = None
    """Entries of an access log."""
    tap: TapSource | None = None
    """Whole calls."""
    calls_per_second: Annotated[int, Field(ge=1, le=100_000)] = 500
    """Calls that are taken in each second; more are counted and left out."""
    body: Annotated[Size, Field(ge=0, le=2 << 20)] = 64 << 10
    """Bytes of a body that are looked at."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        # `mirror: {}` is given although it is empty.
        given = self.model_fields_set & {"mirror", "envoy_access_log", "tap"}
        if len(given) != 1:
            raise ValueError("give exactly one of mirror, envoy_access_log and tap")
        return self
