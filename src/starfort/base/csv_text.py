"""Tables as CSV that a spreadsheet opens without running anything in it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 (full width)
"""What a spreadsheet takes for the beginning of a formula (OWASP, CSV Injection), also in full width."""


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table as CSV (RFC 4180).

    Text that a spreadsheet would run as a formula begins with an apostrophe. Values may come from clients.

    Args:
        header: names of the columns.
        rows: values: text, numbers, times, lists (joined by blanks), `None` (empty).
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([_cell(one) for one in header])
    writer.writerows([_cell(one) for one in row] for row in rows)
    return out.getvalue()


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (list, tuple, set, frozenset)):
        value = " ".join(map(str, value))
    text = str(value).replace("\x00", "")
    # A spreadsheet skips blanks before a formula.
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) or text.startswith(_FORMULA) else text
