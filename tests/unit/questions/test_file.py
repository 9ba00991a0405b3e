"""Files of questions as editors write them."""

from __future__ import annotations

from pathlib import Path

from starfort.questions.file import read_text


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    """Editors on Windows write one; a file without it reads the same."""
    text = "/*\nname: own\n*/\nSELECT 1\n"
    for encoding in ("utf-8", "utf-8-sig"):
        path = tmp_path / f"{encoding}.sql"
        path.write_text(text, encoding=encoding)
        assert read_text(path) == text
