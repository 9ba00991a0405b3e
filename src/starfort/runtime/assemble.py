"""The real parts: what `Makers` holds when Starfort runs, and what `starfort check` checks.

REST API and dashboard lie above this package, so whoever starts a runtime gives their maker.
"""

from __future__ import annotations

import dataclasses
import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from starfort import _engine, bundle, config
from starfort.alerts.channels import Channel, LogChannel, SyslogChannel, WebhookChannel
from starfort.catalogue.seen import seen_endpoints
from starfort.compile import Compiled, compile_config, warnings
from starfort.config import ConfigError, ConfigProblem, LoadedConfig
from starfort.config.model import AlertChannel, Config, Policy, WebhookAlerts
from starfort.runtime.admin import App
from starfort.runtime.catalogue import CatalogueFeed
from starfort.runtime.detectors import Detectors, load_detectors
from starfort.runtime.envoy import EnvoyProxy
from starfort.runtime.runtime import Makers, Runtime
from starfort.runtime.status import PolicyStatus
from starfort.runtime.toolchain import Built, RefusedError
from starfort.store import Retention, Store

HASH_KEY_BYTES: Final = 32
"""Length of the key of every keyed hash in events: HMAC-SHA-256's block security (RFC 2104, 3)."""

HASH_KEY_FILE: Final = "hash.key"

MAX_SECRET_BYTES: Final = 64 * 1024
"""Longest secret read from a file."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A configuration with everything that it came to.

    Attributes:
        loaded: the configuration and where its parts stand.
        detectors: its detectors.
        compiled: bundle and Envoy configuration.
        warnings: what has no effect, and may be meant to have one.
    """

    loaded: LoadedConfig
    detectors: Detectors
    compiled: Compiled
    warnings: tuple[ConfigProblem, ...]


def check(path: Path) -> Checked:
    """Load a file and compile it, as a start would, without changing its data directory.

    What a catalogue there knows of traffic is used for warnings.

    Raises:
        ConfigError: with every problem found.
    """
    return build(config.load(path), (), secrets.token_bytes(HASH_KEY_BYTES))


def build(loaded: LoadedConfig, learned: Sequence[Any], hash_key: bytes) -> Checked:
    """Compile a configuration with its detectors.

    Args:
        loaded: the configuration.
        learned: endpoints that the catalogue learned.
        hash_key: key of the keyed hashes in events, `HASH_KEY_BYTES`.

    Raises:
        ConfigError: with every problem of the detectors, else every problem of what is compiled.
    """
    # A kind that a broken detector would give is unknown, and policies that ask for it would be called wrong
    # without being so: detectors come first.
    detectors = load_detectors(loaded)
    compiled = compile_config(loaded, learned=learned, hash_key=hash_key, signal_kinds=detectors.kinds)
    _ask_engine(loaded, compiled)
    running = {detector.spec.kind for detector in detectors.running}
    context = warnings.Context(loaded, compiled, running, seen_endpoints(loaded.config.data_dir))
    return Checked(loaded, detectors, compiled, warnings.warnings_of(context))


def _ask_engine(loaded: LoadedConfig, compiled: Compiled) -> None:
    """Have the engine load the bundle before any filter does: at a start there is no good one to keep.

    Rules are left out: each was asked about when it was compiled, and together they take most of a second.

    Raises:
        ConfigError: it refuses.
    """
    try:
        _engine.check_bundle(bundle.encode(dataclasses.replace(compiled.bundle, rules=b"")))
    except (_engine.EngineError, bundle.BundleError) as error:
        what = f"the engine refuses what this comes to: {error}"
        fix = "please report it: what is wrong should have been said with its place"
        raise ConfigError([ConfigProblem(loaded.source.file, 0, 0, what, fix)]) from error


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
        problems: list[str] = []
        made = []
        for index, channel in enumerate(config.alerts):
            try:
                made.append(_channel(channel, config.node))
            except _SecretError as error:
                problems.append(f"alerts[{index}]: {error}")
        if problems:
            raise RefusedError(problems)
        return made


class _SecretError(Exception):
    """A secret is not there."""


def _channel(channel: AlertChannel, node: str) -> Channel:
    if channel.webhook is not None:
        return WebhookChannel(channel.webhook.url, _secret(channel.webhook))
    if channel.syslog is not None:
        host, _, port = channel.syslog.address.rpartition(":")
        return SyslogChannel(host.strip("[]"), int(port), node)
    return LogChannel()


def _secret(webhook: WebhookAlerts) -> bytes | None:
    """The key that a webhook signs with; `None` when it names none."""
    if webhook.secret_env is not None:
        value = os.environ.get(webhook.secret_env, "").encode()
        where = f"the environment variable {webhook.secret_env}"
    elif webhook.secret_file is not None:
        where = f"secret_file {webhook.secret_file}"
        try:
            with webhook.secret_file.open("rb") as file:
                value = file.read(MAX_SECRET_BYTES).rstrip(b"\r\n")
        except OSError as error:
            raise _SecretError(f"{where}: {error.strerror}") from error
    else:
        return None
    if not value:
        raise _SecretError(f"{where} is empty or not set")
    return value


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
    path = data_dir / HASH_KEY_FILE
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        key = secrets.token_bytes(HASH_KEY_BYTES)
        temporary = path.with_suffix(".new")
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    if len(key) != HASH_KEY_BYTES:
        what = f"{path}: holds {len(key)} bytes, expected {HASH_KEY_BYTES}"
        fix = "restore it, or remove it to begin with a new key (hashes then differ from those of the past)"
        raise RefusedError([f"{what}; {fix}"])
    return key


def open_store(data_dir: Path, settings: Config) -> Store:
    """Open the embedded store of a data directory. Blocking."""
    kept = settings.retention
    retention = Retention(int(kept.events.total_seconds()), int(kept.rollups.total_seconds()))
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
