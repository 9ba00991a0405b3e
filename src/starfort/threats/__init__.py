"""Exploits and abuse of business logic."""
