"""Detectors as SQL, the signals they raise and their way to the filters."""
