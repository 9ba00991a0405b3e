"""Starfort: API security at the choke point in front of your APIs."""

__version__ = "0.1.0"
