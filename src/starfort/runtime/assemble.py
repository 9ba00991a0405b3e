"""The real parts: what `Makers` holds when Starfort runs, and what `starfort check` checks.

REST API and dashboard lie above this package, so whoever starts a runtime gives their maker.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from starfort import bundle, config
from starfort.alerts.channels import Channel, LogChannel, SyslogChannel, WebhookChannel
from starfort.base.addresses import parse_address
from starfort.base.files import KeyFileError, key_of_file
from starfort.config import ConfigError, LoadedConfig
from starfort.config.model import AlertChannel, Config, Policy
from starfort.runtime import secrets
from starfort.runtime.admin import App
from starfort.runtime.catalogue import CatalogueFeed
from starfort.runtime.checked import HASH_KEY_BYTES, Checked, build, check
from starfort.runtime.envoy import EnvoyProxy
from starfort.runtime.runtime import Makers, Runtime
from starfort.runtime.status import PolicyStatus
from starfort.runtime.toolchain import Built, RefusedError
from starfort.store import Retention, Store

__all__ = ["HASH_KEY_BYTES", "Checked", "FileToolchain", "build", "check", "hash_key", "makers", "open_store"]

HASH_KEY_FILE: Final = "hash.key"


class FileToolchain:
    """`starfort.yaml` in, bundle and Envoy configuration out; the `Toolchain` of a running Starfort."""

    def load(self, path: Path) -> LoadedConfig:
        """The configuration of a file.

        Raises:
            RefusedError: with every problem.
        """
        try:
            return config.load(path)
        except ConfigError as error:
            raise RefusedError([str(problem) for problem in error.problems]) from None

    def build(self, loaded: LoadedConfig, learned: Sequence[Any]) -> Built:
        """What a loaded configuration and the learned endpoints come to.

        Raises:
            RefusedError: with every problem.
        """
        try:
            made = build(loaded, learned, hash_key(loaded.config.data_dir))
        except ConfigError as error:
            raise RefusedError([str(problem) for problem in error.problems]) from None
        except OSError as error:
            raise RefusedError([f"{loaded.config.data_dir / HASH_KEY_FILE}: {error.strerror}"]) from error
        compiled = made.compiled
        return Built(
            loaded=loaded,
            config=loaded.config,
            version=compiled.bundle.version,
            bundle=compiled.bundle,
            envoy=compiled.dataplane,
            detectors=made.detectors.running,
            policies=[_policy(order, policy) for order, policy in enumerate(loaded.config.policies)],
            files=[*loaded.files, *compiled.files, *made.detectors.files],
            rules=compiled.rules.compiled.version,
            warnings=[str(warning) for warning in made.warnings],
        )

    def write_bundle(self, built: Built, path: Path) -> None:
        """Write the bundle, atomically, mode 0600.

        Raises:
            OSError: it can't be written.
        """
        bundle.write(built.bundle, path)

    def channels(self, config: Config) -> list[Channel]:
        """The alert channels that a configuration names.

        Raises:
            RefusedError: a secret is not there.
        """
        if problems := secrets.missing(config):
            raise RefusedError(problems)
        return [_channel(channel, config.node) for channel in config.alerts]


def _channel(channel: AlertChannel, node: str) -> Channel:
    if channel.webhook is not None:
        return WebhookChannel(channel.webhook.url, secrets.of_webhook(channel.webhook))
    if channel.syslog is not None:
        address = parse_address(channel.syslog.address)
        return SyslogChannel(address.host, address.port, node)
    return LogChannel()


def _policy(order: int, policy: Policy) -> PolicyStatus:
    return PolicyStatus(
        name=policy.name,
        order=order,
        mode=policy.mode,
        action=policy.action.kind,
        when=policy.when,
        apis=list(policy.apis or ()),
        endpoints=list(policy.endpoints or ()),
        enforced=0,
        observed=0,
        last_at=0.0,
    )


def hash_key(data_dir: Path) -> bytes:
    """The key of the keyed hashes in events; made at the first start, mode 0600.

    It stays the same for the life of the data directory, so that hashes of one account are the same over
    restarts.

    Raises:
        OSError: it can't be read or written.
        RefusedError: the file holds no such key.
    """
    try:
        return key_of_file(data_dir / HASH_KEY_FILE, HASH_KEY_BYTES)
    except KeyFileError as error:
        fix = "restore it, or remove it to begin with a new key (hashes then differ from those of the past)"
        raise RefusedError([f"{error}; {fix}"]) from None


def open_store(data_dir: Path, settings: Config) -> Store:
    """Open the embedded store of a data directory. Blocking."""
    kept = settings.retention
    retention = Retention.lasting(kept.events, kept.rollups)
    return Store.open(data_dir / "store", retention=retention)


def makers(app: Callable[[Runtime], App]) -> Makers:
    """How a running Starfort makes its parts.

    Args:
        app: makes REST API and dashboard.
    """
    return Makers(
        toolchain=FileToolchain(),
        store=open_store,
        catalogue=CatalogueFeed,
        proxy=EnvoyProxy,
        app=app,
    )
