"""The two ways for imported calls into a Starfort: while it runs, and while it does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypedDict

from starfort.base.files import write_private
from starfort.cli import target
from starfort.cli.admin_client import AdminClient
from starfort.cli.errors import CliError, FoundError, UsageError

if TYPE_CHECKING:
    from starfort._engine import Recorder
    from starfort.bundle import Bundle
    from starfort.runtime.offline import Offline
    from starfort.sources.batches import Batch

MOST_ENDPOINTS: Final = 100_000
"""Endpoints that are compared to say which are new; the API accepts no larger offset."""

ANY_HOST: Final = "imported.invalid"
"""A host of an API that takes every host (RFC 6761, 6.4: no host has this name)."""


class Known(TypedDict):
    """An endpoint of the catalogue."""

    id: str
    api: str
    method: str
    path: str


class _Way(Protocol):
    """How batches get into a Starfort."""

    def take(self, batch: Batch) -> None:
        """Hand over one batch."""

    def learn(self, about: str) -> None:
        """Let the catalogue learn from all batches, now."""

    def endpoints(self) -> list[Known]:
        """Every endpoint of the catalogue."""


class Door:
    """A Starfort that takes in imported calls.

    Args:
        bundle: the bundle that its engine decides by.
        way: how batches get there; `None` keeps nothing.
    """

    def __init__(self, bundle: bytes, way: _Way | None) -> None:
        from starfort.bundle.file import decode

        self._bundle: Bundle = decode(bundle)
        self.recorder = _recorder(bundle, self._bundle)
        self._way = way

    def host_of(self, api: str) -> str:
        """A host of an API.

        Raises:
            UsageError: there is no such API.
        """
        names = [each.name for each in self._bundle.apis]
        if api not in names:
            raise UsageError(f"the configuration has no API {api!r}", f"it has {', '.join(names)}")
        return _host(next(each.hosts for each in self._bundle.apis if each.name == api))

    def only_host(self) -> str:
        """The host of the only API; "" when there are several."""
        return _host(self._bundle.apis[0].hosts) if len(self._bundle.apis) == 1 else ""

    def take(self, batch: Batch) -> None:
        """Hand over one batch."""
        if self._way is not None:
            self._way.take(batch)

    def learn(self, about: str) -> None:
        """Let the catalogue learn from all batches, now."""
        if self._way is not None:
            self._way.learn(about)

    def endpoints(self) -> list[Known]:
        """Every endpoint of the catalogue."""
        return [] if self._way is None else self._way.endpoints()


def _host(hosts: Sequence[str]) -> str:
    host = next(iter(hosts), "*")
    if host == "*":
        return ANY_HOST
    return host.replace("*", "imported", 1)


def _recorder(content: bytes, bundle: Bundle) -> Recorder:
    from starfort._engine import EngineError, Recorder

    try:
        country, asn = (_file(path) for path in (bundle.geo.country_path, bundle.geo.asn_path))
        return Recorder(content, country=country, asn=asn)
    except (EngineError, OSError) as error:
        raise CliError(f"the engine cannot be loaded: {error}") from error


def _file(path: str | None) -> bytes | None:
    return Path(path).read_bytes() if path else None


class _Running:
    """A Starfort that runs: it owns the store, and gets batches as files in its data directory."""

    def __init__(self, client: AdminClient, data_dir: Path) -> None:
        self._client = client
        self._folder = data_dir / "imports"
        self._folder.mkdir(mode=0o700, exist_ok=True)

    def take(self, batch: Batch) -> None:
        path = self._folder / batch.token
        write_private(path, batch.stream)
        try:
            self._client.post("/imports", {"batch": batch.token})
        finally:
            path.unlink(missing_ok=True)

    def learn(self, about: str) -> None:
        self._client.post("/imports/learn", {"about": about})

    def endpoints(self) -> list[Known]:
        return [_known(each) for each in self._client.pages("/catalogue", MOST_ENDPOINTS)]


class _Stopped:
    """A Starfort that does not run: this process owns its data directory meanwhile."""

    def __init__(self, offline: Offline) -> None:
        self._offline = offline

    def take(self, batch: Batch) -> None:
        self._offline.take(batch.stream, batch.token)

    def learn(self, about: str) -> None:
        del about
        self._offline.learn()

    def endpoints(self) -> list[Known]:
        return [
            {"id": each.id, "api": each.api, "method": each.method, "path": each.template}
            for each in self._offline.endpoints()
        ]


def _known(each: Known) -> Known:
    return {"id": each["id"], "api": each["api"], "method": each["method"], "path": each["path"]}


@contextmanager
def opened(config: Path | None, *, dry_run: bool) -> Iterator[Door]:
    """The Starfort of a configuration, running or not.

    Args:
        config: the configuration file.
        dry_run: keep nothing: the configuration alone is used.

    Raises:
        CliError: it cannot be opened.
    """
    from starfort.runtime.lock import StartError, holder
    from starfort.runtime.toolchain import RefusedError

    data_dir = target.data_dir(config, None)
    try:
        if holder(data_dir) is not None:
            with AdminClient(target.find(config, None, "")) as client:
                content = (data_dir / "bundle.sfb").read_bytes()
                yield Door(content, None if dry_run else _Running(client, data_dir.resolve()))
            return
        if dry_run:
            yield Door(_compiled(target.config_path(config)), None)
            return
        from starfort.runtime.offline import Offline

        with Offline(target.config_path(config)) as offline:
            yield Door(offline.bundle, _Stopped(offline))
    except RefusedError as error:
        raise FoundError("the configuration is refused:\n" + "\n".join(error.problems)) from None
    except (StartError, OSError) as error:
        raise CliError(str(error)) from error


def _compiled(path: Path) -> bytes:
    """The bundle of a configuration, of which nothing is kept."""
    from starfort.bundle import encode
    from starfort.cli.check import show_problems
    from starfort.config import ConfigError
    from starfort.runtime import checked

    try:
        return encode(checked.check(path).compiled.bundle)
    except ConfigError as error:
        show_problems(error)
        raise FoundError(f"{path} cannot be used") from None
