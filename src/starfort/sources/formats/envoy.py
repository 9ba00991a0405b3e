"""Envoy: operators of access log format strings, and the text that Envoy writes by default.

Source: https://www.envoyproxy.io/docs/envoy/v1.34.0/configuration/observability/access_log/usage
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from starfort.sources.errors import SourceError

_OPERATOR: Final = re.compile(r"%(?:%|([A-Z_0-9]+)(?:\(([^)]*)\))?(?::\d+)?%)")

DEFAULT: Final = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE%'
    " %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%"
    ' "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%"'
    ' "%UPSTREAM_HOST%"'
)
"""What Envoy writes without a format."""

ISTIO: Final = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE%'
    " %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS%"
    ' "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION%'
    ' %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%"'
    ' "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW%'
    " %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS%"
    " %REQUESTED_SERVER_NAME% %ROUTE_NAME%"
)
"""What Istio's sidecars write by default (istio/istio, pilot/pkg/model/telemetry_logging.go)."""

_PLAIN: Final = {
    "START_TIME": "time", "PROTOCOL": "protocol", "RESPONSE_CODE": "status",
    "BYTES_RECEIVED": "request_bytes", "BYTES_SENT": "response_bytes", "DURATION": "duration_ms",
    "DOWNSTREAM_REMOTE_ADDRESS": "address", "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": "address",
    "REQUESTED_SERVER_NAME": "server", "DOWNSTREAM_TLS_VERSION": "tls", "STREAM_ID": "id",
}  # fmt: skip
_HEADERS: Final = {
    ":method": "method", ":path": "target", "x-envoy-original-path": "target", ":authority": "host",
    "host": "host", ":scheme": "scheme", "x-forwarded-proto": "scheme", "x-forwarded-for": "forwarded",
    "x-request-id": "id",
}  # fmt: skip


def tokens(text: str) -> Iterator[str | tuple[str, ...]]:
    """Literals and fields of a format string.

    Raises:
        SourceError: a `%` that begins no operator.
    """
    at = 0
    while (start := text.find("%", at)) >= 0:
        if start > at:
            yield text[at:start]
        found = _OPERATOR.match(text, start)
        if found is None:
            raise SourceError(f"the log format has a % at character {start + 1} that begins no operator")
        yield "%" if found[0] == "%%" else fields(found[1], found[2] or "")
        at = found.end()
    if at < len(text):
        yield text[at:]


def fields(operator: str, argument: str = "") -> tuple[str, ...]:
    """The fields that an operator stands for; () when it says nothing of a call."""
    if operator in {"REQ", "REQ_WITHOUT_QUERY"}:
        # `FIRST?SECOND`: the second counts where the first is missing, and the value does not say which.
        return _header(argument.lower().rpartition("?")[2])
    if operator == "RESP":
        return (f"resp:{argument.lower().partition('?')[0]}",)
    if operator == "START_TIME" and argument.startswith("%s"):
        return ("time_s" if argument in {"%s", "%s.%3f", "%s.%6f", "%s.%9f"} else "",)
    name = _PLAIN.get(operator)
    return (name,) if name else ()


def _header(name: str) -> tuple[str, ...]:
    return (_HEADERS.get(name, f"req:{name}"),)
