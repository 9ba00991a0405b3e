"""Access logs of Apache."""

from starfort.sources.call import Part
from tests.support.sources import (
    VHOST,
    line_of,
)

LOG = frozenset({Part.REQUEST_HEADERS, Part.REQUEST_BODY, Part.RESPONSE_HEADERS, Part.RESPONSE_BODY})


def test_apache_with_host() -> None:
    """Apache's format with the virtual host in front gives the host."""
    assert line_of(VHOST).host == "api.example.com"


def test_apache_escapes() -> None:
    """A quote within a quoted value that Apache escaped does not end it."""
    line = (
        r'192.0.2.1 - frank [10/Oct/2000:13:55:36 +0000] "GET /a HTTP/1.0" 200 5 "-" "a \"quoted\" \\ agent"'
    )
    assert (b"user-agent", b'a "quoted" \\ agent') in line_of(line).headers
