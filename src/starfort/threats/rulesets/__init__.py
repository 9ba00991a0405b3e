"""Rule sets: Starfort's own rule files, and CRS as it is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_RULES: Final = Path(__file__).parent.parent / "rules"

BASE_RULES: Final = _RULES / "base.conf"
"""Rules that say how bodies are read. They come before any rule set."""

API_RULES: Final = _RULES / "api.conf"
"""Rules that APIs need and CRS lacks. They come after the set-up of CRS."""

ANOMALY_RULES: Final = _RULES / "anomalies.conf"
"""Rules that say which anomalies of the engine's readers count as attacks. They belong to `API_RULES`."""

EVALUATION_RULES: Final = _RULES / "evaluate.conf"
"""Rules that add up the scores, for when no rule set does it."""

PROFILE_RULES: Final = {"api": _RULES / "profile-api.conf"}
"""For each profile, the rules that replace rules of CRS which the profile removes."""
