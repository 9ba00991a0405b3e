"""An installed OWASP CRS for tests: that of the corpora."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from starfort.threats.rulesets.crs import install_from
from tests.crs.suite import CORPUS


@contextmanager
def installed_crs(folder: Path) -> Iterator[Path]:
    """Install CRS into an empty folder, and let it be where rule sets live meanwhile.

    Skips the test where the corpora are missing.
    """
    if not CORPUS.exists():
        pytest.skip(f"no corpora: {CORPUS}")
    install_from(CORPUS, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STARFORT_RULESETS", str(folder))
        yield folder
