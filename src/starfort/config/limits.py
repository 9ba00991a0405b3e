"""How much of a request is inspected, and what happens to a request that has more."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from starfort.config.fields import Duration, Model, Size

OverLimit = Annotated[
    Literal["refuse", "pass"],
    BeforeValidator(lambda value: "refuse" if value == "reject" else value),
]
"""What happens to a request that is over a limit. `reject` is the older word for `refuse`, and still
works."""
# Types of their own, since `Limits` has them with defaults and `ScopedLimits` has them as optional.
_Uri = Annotated[Size, Field(ge=1, le=1 << 20)]
_Headers = Annotated[int, Field(ge=1, le=1000)]
_Body = Annotated[Size, Field(ge=0, le=256 << 20)]
_Decompressed = Annotated[Size, Field(ge=0, le=1 << 30)]
_Ratio = Annotated[int, Field(ge=1, le=10_000)]
_Depth = Annotated[int, Field(ge=1, le=10_000)]
_Count = Annotated[int, Field(ge=1, le=1_000_000)]
_Parts = Annotated[int, Field(ge=1, le=10_000)]
_Rate = Annotated[Size, Field(ge=0, le=1 << 30)]
_Work = Annotated[int, Field(ge=1, le=10_000_000_000)]


class Limits(Model):
    """How much of a request is inspected.

    A request over a limit gets the finding `over_limit` and the anomaly that names the limit, and
    `over_limit` says what happens to it. The defaults are so large that ordinary traffic stays below them.
    """

    uri: _Uri = 16 * 1024
    """Bytes of path and query. Common servers and load balancers take 8 to 16 KiB."""
    headers: _Headers = 100
    """Number of request headers. Apache httpd accepts as many (LimitRequestFields)."""
    header: _Uri = 16 * 1024
    """Bytes of one header. Common servers and load balancers take 8 to 16 KiB."""
    request_body: _Body = 2 << 20
    """Bytes of a request body that are held and inspected. Bulk imports commonly send half of this."""
    response_body: _Body = 1 << 20
    """Bytes of a response body that are inspected."""
    decompressed: _Decompressed = 8 << 20
    """Bytes after decompression: four times `request_body`, because JSON and text compress well."""
    decompression_ratio: _Ratio = 100
    """Decompressed size divided by compressed size, checked from 64 KiB on. Text compresses to a tenth, logs
    to a thirtieth."""
    depth: _Depth = 64
    """Nesting of JSON and XML; documents of real APIs have 20 levels at most."""
    query_parameters: _Count = 1000
    """Parameters of the query; 16 KiB hold few more."""
    cookies: _Count = 200
    """Cookies; browsers keep 50 to 180 for a site (RFC 6265 asks for 50)."""
    body_parameters: _Count = 200_000
    """Parameters of the body (fields, JSON leaves, XML texts); 2 MiB of coordinates in JSON have 170,000."""
    multipart_parts: _Parts = 1000
    """Parts of a multipart body."""
    work: _Work = 200_000_000
    """Units of work for one request and its response; a unit is one to two nanoseconds of one core. 1 MiB of
    prose takes 80 to 150 million units, 2 MB of JSON in a bulk import about 130 million. Raise it where
    longer texts are ordinary."""
    over_limit: OverLimit = "refuse"
    """What happens to a request over a limit whose body is of a type that is read (JSON, XML, form, fields of
    multipart, GraphQL, text): `refuse` answers 413, 414 or 431; `pass` lets it through, inspected as far as
    possible."""
    over_limit_files: OverLimit = "pass"
    """What happens to a file (a type that is not read, or a file in multipart) over `request_body`: let it
    pass, or answer 413."""
    body_wait: Duration = timedelta(seconds=30)
    """How long Starfort waits for a request body before `body_rate` counts. A phone may lose its network for
    a while; Apache httpd waits 20 s (mod_reqtimeout)."""
    body_rate: _Rate = 240
    """The fewest bytes per second of a request body; a slower one gets 408. Each byte earns the body more
    time beyond `body_wait`, so a pause does no harm after enough was sent. IIS and Kestrel ask for the same
    rate, and the slowest mobile networks (GPRS) carry ten times more. 0: any rate. gRPC, WebSocket, and
    requests whose answer has begun have no such limit."""
    body_time: Duration = timedelta(hours=6)
    """How long a whole request body may take, whatever its rate; after that the answer is 408. 2 GB take 6
    hours at 800 kbit/s. 0s: any time."""


class ScopedLimits(Model):
    """Limits of one API or endpoint; one that is not given is as in the API, and else as in `limits`."""

    uri: _Uri | None = None
    """Bytes of path and query."""
    headers: _Headers | None = None
    """Number of request headers."""
    header: _Uri | None = None
    """Bytes of one header."""
    request_body: _Body | None = None
    """Bytes of a request body that are held and inspected."""
    response_body: _Body | None = None
    """Bytes of a response body that are inspected."""
    decompressed: _Decompressed | None = None
    """Bytes after decompression."""
    decompression_ratio: _Ratio | None = None
    """Decompressed over compressed size."""
    depth: _Depth | None = None
    """Nesting of JSON and XML."""
    query_parameters: _Count | None = None
    """Parameters of the query."""
    cookies: _Count | None = None
    """Cookies."""
    body_parameters: _Count | None = None
    """Parameters of the body."""
    multipart_parts: _Parts | None = None
    """Parts of a multipart body."""
    work: _Work | None = None
    """Units of work for one request and its response."""
    over_limit: OverLimit | None = None
    """What happens to a request of a type that is read."""
    over_limit_files: OverLimit | None = None
    """What happens to a file."""
    body_wait: Duration | None = None
    """How long Starfort waits for a request body before `body_rate` counts."""
    body_rate: _Rate | None = None
    """The fewest bytes per second of a request body; 0: any rate."""
    body_time: Duration | None = None
    """How long a whole request body may take; 0s: any time."""

    def over(self, wider: Limits) -> Limits:
        """These limits, completed by those of wider ones."""
        # `None` means "not given", so a narrower scope cannot switch a limit off.
        given = {
            name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None
        }
        return wider.model_copy(update=given)
