"""Rule sets: Starfort's own files, and CRS as installed."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_RULES: Final = Path(__file__).parent.parent / "rules"

BASE_RULES: Final = _RULES / "base.conf"
"""How bodies are read; before any rule set."""

API_RULES: Final = _RULES / "api.conf"
"""What APIs need and CRS lacks; behind CRS' set-up."""

ANOMALY_RULES: Final = _RULES / "anomalies.conf"
"""Which anomalies of the engine's readers count as attacks; beside `API_RULES`."""

EVALUATION_RULES: Final = _RULES / "evaluate.conf"
"""What scores add up to, where no rule set does it."""

PROFILE_RULES: Final = {"api": _RULES / "profile-api.conf"}
"""What a profile has instead of rules of CRS that it takes out."""
