"""Errors, limits, redacted types, ids and the clock: what every package may use."""
