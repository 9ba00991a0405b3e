"""Alerts and their channels, one a file."""
