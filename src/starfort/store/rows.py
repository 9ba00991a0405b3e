"""Rows as ClickHouse gives them."""

from __future__ import annotations

from typing import Any, TypeAlias

Row: TypeAlias = dict[str, Any]
"""One row of a SELECT: values by the names of its columns. Their types are the query's own."""
