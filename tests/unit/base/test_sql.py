"""Queries that are part of the package."""

import pytest

from starfort.base.sql import load_sql


def test_a_query_is_found_by_package_and_name() -> None:
    """A query is the text of its file, whether it lies in the package or in a folder below."""
    assert "SELECT" in load_sql("catalogue", "queries/observed")
    assert "SELECT" in load_sql("store.rollups", "traffic")


def test_an_unknown_query_is_an_error() -> None:
    """A name without a file is a mistake of ours and never an empty query."""
    with pytest.raises(FileNotFoundError):
        load_sql("catalogue", "queries/nothing")
