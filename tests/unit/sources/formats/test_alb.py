"""Access logs of AWS load balancers."""

from starfort.sources.call import Part
from starfort.sources.formats import alb
from starfort.sources.formats.fields import call_of
from tests.support.sources import (
    ALB,
)

LOG = frozenset({Part.REQUEST_HEADERS, Part.REQUEST_BODY, Part.RESPONSE_HEADERS, Part.RESPONSE_BODY})


def test_alb() -> None:
    """A line of AWS's load balancer: the time is that of the request and not of the answer."""
    call = call_of(alb.read(ALB.rstrip("\n")))
    assert (call.time_us, call.status, call.response_bytes) == (1530570168_364000, 200, 257)
    assert (call.scheme, call.protocol, call.target) == ("https", "HTTP/2", b"/v1/orders?page=2")
