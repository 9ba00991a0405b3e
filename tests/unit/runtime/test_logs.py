"""Starfort's own log."""

from __future__ import annotations

from typing import Literal

import pytest
import structlog

from starfort.runtime import logs
from starfort.runtime.logs import blank_secrets


@pytest.mark.parametrize("style", ["console", "json"])
def test_tracebacks_show_no_values(
    style: Literal["console", "json"], capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the style, a traceback names places, never what variables held."""
    before = structlog.get_config()
    try:
        logs.configure(style)
        held = ["held", "value"]
        try:
            int("-".join(held[:1]))
        except ValueError:
            structlog.get_logger().exception("broken")
    finally:
        structlog.configure(**before)
    said = capsys.readouterr().err
    assert "ValueError" in said
    assert "'value'" not in said


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
