"""Sensitive data that leaves through an API."""
