"""Fields of access logs."""

import pytest

from starfort.sources.call import Part
from starfort.sources.formats.fields import time_of

LOG = frozenset({Part.REQUEST_HEADERS, Part.REQUEST_BODY, Part.RESPONSE_HEADERS, Part.RESPONSE_BODY})


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("1714979288", 1714979288_000000),
        ("1714979288.75", 1714979288_750000),
        ("1714979288750", 1714979288_750000),
        ("1714979288750000", 1714979288_750000),
        ("1714979288750000000", 1714979288_750000),
        ("06/May/2024:09:08:08 +0200", 1714979288_000000),
        ("2024-05-06T09:08:08.75+02:00", 1714979288_750000),
        ("2024-05-06 07:08:08", 1714979288_000000),
    ],
)
def test_times(text: str, microseconds: int) -> None:
    """A time is read in every way in which logs write it."""
    assert time_of(text) == microseconds
