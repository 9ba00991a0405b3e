"""How much the catalogue keeps at most."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CatalogueLimits:
    """Limits of each API, so that one that is being scanned takes nothing from the others.

    Attributes:
        shapes: shapes of paths. When there are more, those with the least evidence go.
        endpoints: learned endpoints. When there are more, a new one needs more evidence than the weakest has,
            which then goes.
        merged: ids that lead to another endpoint; the oldest go.
        hosts: hosts of one endpoint.
        placed: words that are remembered as values, so that they are counted once.
        asked: versions that calls ask for outside of the path.
    """

    shapes: int = 10_000
    endpoints: int = 5_000
    merged: int = 20_000
    hosts: int = 20
    placed: int = 20_000
    asked: int = 32
