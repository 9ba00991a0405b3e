"""Compiles limits: the common ones, and those of single APIs and endpoints, each set only once."""

from __future__ import annotations

from starfort import bundle
from starfort.config.limits import Limits, ScopedLimits
from starfort.config.model import Config


class LimitTable:
    """Gives equal limits of APIs and endpoints one number, so that the bundle holds each set once.

    Args:
        common: the limits where the configuration says nothing else.
    """

    def __init__(self, common: Limits) -> None:
        self._common = common
        self._numbers: dict[bundle.Limits, int] = {}

    def common(self) -> bundle.Limits:
        """The limits where the configuration says nothing else."""
        return to_bundle(self._common)

    def number(self, *scopes: ScopedLimits | None) -> int | None:
        """Index of the limits that result from several scopes, of which the narrowest comes first.

        Returns:
            `None` when they are the same as the common limits.
        """
        limits = self._common
        # From the widest to the narrowest: each one replaces only the figures that it gives.
        for scope in reversed(scopes):
            limits = limits if scope is None else scope.over(limits)
        made = to_bundle(limits)
        return None if made == self.common() else self._numbers.setdefault(made, len(self._numbers))

    def scoped(self) -> tuple[bundle.Limits, ...]:
        """The limits in the order of their indexes."""
        return tuple(self._numbers)


def widest(config: Config) -> Limits:
    """The largest figure of each limit that is in force anywhere, for what stands before the engine."""
    every = [config.limits]
    for api in config.apis:
        own = config.limits if api.limits is None else api.limits.over(config.limits)
        every += [own, *(one.limits.over(own) for one in api.endpoints if one.limits is not None)]
    # What becomes of a request over a limit is the engine's decision; what stands before it only counts.
    figures = (name for name in Limits.model_fields if not name.startswith("over_limit"))
    return config.limits.model_copy(
        update={name: max(getattr(limits, name) for limits in every) for name in figures}
    )


def to_bundle(limits: Limits) -> bundle.Limits:
    """Limits as the engine reads them."""
    return bundle.Limits(
        uri_bytes=limits.uri,
        headers=limits.headers,
        header_bytes=limits.header,
        request_body_bytes=limits.request_body,
        response_body_bytes=limits.response_body,
        decompressed_bytes=limits.decompressed,
        decompression_ratio=limits.decompression_ratio,
        depth=limits.depth,
        query_parameters=limits.query_parameters,
        cookies=limits.cookies,
        body_parameters=limits.body_parameters,
        multipart_parts=limits.multipart_parts,
        work=limits.work,
        over_limit=bundle.OverLimit(limits.over_limit),
        over_limit_files=bundle.OverLimit(limits.over_limit_files),
        body_wait_ms=round(limits.body_wait.total_seconds() * 1000),
        body_rate=limits.body_rate,
        body_time_ms=round(limits.body_time.total_seconds() * 1000),
    )
