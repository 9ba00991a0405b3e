"""What changed between two contracts, and what of it breaks callers."""

from starfort.contracts.changes.compare import compare
from starfort.contracts.changes.model import Change, Level

__all__ = ["Change", "Level", "compare"]
