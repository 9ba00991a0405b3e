"""Starfort's own log."""

from __future__ import annotations

from starfort.runtime.logs import blank_secrets


def test_secrets_are_blanked_by_name() -> None:
    """A field whose name speaks of a secret loses its value, whatever it is."""
    entry = {"event": "x", "hook_secret": "s", "Authorization": "Bearer t", "password": "p", "node": "edge-1"}
    assert blank_secrets(None, "", dict(entry)) == {
        "event": "x",
        "hook_secret": "[redacted]",
        "Authorization": "[redacted]",
        "password": "[redacted]",
        "node": "edge-1",
    }
