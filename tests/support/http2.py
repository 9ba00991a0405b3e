"""One HTTP/2 request with headers that no client library would send."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import h2.config
import h2.connection
import h2.events

TIMEOUT_S = 20.0
LENIENT = h2.config.H2Configuration(
    validate_outbound_headers=False, normalize_outbound_headers=False, header_encoding="utf-8"
)


async def request(
    port: int, headers: Sequence[tuple[str, str]], body: bytes = b"", trailers: Sequence[tuple[str, str]] = ()
) -> int:
    """Send headers as they are, body and trailers over plain HTTP/2; the status, 0 when the stream was refused."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    connection = h2.connection.H2Connection(LENIENT)
    connection.initiate_connection()
    connection.send_headers(1, headers, end_stream=not body and not trailers)
    if body:
        connection.send_data(1, body, end_stream=not trailers)
    if trailers:
        connection.send_headers(1, trailers, end_stream=True)
    writer.write(connection.data_to_send())
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await _status(connection, reader, writer)
    except ConnectionError:
        return 0
    finally:
        writer.close()


async def _status(
    connection: h2.connection.H2Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> int:
    status = 0
    while data := await reader.read(65536):
        for event in connection.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                status = int(dict(event.headers)[":status"])
            if isinstance(
                event, h2.events.StreamEnded | h2.events.StreamReset | h2.events.ConnectionTerminated
            ):
                return status
        writer.write(connection.data_to_send())
    return status
