"""Alerts: what is worth a person's attention, where it goes, and its history; README.md says what is where.

Nothing is imported here: checking a configuration asks for the secrets of channels, and needs no history.
"""
