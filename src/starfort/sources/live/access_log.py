"""Envoy's access log service: a gRPC server that proxies stream their access log to.

Source: envoy/service/accesslog/v3/als.proto and envoy/data/accesslog/v3/accesslog.proto.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from starfort.base.addresses import parse_address
from starfort.sources.call import Call, Part, address_of, header_pairs, peeled, to_bytes
from starfort.sources.live.gate import Gate

MOST_MESSAGE: Final = 4 << 20
"""Bytes of one message; Envoy sends it when 16 KiB of entries are together (buffer_size_bytes)."""

MOST_STREAMS: Final = 256
"""Streams at once: every worker of every Envoy has one."""

UNSEEN: Final = frozenset(
    {Part.REQUEST_HEADERS, Part.REQUEST_BODY, Part.RESPONSE_HEADERS, Part.RESPONSE_BODY}
)

_PROTOCOLS: Final = {1: "HTTP/1.0", 2: "HTTP/1.1", 3: "HTTP/2", 4: "HTTP/3"}
"""HTTPAccessLogEntry.HTTPVersion."""

_METHOD_UNKNOWN: Final = 0


class AccessLogSource:
    """Serves the access log service.

    Args:
        address: where to listen.
        gate: takes the calls.

    Attributes:
        port: TCP port, once `run` listens.
    """

    def __init__(self, address: str, gate: Gate) -> None:
        self.port = 0
        self._address = address
        self._gate = gate

    async def run(self) -> None:
        """Serve until cancelled.

        Raises:
            OSError: the address is taken, or not allowed.
        """
        # Here, since gRPC is large, and few use it.
        import grpc.aio
        from envoy.service.accesslog.v3 import als_pb2_grpc

        options = [
            ("grpc.max_receive_message_length", MOST_MESSAGE),
            ("grpc.max_concurrent_streams", MOST_STREAMS),
            # Without it, a second process could listen there too and would get half of the streams.
            ("grpc.so_reuseport", 0),
        ]
        server = grpc.aio.server(options=options)
        als_pb2_grpc.add_AccessLogServiceServicer_to_server(_Servicer(self._gate), server)
        place = parse_address(self._address)
        try:
            self.port = server.add_insecure_port(str(place))
        except RuntimeError as error:
            raise OSError(f"{self._address} cannot be listened on: it is taken, or not allowed") from error
        await server.start()
        try:
            await server.wait_for_termination()
        finally:
            await server.stop(0.5)


class _Servicer:
    """The service's one method, which the generated code finds by its name."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def StreamAccessLogs(self, messages: AsyncIterator[Any], context: Any) -> Any:  # noqa: N802 (gRPC's name)
        """Take all entries of a stream. Nothing is ever answered before its end."""
        from envoy.service.accesslog.v3.als_pb2 import StreamAccessLogsResponse

        del context
        async for message in messages:
            for entry in message.http_logs.log_entry:
                try:
                    self._gate.offer(call_of(entry))
                except (ValueError, OverflowError):
                    self._gate.drop("unreadable")
            for _ in message.tcp_logs.log_entry:
                self._gate.drop("skipped")
        return StreamAccessLogsResponse()


def call_of(entry: Any) -> Call:
    """The call of an entry.

    Args:
        entry: `HTTPAccessLogEntry`.

    Raises:
        ValueError: it has no method or no path.
    """
    common, request, response = entry.common_properties, entry.request, entry.response
    target = request.original_path or request.path
    methods = type(request).DESCRIPTOR.fields_by_name["request_method"].enum_type.values_by_number
    # A newer proxy may know methods that we do not.
    method = methods.get(request.request_method)
    if method is None or request.request_method == _METHOD_UNKNOWN or not target:
        raise ValueError("no method and path")
    headers = [(name, value) for name, value in request.request_headers.items() if not name.startswith(":")]
    named = {name.lower() for name, _ in headers}
    headers += [
        (name, value)
        for name, value in (
            ("user-agent", request.user_agent), ("referer", request.referer),
            ("x-forwarded-for", request.forwarded_for),
        )
        if value and name not in named
    ]  # fmt: skip
    status = response.response_code.value
    address, real = peeled(header_pairs(headers), _address(common))
    return Call(
        method=method.name,
        target=to_bytes(target),
        host=request.authority,
        scheme=request.scheme or ("https" if common.HasField("tls_properties") else "http"),
        time_us=common.start_time.ToMicroseconds() if common.HasField("start_time") else None,
        duration_us=max(0, common.time_to_last_downstream_tx_byte.ToMicroseconds()),
        protocol=_PROTOCOLS.get(entry.protocol_version, "HTTP/1.1"),
        address=address,
        id=request.request_id,
        headers=real,
        request_bytes=request.request_body_bytes,
        status=status if 100 <= status <= 999 else None,  # noqa: PLR2004 (three digits, RFC 9110, 15)
        response_headers=header_pairs(response.response_headers.items()),
        response_bytes=response.response_body_bytes,
        # Which headers are told is a setting of the proxy, so that one is missing proves nothing.
        unseen=UNSEEN - {Part.REQUEST_HEADERS} if "authorization" in named else UNSEEN,
    )


def _address(common: Any) -> str:
    for place in (common.downstream_remote_address, common.downstream_direct_remote_address):
        if place.HasField("socket_address"):
            return address_of(place.socket_address.address)
    return address_of("")
