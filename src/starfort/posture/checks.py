"""All checks that run: the checks that ask the store, and the checks that the catalogue answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starfort.posture.catalogue_check import CatalogueCheck
from starfort.posture.check import Check


@dataclass(frozen=True, slots=True)
class Checks:
    """The checks that run.

    Attributes:
        queries: those that ask the store.
        catalogue: those that the catalogue answers.
    """

    queries: Sequence[Check] = ()
    catalogue: Sequence[CatalogueCheck] = ()

    @property
    def owasp(self) -> dict[str, str]:
        """The risk of the OWASP API Security Top 10 that each check is about, by the check's name."""
        every: list[Check | CatalogueCheck] = [*self.queries, *self.catalogue]
        return {check.name: check.owasp for check in every if check.owasp}

    def find(self, name: str) -> Check | CatalogueCheck | None:
        """The check of a name."""
        # There are few checks (14 built in, at most 500 of a user), so a dictionary would not be faster.
        every: list[Check | CatalogueCheck] = [*self.queries, *self.catalogue]
        return next((check for check in every if check.name == name), None)
