"""Line formats."""

import pytest

from starfort.sources.call import Call, Part
from starfort.sources.formats import lines

LOG = frozenset({Part.REQUEST_HEADERS, Part.REQUEST_BODY, Part.RESPONSE_HEADERS, Part.RESPONSE_BODY})


@pytest.mark.parametrize(
    ("format_", "line"),
    [
        ('$time_iso8601 $http_host "$request" $status $request_time "$http_x_tenant"',
         '2024-05-06T07:08:09+00:00 a.example "GET /x HTTP/2.0" 200 0.250 "blue"'),
        ('%{usec}t %{Host}i "%r" %>s %D "%{X-Tenant}i"',
         '1714979288750000 a.example "GET /x HTTP/2.0" 200 250000 "blue"'),
        ('%START_TIME% %REQ(:AUTHORITY)% "%REQ(:METHOD)% %REQ(:PATH)% %PROTOCOL%" %RESPONSE_CODE% %DURATION% "%REQ(X-TENANT)%"',
         '2024-05-06T07:08:08.750Z a.example "GET /x HTTP/2" 200 250 "blue"'),
        ('{"at": "$msec", "h": "$host", "r": "$request", "s": "$status", "t": "$request_time", "x": "$http_x_tenant"}',
         '{"at": "1714979289.000", "h": "a.example", "r": "GET /x HTTP/2.0", "s": 200, "t": "0.250", "x": "blue"}'),
    ],
)  # fmt: skip
def test_a_format_of_ones_own(format_: str, line: str) -> None:
    """The same call is read from a format as nginx, Apache and Envoy have it, and from JSON."""
    call = lines.custom(format_).parse(line)
    assert isinstance(call, Call)
    assert (call.method, call.target, call.host, call.status) == ("GET", b"/x", "a.example", 200)
    assert (call.protocol, call.duration_us, call.time_us) == ("HTTP/2", 250_000, 1714979288_750000)
    assert (b"x-tenant", b"blue") in call.headers
