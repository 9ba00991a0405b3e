"""Detectors as SQL, the signals that they raise, and their way to the filters. README.md lists the modules.

Nothing is imported here: checking a configuration needs detectors, and neither a runner nor a table of
signals.
"""
