"""The findings of all bastions: runs the checks that are due, and keeps their findings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Engine

from starfort.catalogue.model import Endpoint
from starfort.posture.catalogue_check import CatalogueView
from starfort.posture.checks import Checks
from starfort.posture.configured import Configured
from starfort.posture.finding import PostureFinding
from starfort.posture.kept import KeptFindings
from starfort.posture.runner import CheckRunner, CheckState
from starfort.questions.ask import Queryable

LOOK_EVERY: Final = timedelta(seconds=30)
"""How often the checks of the catalogue look when no check by query is due: they go through every
endpoint."""


class PostureBoard:
    """Findings that hold now, and the checks that find them. Safe to call from several threads.

    Args:
        store: where events are; the store as background work reads it.
        state: the state database.
    """

    def __init__(self, store: Queryable, state: Engine) -> None:
        self.configured = Configured()
        self.checks = Checks()
        self._runner = CheckRunner(store)
        self._kept = KeptFindings(state)
        self._looked_at: datetime | None = None

    def declare(self, configured: Configured, checks: Checks) -> None:
        """Take over the configuration, and the checks that run from now on."""
        self.configured, self.checks = configured, checks
        self._runner.replace(checks.queries)

    def findings(self) -> Sequence[PostureFinding]:
        """Findings, most severe first; of the same severity, the latest first."""
        return self._kept.findings()

    def states(self) -> list[CheckState]:
        """Each check that is a query, with figures about its runs."""
        return self._runner.states

    def run(self, endpoints: Sequence[Endpoint], now: datetime | None = None) -> list[PostureFinding]:
        """Run the checks that are due. Blocking.

        Args:
            endpoints: the catalogue's.
            now: UTC.

        Returns:
            Findings of checks by query that are new, or more severe than before. Findings of the catalogue
            are not among them, because the catalogue reports its news by itself.
        """
        now = now or datetime.now(UTC)
        if (
            not self._runner.is_due(now)
            and self._looked_at is not None
            and now - self._looked_at < LOOK_EVERY
        ):
            return []
        # The time is noted before the work, so that after a failure the next try is not at once either.
        self._looked_at = now
        checks, configured = self.checks, self.configured
        found = self._runner.run(configured, now)
        ended = self._runner.closed(configured, [*self._kept.findings(), *found], now)
        self._kept.end(ended)
        found = [row for row in found if row.key not in ended]
        # New findings come last, so that they count when an older one is about the same endpoint.
        view = CatalogueView(endpoints, configured.apis, now, (*self._kept.findings(), *found))
        told = [finding for check in checks.catalogue for finding in check.find(view)]
        # Findings of the catalogue are not alive between two looks: they hold only while they are found.
        names = {check.name for check in checks.queries}
        fresh = self._kept.merge([*found, *told], {endpoint.id for endpoint in endpoints}, names, now)
        return [finding for finding in fresh if finding.code in names]
