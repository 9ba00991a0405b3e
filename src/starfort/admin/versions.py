"""Versions of APIs, decisions about their paths, and how full the catalogue is."""

from __future__ import annotations

from starfort.admin import models
from starfort.admin.errors import NotFoundError
from starfort.catalogue import Catalogue, Endpoint
from starfort.catalogue.decisions import pattern_at
from starfort.catalogue.model import Segments
from starfort.runtime.catalogue import CatalogueFeed


class ApiView:
    """Answers questions about APIs as a whole from the catalogue.

    Args:
        feed: has the catalogue.
    """

    def __init__(self, feed: CatalogueFeed) -> None:
        self._feed = feed

    @property
    def _catalogue(self) -> Catalogue:
        return self._feed.catalogue

    def usage(self) -> list[models.ApiUsage]:
        """How full each API is."""
        return [models.ApiUsage(api=api, **figures) for api, figures in self._catalogue.usage().items()]

    def versions(self, api: str) -> list[str]:
        """Titles of the versions of an API, oldest first: `/v1`, `2024-01 (header)`."""
        return self._catalogue.version_titles(api)

    def compare(self, api: str, version: str, before: str) -> models.VersionComparison:
        """Compare two versions. This blocks.

        Args:
            api: the API.
            version: title of the newer one.
            before: title of the older one; "" for the one before it.

        Raises:
            NotFoundError: the API has no such version.
        """
        found = self._catalogue.compare(api, version, before)
        if found is None:
            known = ", ".join(self.versions(api)) or "none"
            raise NotFoundError(f"API {api[:128]!r} has no such version; it has: {known[:500]}")
        wanted = models.VersionComparison.model_fields.keys() & found.facts.keys()
        facts = {name: found.facts[name] for name in wanted if name != "version"}
        return models.VersionComparison.model_validate({"api": api, "version": found.subject, **facts})

    def decisions(self) -> list[models.SegmentDecision]:
        """What people decided about segments of paths."""
        return [
            models.SegmentDecision(
                api=row.api, place=row.place, segments=row.segments, user=row.user, created=row.created
            )
            for row in self._catalogue.decisions()
        ]

    def decide(
        self, endpoint_id: str, number: int | None, segments: Segments | None, user: str
    ) -> tuple[str, str]:
        """Decide what the segments at a place of an endpoint's template are. This blocks.

        Args:
            endpoint_id: the endpoint.
            number: which segment, from 1; None: the last parameter, or the last segment where there is none.
            segments: `words` parts the endpoint, `values` joins it with its neighbours, None leaves it to
                traffic.
            user: who decides.

        Returns:
            API and place.

        Raises:
            NotFoundError: the catalogue has no such endpoint, or its template no such segment.
        """
        endpoint = self._catalogue.find(endpoint_id)
        if endpoint is None:
            raise NotFoundError(f"there is no endpoint {endpoint_id[:64]!r} in the catalogue")
        place = pattern_at(endpoint.template, _place(endpoint, number))
        self._catalogue.decide(endpoint.api, place, segments, user)
        return endpoint.api, place


def _place(endpoint: Endpoint, number: int | None) -> int:
    parts = [part for part in endpoint.template.split("/") if part]
    if not parts:
        raise NotFoundError("the root has no segments")
    if number is None:
        parameters = [index for index, part in enumerate(parts) if "{" in part]
        return parameters[-1] if parameters else len(parts) - 1
    if not 1 <= number <= len(parts):
        raise NotFoundError(f"{endpoint.template} has {len(parts)} segments")
    return number - 1
