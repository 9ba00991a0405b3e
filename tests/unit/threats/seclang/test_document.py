"""`docs/seclang.md` says what the code does."""

from __future__ import annotations

from pathlib import Path

from starfort.threats.seclang.document import TABLES, filled

DOCUMENT = Path(__file__).parents[4] / "docs/seclang.md"


def test_tables_are_current() -> None:
    """Else run `python -m starfort.threats.seclang.document docs/seclang.md`."""
    text = DOCUMENT.read_text(encoding="utf-8")
    assert filled(text) == text
    assert all(f"<!-- table: {name} -->" in text for name in TABLES)


def test_every_refusal_says_what_instead() -> None:
    """And everything that is accepted without effect says what stands in its place."""
    for _, entries in TABLES.values():
        for entry in entries.values():
            assert entry.what
            assert bool(entry.note) == (entry.support.value != "yes")
