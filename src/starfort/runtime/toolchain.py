"""What the runtime needs of configuration, compiler and proxy, so that it can be tested without them.

`assemble.py` gives the real ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from starfort.base.tasks import Failures
from starfort.posture.checks import Checks
from starfort.runtime.status import EnvoyStatus, PolicyStatus

if TYPE_CHECKING:
    from starfort.alerts.channels import Channel
    from starfort.signals.detector import Detector


@dataclass(frozen=True, slots=True)
class Built:
    """What a configuration came to.

    Attributes:
        loaded: what `Toolchain.load` gave, for building it again.
        config: the configuration itself.
        version: version of the bundle.
        bundle: the bundle, for `Toolchain.write_bundle`.
        envoy: Envoy's configuration, for `Proxy.apply`.
        detectors: detectors that run, with their settings.
        policies: the policies, without what they did.
        files: every file that it was made of, for watching.
        rules: versions of the rule sets in it.
        warnings: what of it has no effect, as shown to people.
        checks: checks that run, with their settings.
    """

    loaded: Any
    config: Any
    version: str
    bundle: Any
    envoy: Any
    detectors: Sequence[Detector]
    policies: Sequence[PolicyStatus]
    files: Sequence[Path]
    rules: str = ""
    warnings: Sequence[str] = ()
    checks: Checks = field(default_factory=Checks)


class RefusedError(Exception):
    """A configuration that can't come into force; `problems` is what people are told, all at once."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


class Toolchain(Protocol):
    """Configuration file in, bundle and Envoy configuration out. Blocking; called in threads."""

    def load(self, path: Path) -> Any:
        """The configuration of a file: `.config`, and what else `build` wants of it.

        Raises:
            RefusedError: with every problem.
        """

    def build(self, loaded: Any, learned: Sequence[Any]) -> Built:
        """What a loaded configuration and the learned endpoints come to.

        Raises:
            RefusedError: with every problem.
        """

    def write_bundle(self, built: Built, path: Path) -> None:
        """Write the bundle, atomically, mode 0600.

        Raises:
            OSError: it can't be written.
        """

    def channels(self, config: Any) -> list[Channel]:
        """The alert channels that a configuration names.

        Raises:
            RefusedError: a secret is not there.
        """


class Proxy(Protocol):
    """The Envoy child.

    Attributes:
        failures: how often what watches it failed, by name.
    """

    @property
    def found(self) -> bool:
        """Whether `start` found one that served already."""

    failures: dict[str, Failures]

    async def start(self, envoy: Any) -> None:
        """Write its configuration and start it."""

    async def apply(self, envoy: Any) -> None:
        """Bring a changed configuration into force without dropping a connection."""

    async def stop(self) -> None:
        """Drain and end it."""

    async def leave(self) -> None:
        """Let it run on; another `start` takes it over."""

    def status(self) -> EnvoyStatus:
        """How it is."""

    async def metrics(self) -> bytes:
        """Envoy's own metrics as Prometheus text, empty when it does not answer."""
