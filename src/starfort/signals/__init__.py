"""Detectors as SQL, the signals they raise and their way to the filters.

Names are imported when they are used: checking a configuration needs detectors, and no table of signals.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starfort.signals.detector import Detector, DetectorError, DetectorProblem, load_all
    from starfort.signals.model import ActiveSignal, Change, Signal
    from starfort.signals.table import SignalTable

__all__ = [
    "ActiveSignal",
    "Change",
    "Detector",
    "DetectorError",
    "DetectorProblem",
    "Signal",
    "SignalTable",
    "load_all",
]

_PLACES = {
    "ActiveSignal": "model",
    "Change": "model",
    "Detector": "detector",
    "DetectorError": "detector",
    "DetectorProblem": "detector",
    "Signal": "model",
    "SignalTable": "table",
    "load_all": "detector",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    globals()[name] = found
    return found
