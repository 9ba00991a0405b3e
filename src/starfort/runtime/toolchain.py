"""Turns a configuration file into what comes into force: bundle, data plane, detectors, channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from starfort import bundle, config
from starfort.alerts import secrets
from starfort.alerts.channels.base import Channel
from starfort.alerts.channels.opening import open_channel
from starfort.base.files import KeyFileError, key_of_file
from starfort.bundle import Bundle, LearnedEndpoint
from starfort.config import Config, ConfigError, LoadedConfig
from starfort.config.policies import Policy
from starfort.contracts.model import Contract
from starfort.dataplane import ir
from starfort.posture.checks import Checks
from starfort.runtime.checked import HASH_KEY_BYTES, build
from starfort.runtime.status import PolicyStatus
from starfort.signals.detector import Detector

HASH_KEY_FILE: Final = "hash.key"


@dataclass(frozen=True, slots=True)
class Built:
    """Everything that was made of one configuration, ready to come into force.

    Attributes:
        loaded: the configuration with its locations in the file, for building it again.
        bundle: the bundle, which the engine reads.
        dataplane: the data plane, from which Envoy is configured.
        detectors: the detectors that run, with their settings.
        checks: the posture checks that run, with their settings.
        policies: the policies in order, without counts.
        files: every file that was read, so that a change of any is noticed.
        rules: the versions of the rule sets in the bundle.
        warnings: which parts of the configuration have no effect, as shown to people.
    """

    loaded: LoadedConfig
    bundle: Bundle
    dataplane: ir.Dataplane
    detectors: Sequence[Detector]
    checks: Checks
    policies: Sequence[PolicyStatus]
    files: Sequence[Path]
    rules: str = ""
    warnings: Sequence[str] = ()

    @property
    def config(self) -> Config:
        """The configuration itself."""
        return self.loaded.config

    @property
    def version(self) -> str:
        """The version of the bundle."""
        return self.bundle.version


class RefusedError(Exception):
    """A configuration cannot come into force; `problems` holds every reason, as shown to people."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


class Toolchain:
    """Loads, builds and writes configurations. Every method blocks, so it is called in a thread."""

    def load(self, path: Path) -> LoadedConfig:
        """The configuration of a file.

        Raises:
            RefusedError: with every problem.
        """
        try:
            return config.load(path)
        except ConfigError as error:
            raise RefusedError([str(problem) for problem in error.problems]) from None

    def build(
        self,
        loaded: LoadedConfig,
        learned: Sequence[LearnedEndpoint],
        contracts: Mapping[str, Contract] = MappingProxyType({}),
    ) -> Built:
        """Compile a configuration together with the endpoints and contracts that the catalogue learned.

        Raises:
            RefusedError: with every problem.
        """
        try:
            made = build(loaded, learned, hash_key(loaded.config.data_dir), contracts)
        except ConfigError as error:
            raise RefusedError([str(problem) for problem in error.problems]) from None
        except OSError as error:
            # The key is the only file of our own that is read here. Mistakes in all other files come as
            # problems with their location.
            raise RefusedError([f"{loaded.config.data_dir / HASH_KEY_FILE}: {error.strerror}"]) from error
        compiled = made.compiled
        return Built(
            loaded=loaded,
            bundle=compiled.bundle,
            dataplane=compiled.dataplane,
            detectors=made.asked.detectors.running,
            checks=made.asked.running_checks,
            policies=[_policy(order, policy) for order, policy in enumerate(loaded.config.policies)],
            # All files are watched: a changed address list or certificate is a change of the configuration.
            files=[*loaded.files, *compiled.files, *made.asked.files],
            rules=compiled.rules.compiled.version,
            warnings=[str(warning) for warning in made.warnings],
        )

    def write_bundle(self, built: Built, path: Path) -> None:
        """Write the bundle atomically, with mode 0600.

        Raises:
            OSError: it cannot be written.
        """
        bundle.write(built.bundle, path)

    def channels(self, config: Config) -> list[Channel]:
        """The alert channels that a configuration names.

        Raises:
            RefusedError: a secret is missing.
        """
        # Asked for all channels before any is opened, so that people hear of every secret at once.
        if problems := secrets.missing(config):
            raise RefusedError(problems)
        return [open_channel(channel, config.node) for channel in config.alerts]


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
    """The key of the keyed hashes in events. The first start makes it, with mode 0600.

    It stays the same for the life of the data directory, so that one account has the same hash after a
    restart.

    Raises:
        OSError: it cannot be read or written.
        RefusedError: the file holds no such key.
    """
    try:
        return key_of_file(data_dir / HASH_KEY_FILE, HASH_KEY_BYTES)
    except KeyFileError as error:
        fix = "restore it, or remove it to begin with a new key (hashes then differ from those of the past)"
        raise RefusedError([f"{error}; {fix}"]) from None
