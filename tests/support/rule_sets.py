"""An installed OWASP CRS for tests, made from the release among the corpora."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from starfort.threats.rulesets.crs import install_from
from tests.crs.suite import CORPUS


@contextmanager
def installed_crs(folder: Path) -> Iterator[Path]:
    """Install CRS into an empty folder, which is the folder of rule sets until the block ends.

    Skips the test where the corpora are missing.
    """
    if not CORPUS.exists():
        pytest.skip(f"no corpora: {CORPUS}")
    install_from(CORPUS, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STARFORT_RULESETS", str(folder))
        yield folder
