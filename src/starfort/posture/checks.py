"""The checks that run: those that ask the store, and those that the catalogue answers."""

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

    def find(self, name: str) -> Check | CatalogueCheck | None:
        """The check of a name."""
        # few enough (14 of ours, 500 of a user's) that looking through them is as fast as a dictionary
        every: list[Check | CatalogueCheck] = [*self.queries, *self.catalogue]
        return next((check for check in every if check.name == name), None)
