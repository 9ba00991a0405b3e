"""Detectors as SQL, the signals they raise and their way to the filters."""

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
