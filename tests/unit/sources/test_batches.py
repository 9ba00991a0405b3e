"""Calls become event rows as the engine makes them of inline traffic."""

from dataclasses import replace
from typing import Any

import pyarrow as pa

from starfort._engine import Recorder
from starfort.bundle import encode
from starfort.events.schema import complete
from starfort.sources.batches import Batch, batches
from starfort.sources.call import Call, Part
from starfort.sources.reading import Sourced
from tests.support.recorded import recorded_bundle

CALL = Call(
    method="POST",
    target=b"/v1/orders/alice@example.com?card=1",
    host="a.example",
    time_us=1_000_000_000_000_000,
    address="192.0.2.7",
    headers=((b"authorization", b"Bearer secret-token-of-alice"), (b"content-type", b"application/json")),
    body=b'{"card": "4111 1111 1111 1111"}',
    status=200,
    response_headers=((b"content-type", b"application/json"),),
    response_body=b'{"email": "bob@example.com"}',
)


def _rows(*made: Batch) -> list[dict[str, Any]]:
    tables = [complete(pa.ipc.open_stream(batch.stream).read_all()) for batch in made]
    return pa.concat_tables(tables).to_pylist()


def test_rows_are_masked_and_keep_their_time() -> None:
    """Sensitive data is found and no value leaves; the time is that of the call, years ago."""
    recorder = Recorder(encode(recorded_bundle()))
    (batch,) = batches([Sourced("har", CALL)], recorder)
    (row,) = _rows(batch)
    assert (row["source"], row["unseen"], row["time"].year) == ("har", [], 2001)
    assert (row["path"], row["api"], row["status"]) == ("/v1/orders/{masked}", "shop", 200)
    assert (row["auth_seen"], row["sensitive_response"]) == (["bearer"], ["email"])
    for secret in (b"alice", b"bob", b"4111", b"secret-token"):
        assert secret not in batch.stream


def test_what_was_not_seen_is_said() -> None:
    """Without headers the credential is unknown, and without an answer there is no status."""
    recorder = Recorder(encode(recorded_bundle()))
    log = replace(CALL, headers=(), body=b"", unseen=frozenset({Part.REQUEST_HEADERS, Part.REQUEST_BODY}))
    mirror = replace(
        CALL, status=None, response_headers=(), response_body=b"", unseen=frozenset({Part.RESPONSE})
    )
    first, second = _rows(*batches([Sourced("access_log", log), Sourced("mirror", mirror)], recorder))
    assert (first["auth_seen"], first["unseen"]) == (["unknown"], ["request_body", "request_headers"])
    assert (second["status"], second["upstream"], second["auth_seen"]) == (0, "shop", ["bearer"])


def test_the_same_calls_have_the_same_token() -> None:
    """A batch's token depends on its calls alone, so that a file that is imported twice adds nothing."""
    calls = [Sourced("har", CALL), Sourced("har", replace(CALL, time_us=7))]
    one, other = (Recorder(encode(recorded_bundle(version=version))) for version in ("a", "b"))
    (first,), (second,), (third,) = batches(calls, one), batches(calls, other), batches(calls[:1], one)
    assert first.token == second.token != third.token


def test_calls_of_no_api_are_counted_by_host() -> None:
    """A call that no API of the configuration has is counted under its host."""
    bundle = recorded_bundle()
    apis = (replace(bundle.apis[0], hosts=("a.example",)),)
    recorder = Recorder(encode(recorded_bundle(apis=apis)))
    (batch,) = batches([Sourced("har", CALL), Sourced("har", replace(CALL, host="b.example"))], recorder)
    assert (dict(batch.apis), dict(batch.hosts)) == ({"shop": 1, "": 1}, {"b.example": 1})
