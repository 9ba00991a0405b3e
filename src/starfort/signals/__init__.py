"""Detectors as SQL, the signals they raise and their way to the filters; README.md says what is where.

Nothing is imported here: checking a configuration needs detectors, and neither a runner nor a table of
signals.
"""
