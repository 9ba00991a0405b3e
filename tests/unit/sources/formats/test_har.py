"""HAR files."""

import json

from starfort.sources.call import Call, Part
from starfort.sources.formats import har
from starfort.sources.formats.outcome import Failure, Skipped
from tests.support.sources import (
    HAR_ENTRY,
)

LOG = frozenset({Part.REQUEST_HEADERS, Part.REQUEST_BODY, Part.RESPONSE_HEADERS, Part.RESPONSE_BODY})


def test_har() -> None:
    """A HAR entry gives both messages whole: the body decoded, and no content encoding any more."""
    (call,) = har.calls({"log": {"entries": [HAR_ENTRY]}})
    assert isinstance(call, Call)
    assert (call.method, call.scheme, call.host, call.target) == (
        "POST",
        "https",
        "api.example.com",
        b"/v1/orders?a=b",
    )
    assert (call.body, call.response_body, call.status) == (b'{"item": 1}', b'{"id": 12}', 201)
    assert (b"content-type", b"application/json") in call.headers
    assert not [name for name, _ in call.response_headers if name == b"content-encoding"]
    assert (call.time_us, call.duration_us, call.unseen) == (1640995200_000000, 12_500, frozenset())


def test_har_without_any_credential_says_nothing_of_credentials() -> None:
    """Browsers leave credentials out of HAR files: then their absence proves nothing."""
    entry = json.loads(json.dumps(HAR_ENTRY))
    entry["request"]["headers"] = []
    (call,) = har.calls({"log": {"entries": [entry]}})
    assert isinstance(call, Call)
    assert call.unseen == {Part.REQUEST_HEADERS}


def test_har_skips_what_is_no_call() -> None:
    """A request that was not answered, and one that is not HTTP, are skipped; a broken entry is a mistake."""
    unanswered = {**HAR_ENTRY, "response": {"status": 0}}
    data = {**HAR_ENTRY, "request": {**HAR_ENTRY["request"], "url": "data:text/plain,x"}}
    outcomes = list(har.calls({"log": {"entries": [unanswered, data, {"request": 1}]}}))
    assert outcomes[:2] == [Skipped("no_answer"), Skipped("no_http")]
    assert isinstance(outcomes[2], Failure)
    assert outcomes[2].where == "log.entries[2]"
