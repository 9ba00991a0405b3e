"""Formats that people configure."""

import pytest

from starfort.sources.call import Part
from starfort.sources.errors import SourceError
from starfort.sources.formats import template

LOG = frozenset({Part.REQUEST_HEADERS, Part.REQUEST_BODY, Part.RESPONSE_HEADERS, Part.RESPONSE_BODY})


@pytest.mark.parametrize("text", ["nothing", "$request_method$request_uri", "%", "%REQ(", "x" * 20_000])
def test_a_format_that_cannot_be_read_is_refused(text: str) -> None:
    """A format without a field, with fields side by side, or with a mistake is refused with what is wrong."""
    with pytest.raises(SourceError):
        template.compiled(text)
