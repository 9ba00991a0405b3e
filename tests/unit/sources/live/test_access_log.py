"""Entries of Envoy's access log service become calls."""

import asyncio

import grpc.aio
import pytest
from envoy.data.accesslog.v3.accesslog_pb2 import HTTPAccessLogEntry
from envoy.service.accesslog.v3.als_pb2 import StreamAccessLogsMessage
from envoy.service.accesslog.v3.als_pb2_grpc import AccessLogServiceStub

from starfort.sources.call import Call, Part
from starfort.sources.live.access_log import AccessLogSource, call_of
from starfort.sources.live.gate import Gate


def _entry() -> HTTPAccessLogEntry:
    entry = HTTPAccessLogEntry(protocol_version=HTTPAccessLogEntry.HTTP2)
    entry.common_properties.downstream_remote_address.socket_address.address = "192.0.2.7"
    entry.common_properties.start_time.FromMicroseconds(1_700_000_000_000_000)
    entry.common_properties.time_to_last_downstream_tx_byte.FromMicroseconds(1_500)
    request = entry.request
    request.request_method, request.authority, request.path = 3, "a.example", "/v1/x?y=1"
    request.forwarded_for, request.user_agent, request.request_id = "203.0.113.1,192.0.2.7", "app", "id-1"
    request.request_body_bytes = 12
    entry.response.response_code.value, entry.response.response_body_bytes = 201, 34
    return entry


def test_an_entry_is_a_call() -> None:
    """Method, target, caller, time, duration and sizes are those of the entry."""
    call = call_of(_entry())
    assert (call.method, call.target, call.host, call.status) == ("POST", b"/v1/x?y=1", "a.example", 201)
    assert (call.address, call.protocol, call.id) == ("192.0.2.7", "HTTP/2", "id-1")
    assert (call.time_us, call.duration_us) == (1_700_000_000_000_000, 1_500)
    assert (call.request_bytes, call.response_bytes) == (12, 34)
    assert (b"x-forwarded-for", b"203.0.113.1") in call.headers
    assert Part.REQUEST_HEADERS in call.unseen


def test_a_logged_credential_is_seen() -> None:
    """Where the log has Authorization, credentials are known."""
    entry = _entry()
    entry.request.request_headers["authorization"] = "Bearer x"
    assert Part.REQUEST_HEADERS not in call_of(entry).unseen


def test_an_entry_without_a_request_is_refused() -> None:
    """An entry of a broken connection is no call."""
    with pytest.raises(ValueError, match="no method and path"):
        call_of(HTTPAccessLogEntry())


def test_an_entry_with_a_method_of_tomorrow_is_refused() -> None:
    """A newer proxy may send words that this version does not know, and its stream goes on."""
    entry = _entry()
    entry.request.request_method = 99
    with pytest.raises(ValueError, match="no method and path"):
        call_of(entry)


async def test_a_stream_of_entries_is_taken() -> None:
    """The service takes what an Envoy streams, counts what is no call, and answers at the end only."""
    taken: list[Call] = []

    async def deliver(calls: list[Call]) -> None:
        taken.extend(calls)

    gate = Gate(100, deliver)
    source = AccessLogSource("127.0.0.1:0", gate)
    task = asyncio.create_task(source.run())
    while source.port == 0:
        await asyncio.sleep(0.01)
    try:
        message = StreamAccessLogsMessage()
        message.http_logs.log_entry.extend([_entry(), HTTPAccessLogEntry(), _entry()])
        async with grpc.aio.insecure_channel(f"127.0.0.1:{source.port}") as channel:
            stream = AccessLogServiceStub(channel).StreamAccessLogs()
            await stream.write(message)
            await stream.done_writing()
            await stream
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await gate.flush()
    assert (len(taken), gate.counts.dropped) == (2, {"unreadable": 1})
