"""Collects the endpoints of a bundle: documented, configured, learned, and those that policies name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from starfort import bundle
from starfort.bundle import ContentKind, LearnedEndpoint
from starfort.compile import content, openapi
from starfort.compile.apis import base_paths, is_under
from starfort.compile.limits import LimitTable
from starfort.compile.templates import TemplateSet, shape
from starfort.config import ConfigProblem, LoadedConfig
from starfort.config.apis import Api, EndpointSettings
from starfort.config.contract import ScopedContract
from starfort.config.limits import ScopedLimits
from starfort.contracts.model import Contract

MAX_ENDPOINTS: Final = 200_000
"""Most endpoints of one bundle; GitHub's whole API has some 1,000."""

Source = Literal["openapi", "config", "learned"]


@dataclass(frozen=True)
class CompiledEndpoint:
    """One endpoint of the bundle as people and the catalogue see it.

    Attributes:
        id: stable id.
        api: name of its API.
        method: upper case, or `*`.
        path: template from the root.
        labels: its own and its API's.
        documented: an OpenAPI document covers it.
        source: what named it first.
    """

    id: str
    api: str
    method: str
    path: str
    labels: tuple[str, ...]
    documented: bool
    source: Source


@dataclass(frozen=True)
class HeldEndpoint:
    """An endpoint that an operation of its API's document or of the learned contract describes.

    Attributes:
        endpoint: index in the bundle.
        api: index of its API in the bundle.
        operation: method and path as the document has them, or as they were learned.
        path: template of the operation from the root.
        settings: its own settings, those that count first coming first.
    """

    endpoint: int
    api: int
    operation: tuple[str, str]
    path: str
    settings: tuple[ScopedContract, ...]


@dataclass
class _Draft:
    api: int
    method: str
    path: str
    source: Source
    documented: bool
    within: int | None = None
    labels: list[str] = field(default_factory=list)
    username: str | None = None
    password: str | None = None
    limits: ScopedLimits | None = None
    contract: ScopedContract | None = None
    operation: tuple[str, str] | None = None
    content: dict[str, ContentKind] = field(default_factory=dict)


class EndpointTable:
    """The endpoints while they are collected.

    Two templates that differ only in the names of parameters are one endpoint, with the names that came
    first.
    """

    def __init__(self, apis: Sequence[Api]) -> None:
        self._apis = apis
        self._numbers = {api.name: number for number, api in enumerate(apis)}
        self._drafts: list[_Draft] = []
        self._by_shape: dict[tuple[int, str], dict[str, int]] = {}
        self._known = [TemplateSet() for _ in apis]
        self.media_types: dict[str, None] = {}
        """What documents name for request bodies."""
        self.files: list[Path] = []
        """The files of documents, those included that they refer to."""
        self.contracts: dict[str, Contract] = {}
        """The contracts of documents, by the name of their API."""
        self.documented: dict[str, list[tuple[str, str]]] = {}
        """Method and path of each operation that documents have, by the name of their API."""

    def __len__(self) -> int:
        return len(self._drafts)

    def _add(self, api: int, method: str, path: str, source: Source) -> int:
        """The endpoint of this method and shape; it is made if there is none.

        A configured endpoint that a documented template covers is documented too: `POST /users/me` where the
        document has `POST /users/{id}`. It has the template's settings where it has none of its own.
        """
        methods = self._by_shape.setdefault((api, shape(path)), {})
        if method in methods:
            return methods[method]
        number = len(self._drafts)
        draft = _Draft(api, method, path, source, documented=source == "openapi")
        if source == "config":
            draft.within = self._known[api].covering(path, method)
            draft.documented = draft.within is not None and self._drafts[draft.within].documented
        self._drafts.append(draft)
        methods[method] = number
        # Learned endpoints cover nothing: a template from traffic must not hide what people write.
        if source != "learned":
            self._known[api].add(path, method, number)
        return number

    def add_document(self, api: Api, document: openapi.Document) -> None:
        """Add the operations of an API's document."""
        number = self._numbers[api.name]
        self.media_types.update(
            dict.fromkeys(one for each in document.operations for one in each.media_types)
        )
        self.files += document.files
        if document.contract is None and not document.problems:
            return  # not fetched yet
        self.documented[api.name] = []
        if document.contract is not None:
            self.contracts[api.name] = document.contract
        for method, path, operation in mounted(api, document.operations):
            self.documented[api.name].append((method, path))
            draft = self._drafts[self._add(number, method, path, "openapi")]
            draft.content.update(operation.content)
            draft.operation = draft.operation or (method, operation.path)

    def add_configured(self, api: Api) -> None:
        """Add the endpoints of an API's settings, with everything that is set for them."""
        found = [(settings, self._configured(api, settings)) for settings in api.endpoints]
        for settings, numbers in found:
            for number in numbers:
                draft = self._drafts[number]
                draft.labels += [label for label in settings.labels if label not in draft.labels]
                if settings.login is not None:
                    draft.username, draft.password = settings.login.username, settings.login.password
                draft.content |= content.configured(settings.content)
        # The settings of one method count before those of `*`, in whatever order they are written.
        for settings, numbers in sorted(found, key=lambda pair: not pair[0].match.startswith("*")):
            for number in numbers:
                draft = self._drafts[number]
                draft.limits = settings.limits or draft.limits
                draft.contract = settings.contract or draft.contract

    def _configured(self, api: Api, settings: EndpointSettings) -> list[int]:
        method, path = settings.match.split(" ", 1)
        return self._named(self._numbers[api.name], method, path)

    def _named(self, api: int, method: str, path: str) -> list[int]:
        """Endpoints that `METHOD /path` stands for; `*` stands for every method, known or not."""
        number = self._add(api, method, path, "config")
        if method != "*":
            return [number]
        return list(self._by_shape[api, shape(path)].values())

    def add_learned(self, learned: LearnedEndpoint) -> None:
        """Add an endpoint of the catalogue, unless a documented or configured one covers it already."""
        number = self._numbers.get(learned.api)
        if number is None or not learned.path.startswith("/"):
            return
        known = self._by_shape.get((number, shape(learned.path)), {})
        if (
            learned.method not in known
            and self._known[number].covering(learned.path, learned.method) is not None
        ):
            return
        draft = self._drafts[self._add(number, learned.method, learned.path, "learned")]
        draft.labels += [label for label in learned.labels if label not in draft.labels]

    def resolve(self, match: str, apis: Sequence[int] | None) -> tuple[int, ...]:
        """Indexes of the endpoints that a policy names with `METHOD /path`, in each API that it is for.

        An endpoint that does not exist yet is made, so that the policy works from the first call on.

        Returns:
            Nothing when none of these APIs has such a path.
        """
        method, path = match.split(" ", 1)
        # An unknown endpoint is no mistake: a policy may exist before the first deployment of its API.
        return tuple(
            number
            for api in (apis if apis is not None else range(len(self._apis)))
            if any(is_under(path, base) for base in base_paths(self._apis[api]))
            for number in self._named(api, method, path)
        )

    def compiled(self, limits: LimitTable) -> Iterator[tuple[bundle.Endpoint, CompiledEndpoint]]:
        """Every endpoint, for the bundle and for people, in the order of indexes.

        Args:
            limits: gets the limits of endpoints.
        """
        for draft in self._drafts:
            wider = self._drafts[draft.within] if draft.within is not None else draft
            api = self._apis[draft.api]
            labels = tuple(dict.fromkeys([*draft.labels, *wider.labels]))
            endpoint = bundle.Endpoint(
                id=bundle.endpoint_id(api.name, draft.method, draft.path),
                api=draft.api,
                method=draft.method,
                path=draft.path,
                labels=labels,
                documented=draft.documented,
                username_field=draft.username or wider.username,
                password_field=draft.password or wider.password,
                limits=self._limits(draft, wider, limits),
                content=tuple(sorted((wider.content | draft.content).items())),
            )
            every = tuple(dict.fromkeys([*api.labels, *labels]))
            yield (
                endpoint,
                CompiledEndpoint(
                    endpoint.id, api.name, draft.method, draft.path, every, draft.documented, draft.source
                ),
            )

    def held(self, learned: Mapping[str, Mapping[tuple[str, str], str]]) -> Iterator[HeldEndpoint]:
        """The endpoints that an operation describes, in the order of indexes.

        Args:
            learned: by the name of an API, its learned operations: template by method and shape. They hold
                where the API's document has none.
        """
        for number, draft in enumerate(self._drafts):
            wider = self._drafts[draft.within] if draft.within is not None else draft
            described = draft if draft.operation is not None else wider
            operation, path = described.operation, described.path
            if operation is None:
                own = learned.get(self._apis[draft.api].name, {})
                path = own.get((draft.method, shape(draft.path)), "")
                operation = (draft.method, path) if path else None
            if operation is not None:
                both = [draft.contract, wider.contract if wider is not draft else None]
                yield HeldEndpoint(number, draft.api, operation, path, tuple(filter(None, both)))

    def _limits(self, draft: _Draft, wider: _Draft, limits: LimitTable) -> int | None:
        own = [draft.limits, *([wider.limits] if wider is not draft else [])]
        if own == [None] * len(own):
            return None
        return limits.number(*own, self._apis[draft.api].limits)


def mounted(
    api: Api, operations: Sequence[openapi.Operation]
) -> Iterator[tuple[str, str, openapi.Operation]]:
    """Method and path from the root of each operation of an API, and the operation.

    If the API has base paths, the document's paths are below each of them. A document whose paths all begin
    with one already is taken as it is. If the API has none (`/`), the paths of the document's servers are
    used.
    """
    bases = base_paths(api)
    if bases != ["/"]:
        absolute = all(any(is_under(one.path, base) for base in bases) for one in operations)
        for one in operations:
            for base in [""] if absolute else [base.rstrip("/") for base in bases]:
                yield one.method, base + one.path, one
        return
    for one in operations:
        for server in one.server_paths:
            yield one.method, server + one.path, one


def build(
    loaded: LoadedConfig,
    apis: Sequence[Api],
    learned: Sequence[LearnedEndpoint],
    problems: list[ConfigProblem],
    warnings: list[ConfigProblem],
) -> EndpointTable:
    """The table of a configuration, before policies add to it.

    Args:
        loaded: the configuration.
        apis: its APIs in the bundle's order.
        learned: what the catalogue knows.
        problems: gets what is wrong with documents.
        warnings: gets the places where documents are read in another way than their authors may believe.
    """
    table = EndpointTable(apis)
    for api in apis:
        document = openapi.of_api(api, loaded.config.data_dir)
        if document is not None:
            problems += document.problems
            warnings += document.warnings
            if loaded.config.connections.headers_with_underscores != "allow":
                warnings += document.underscored
            table.add_document(api, document)
    # Documents come first, so that a configured endpoint finds the template that covers it.
    for api in apis:
        table.add_configured(api)
    # Learned endpoints come last: at the limit they are left out, and never what people wrote.
    for endpoint in learned:
        if len(table) < MAX_ENDPOINTS:
            table.add_learned(endpoint)
    if len(table) > MAX_ENDPOINTS:
        what = f"the APIs have {len(table)} endpoints, at most {MAX_ENDPOINTS} are possible"
        problems.append(loaded.source.problem(("apis",), what, key=True))
    return table
