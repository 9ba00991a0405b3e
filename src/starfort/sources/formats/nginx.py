"""nginx: variables of `log_format` (https://nginx.org/en/docs/http/ngx_http_log_module.html)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_VARIABLE: Final = re.compile(r"\$(?:\{([A-Za-z0-9_]+)\}|([A-Za-z0-9_]+))")

VARIABLES: Final = {
    "remote_addr": "address", "realip_remote_addr": "", "time_local": "end_time", "time_iso8601": "end_time",
    "msec": "end_time", "request": "request", "request_method": "method", "request_uri": "target",
    "uri": "path", "document_uri": "path", "args": "query", "query_string": "query",
    "server_protocol": "protocol", "status": "status", "http_host": "host", "host": "host",
    "server_name": "server", "scheme": "scheme", "body_bytes_sent": "response_bytes",
    "bytes_sent": "response_bytes", "content_length": "request_bytes", "content_type": "req:content-type",
    "request_time": "duration_s", "request_id": "id", "http_x_request_id": "id",
    "http_x_forwarded_for": "forwarded", "ssl_protocol": "tls", "https": "tls",
}  # fmt: skip
"""Fields by variable. Times are those of the end of a call: nginx writes a line when it is over."""

COMBINED: Final = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent'
    ' "$http_referer" "$http_user_agent"'
)
"""The format that nginx has without any setting."""


def tokens(text: str) -> Iterator[str | tuple[str, ...]]:
    """Literals and fields of a `log_format`."""
    at = 0
    for found in _VARIABLE.finditer(text):
        if found.start() > at:
            yield text[at : found.start()]
        yield fields(found[1] or found[2])
        at = found.end()
    if at < len(text):
        yield text[at:]


def fields(variable: str) -> tuple[str, ...]:
    """The fields that a variable stands for; () when it says nothing of a call."""
    named = VARIABLES.get(variable)
    if named is not None:
        return (named,) if named else ()
    for prefix, place in (("http_", "req:"), ("sent_http_", "resp:")):
        if variable.startswith(prefix):
            # nginx writes a header's name in lower case with underscores for hyphens.
            return (place + variable.removeprefix(prefix).replace("_", "-"),)
    return ()
