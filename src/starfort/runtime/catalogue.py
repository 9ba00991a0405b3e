"""Connects catalogue and posture checks with the runtime: a configuration goes in, alerts come out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy import Engine

from starfort.alerts.folding.findings import alerts_of_findings
from starfort.alerts.folding.news import alerts_of_news
from starfort.alerts.model import Alert
from starfort.bundle.learned import LearnedEndpoint
from starfort.catalogue import ApiFacts, Catalogue, Declared, Endpoint
from starfort.catalogue.model import VersionPlaces
from starfort.catalogue.schemas.schemas import Schemas
from starfort.catalogue.schemas.support import Trust
from starfort.config import Config
from starfort.contracts.model import Contract
from starfort.posture.board import PostureBoard
from starfort.posture.configured import Configured
from starfort.posture.finding import PostureFinding
from starfort.runtime.toolchain import Built
from starfort.store import Reader, Store

CONTRACTS_EVERY_S: Final = 60.0
"""How often learned contracts may change what the engine holds calls to."""


class CatalogueFeed:
    """The catalogue, whose news become alerts, and the posture checks, whose findings become alerts too.

    Args:
        store: where events are.
        state: the state database.
    """

    def __init__(self, store: Store, state: Engine) -> None:
        reads = store.reading_as(Reader.BACKGROUND)
        self.catalogue = Catalogue(reads, state)
        self.schemas = Schemas(reads, state, self.catalogue)
        self._contracts: Mapping[str, Contract] = {}
        self._contracts_at = float("-inf")
        self.board = PostureBoard(reads, state)

    def declare(self, built: Built) -> None:
        """Take over the APIs and endpoints of the configuration that is in force now. This blocks."""
        bundle = built.bundle
        # The bundle has learned endpoints too; declared are only those that a document or the file names.
        configured = {
            (api.name, *endpoint.match.split(" ", 1))
            for api in built.config.apis
            for endpoint in api.endpoints
        }
        settings = {api.name: api for api in built.config.apis}
        apis = [
            ApiFacts(
                api.name,
                tuple(api.hosts),
                tuple(api.labels),
                api.documented,
                VersionPlaces(
                    frozenset(settings[api.name].versions.places), tuple(settings[api.name].versions.paths)
                ),
                tuple(settings[api.name].segments.words),
                tuple(settings[api.name].segments.values),
            )
            for api in bundle.apis
        ]
        deprecated = {
            place.endpoint
            for contract in bundle.contracts
            for operation in contract.operations
            if operation.deprecated
            for place in operation.places
        }
        endpoints = [
            Declared(
                apis[row.api].name,
                row.method,
                row.path,
                tuple(row.labels),
                row.documented,
                row.documented and number in deprecated,
            )
            for number, row in enumerate(bundle.endpoints)
            if row.documented or (apis[row.api].name, row.method, row.path) in configured
        ]
        self.catalogue.declare(apis, endpoints)
        learning = built.config.learning
        self.schemas.trust(Trust(learning.callers, int(learning.apart.total_seconds())))
        providers = len(bundle.identity.jwt_providers)
        facts = Configured(
            apis=tuple(apis),
            verified_apis=tuple(row.name for row in bundle.apis if row.jwt_providers),
            any_jwt_apis=tuple(row.name for row in bundle.apis if providers and not row.jwt_providers),
            jwt_providers=providers,
            masked=tuple(_masked(built.config)),
            limited_apis=tuple(sorted(_limited(built.config))),
        )
        self.board.declare(facts, built.checks)

    def refresh(self) -> list[Alert]:
        """Take over what came since the last time, and return alerts about what is new. This blocks."""
        news = self.catalogue.refresh()
        # After the catalogue, which knows the endpoints that shapes belong to.
        self.schemas.refresh()
        return alerts_of_news(news)

    def check(self) -> list[Alert]:
        """Run the posture checks that are due, and return alerts about what they found. This blocks."""
        return alerts_of_findings(self.board.run(self.catalogue.endpoints()))

    def findings(self) -> Sequence[PostureFinding]:
        """What is wrong with the APIs as they stand, most severe first."""
        return self.board.findings()

    def learned_endpoints(self) -> Sequence[LearnedEndpoint]:
        """Endpoints that traffic showed and nothing declares."""
        return self.catalogue.learned_endpoints()

    def learned_contracts(self, config: Config) -> Mapping[str, Contract]:
        """Contracts that were learned, by API, of the APIs that are held to one. This blocks.

        Returns:
            The same object as long as nothing changed, and for `CONTRACTS_EVERY_S` at least: a new one
            compiles the bundle anew.
        """
        wanted = [api.name for api in config.apis if api.contract and api.contract.source != "document"]
        if time.monotonic() - self._contracts_at < CONTRACTS_EVERY_S and set(wanted) == set(self._contracts):
            return self._contracts
        self._contracts_at = time.monotonic()
        found = {name: _without_confidence(self.schemas.contract(name)) for name in wanted}
        if found != self._contracts:
            self._contracts = found
        return self._contracts

    def endpoints(self) -> Sequence[Endpoint]:
        """Every endpoint."""
        return self.catalogue.endpoints()

    def dropped(self) -> Mapping[str, int]:
        """What limits kept out since the start, by reason."""
        return {**self.catalogue.dropped, **self.schemas.dropped}

    def close(self) -> None:
        """Write what is not written yet. This blocks."""
        self.catalogue.save()
        self.schemas.save()


def _without_confidence(contract: Contract) -> Contract:
    """The engine needs no confidence, which changes with each call."""
    operations = tuple(replace(one, confidence=1.0) for one in contract.operations)
    return replace(contract, operations=operations, confidence=1.0)


def _masked(config: Config) -> Iterator[str]:
    """Tag in events and class for each class of data that a policy masks; `mask` alone masks every class."""
    for policy in config.policies:
        if policy.action.kind == "mask":
            classes = policy.action.named("sensitive class that is looked for,")
            for name in classes or config.sensitive.classes:
                yield f"mask:{policy.name} {name}"


def _limited(config: Config) -> set[str]:
    """APIs that an enforced policy limits; a policy that names no API holds for all of them."""
    every = [api.name for api in config.apis]
    return {
        name
        for policy in config.policies
        if policy.action.kind == "limit" and policy.mode == "enforce"
        for name in policy.apis or every
    }
