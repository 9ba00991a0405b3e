"""Fixtures of the end-to-end tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.installation import Installation, installation


@pytest.fixture
async def starfort(tmp_path: Path) -> AsyncIterator[Installation]:
    """The demo's installation, up."""
    async with installation(tmp_path) as running:
        yield running
