"""One scale of severities, from which everything else is derived."""

import pytest

from starfort.base.severity import SERIOUS, SEVERITIES, as_severity, severity_rank
from starfort.cli import output
from starfort.dashboard import charts, colours


def test_the_order_of_the_scale() -> None:
    """The scale begins with the least urgent, and ranks follow it."""
    assert SEVERITIES == ("info", "low", "medium", "high", "critical")
    assert [severity_rank(name) for name in SEVERITIES] == [0, 1, 2, 3, 4]
    assert min(severity_rank(name) for name in SERIOUS) > severity_rank("medium")


def test_an_unknown_word_is_no_severity() -> None:
    """An unknown word has no rank; where it was stored, it counts as medium."""
    with pytest.raises(KeyError):
        severity_rank("urgent")
    assert (as_severity("urgent"), as_severity("high")) == ("medium", "high")


def test_every_severity_has_its_colours() -> None:
    """Command line, badges and charts have a colour for each severity and for nothing else."""
    for kinds in (output._SEVERITY, colours._COLOURS["severity"], charts.SEVERITY_COLOURS):
        assert set(kinds) == set(SEVERITIES)
