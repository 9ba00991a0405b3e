"""Holds what warnings are made from: the configuration, its compiled form, and what traffic showed."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from starfort.bundle import policy as p
from starfort.catalogue.seen import Seen
from starfort.compile.compiler import Compiled
from starfort.config import ConfigProblem, LoadedConfig
from starfort.config.model import Config
from starfort.config.rules import RuleExclusion, RuleScope, VirtualPatch
from starfort.config.yaml_file import Location

MAX_SUGGESTIONS: Final = 50
"""How many names are compared with all others. Each comparison takes some milliseconds with thousands."""

MAX_CANDIDATES: Final = 5_000

LIKELY_TYPO: Final = 0.85
"""Similarity (`difflib.SequenceMatcher.ratio`) from which a name counts as another one that is misspelled."""


@dataclass
class Context:
    """Everything that warnings are made from.

    Attributes:
        loaded: the configuration.
        compiled: its compiled form.
        running_kinds: kinds of signals that running detectors raise.
        seen: endpoints whose calls were seen; empty when this is not known.
        now: the time, for parts that expire.
    """

    loaded: LoadedConfig
    compiled: Compiled
    running_kinds: Collection[str]
    seen: Sequence[Seen] = ()
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    _suggestions: int = field(default=MAX_SUGGESTIONS, repr=False)

    @property
    def policies(self) -> Sequence[p.Policy]:
        """The policies as they were compiled, in the configuration's order."""
        return self.compiled.bundle.policies

    @property
    def config(self) -> Config:
        """The configuration itself."""
        return self.loaded.config

    def warning(self, location: Location, what: str, fix: str = "", *, key: bool = False) -> ConfigProblem:
        """A warning at a location in the configuration file."""
        return self.loaded.source.problem(location, what, fix, key=key)

    def closest(self, name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
        """The known name that is most like this one, "" when none is."""
        # A configuration with very many mistakes must still be checked in a moment; the rest gets no guess.
        if self._suggestions <= 0:
            return ""
        self._suggestions -= 1
        candidates = [one for _, one in zip(range(MAX_CANDIDATES), known, strict=False)]
        return next(iter(difflib.get_close_matches(name, candidates, 1, cutoff)), "")

    def did_you_mean(self, name: str, known: Iterable[str], otherwise: str = "") -> str:
        """A question with the closest known name, or another fix where none is close."""
        close = self.closest(name, known)
        return f"did you mean {close!r}?" if close else otherwise


def named_endpoints(config: Config) -> Iterator[tuple[Location, str, list[str] | None, str]]:
    """Each `METHOD /path` of the configuration: location, text, APIs (`None`: all), and who names it."""
    for index, api in enumerate(config.apis):
        for number, one in enumerate(api.endpoints):
            yield (
                ("apis", index, "endpoints", number, "match"),
                one.match,
                [api.name],
                "what is said of it here",
            )
    for index, policy in enumerate(config.policies):
        for number, match in enumerate(policy.endpoints or ()):
            yield ("policies", index, "endpoints", number), match, policy.apis, f"the policy {policy.name!r}"
    rules = config.rules
    parts: list[tuple[str, str, Sequence[RuleScope | RuleExclusion | VirtualPatch]]] = [
        ("scopes", "scope", rules.scopes),
        ("exclusions", "exclusion", rules.exclusions),
        ("patches", "patch", rules.patches),
    ]
    for section, by, items in parts:
        for index, item in enumerate(items):
            if item.endpoint is not None:
                apis = None if item.api is None else [item.api]
                yield ("rules", section, index, "endpoint"), item.endpoint, apis, f"this {by}"
