"""What each format's reader makes of a file that people know."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from starfort.sources.call import Call, Part
from starfort.sources.errors import SourceError
from starfort.sources.files import opened
from starfort.sources.formats import alb, har, json_log, lines, otlp, template
from starfort.sources.formats.fields import call_of, time_of
from starfort.sources.formats.outcome import Failure, Skipped
from starfort.sources.formats.postman import UNKNOWN, Collection
from starfort.sources.formats.tap import Taps, wrapper_of_json
from starfort.sources.reading import Options, Tally, read
from tests.support.sources import (
    ALB,
    CADDY,
    ENVOY,
    ENVOY_JSON,
    HAR_ENTRY,
    NEW_SPAN,
    NGINX,
    OLD_SPAN,
    POSTMAN,
    SAMPLES,
    TAP,
    VHOST,
    otlp_protobuf,
    span,
)

LOG = frozenset({Part.REQUEST_HEADERS, Part.REQUEST_BODY, Part.RESPONSE_HEADERS, Part.RESPONSE_BODY})


def _line(text: str) -> Call:
    format_ = lines.recognised(text.splitlines())
    assert format_ is not None
    call = format_.parse(text.rstrip("\n"))
    assert isinstance(call, Call)
    return call


def test_nginx_combined() -> None:
    """A line of nginx's default format: caller, time with its zone, target, status, size, agent unescaped."""
    call = _line(NGINX)
    assert (call.method, call.target, call.status, call.address) == (
        "GET",
        b"/v1/orders/7?page=1",
        200,
        "203.0.113.9",
    )
    assert (call.time_us, call.response_bytes) == (1602363336_000000, 2326)
    assert (b"user-agent", b'curl"') in call.headers
    assert (call.host, call.unseen) == ("", LOG)


def test_apache_with_host() -> None:
    """Apache's format with the virtual host in front gives the host."""
    assert _line(VHOST).host == "api.example.com"


def test_apache_escapes() -> None:
    """A quote within a quoted value that Apache escaped does not end it."""
    line = (
        r'192.0.2.1 - frank [10/Oct/2000:13:55:36 +0000] "GET /a HTTP/1.0" 200 5 "-" "a \"quoted\" \\ agent"'
    )
    assert (b"user-agent", b'a "quoted" \\ agent') in _line(line).headers


def test_envoy_text() -> None:
    """A line of Envoy's default format: the last address of X-Forwarded-For called, and took 226 ms."""
    call = _line(ENVOY)
    assert (call.method, call.target, call.status, call.host) == (
        "POST",
        b"/v1/locations",
        204,
        "api.example.com",
    )
    assert (call.protocol, call.address, call.duration_us, call.request_bytes) == (
        "HTTP/2",
        "10.0.35.28",
        226_000,
        154,
    )
    assert call.id == "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2"


def test_alb() -> None:
    """A line of AWS's load balancer: the time is that of the request and not of the answer."""
    call = call_of(alb.read(ALB.rstrip("\n")))
    assert (call.time_us, call.status, call.response_bytes) == (1530570168_364000, 200, 257)
    assert (call.scheme, call.protocol, call.target) == ("https", "HTTP/2", b"/v1/orders?page=2")


def test_envoy_json() -> None:
    """A line of Envoy's JSON, whose duration is in milliseconds."""
    call = json_log.call(ENVOY_JSON)
    assert (call.method, call.target, call.status, call.host) == (
        "POST",
        b"/v1/orders?a=1",
        201,
        "api.example.com",
    )
    assert (call.duration_us, call.address, call.id) == (12_000, "192.0.2.1", "abc")


def test_caddy_hides_credentials() -> None:
    """Caddy says that a credential came and not which: then nothing is said of credentials."""
    call = json_log.call(CADDY)
    assert (call.target, call.status, call.scheme, call.duration_us) == (b"/v1/orders/7", 200, "https", 930)
    assert Part.REQUEST_HEADERS in call.unseen
    assert not [name for name, _ in call.headers if name == b"authorization"]
    shown = {**CADDY, "request": {**CADDY["request"], "headers": {"Accept": ["*/*"]}}}
    assert Part.REQUEST_HEADERS not in json_log.call(shown).unseen


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


@pytest.mark.parametrize("text", ["nothing", "$request_method$request_uri", "%", "%REQ(", "x" * 20_000])
def test_a_format_that_cannot_be_read_is_refused(text: str) -> None:
    """A format without a field, with fields side by side, or with a mistake is refused with what is wrong."""
    with pytest.raises(SourceError):
        template.compiled(text)


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("1714979288", 1714979288_000000),
        ("1714979288.75", 1714979288_750000),
        ("1714979288750", 1714979288_750000),
        ("1714979288750000", 1714979288_750000),
        ("1714979288750000000", 1714979288_750000),
        ("06/May/2024:09:08:08 +0200", 1714979288_000000),
        ("2024-05-06T09:08:08.75+02:00", 1714979288_750000),
        ("2024-05-06 07:08:08", 1714979288_000000),
    ],
)
def test_times(text: str, microseconds: int) -> None:
    """A time is read in every way in which logs write it."""
    assert time_of(text) == microseconds


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


def test_postman() -> None:
    """A saved example is a call with its answer; `:id` without a value is a parameter; authorization is inherited."""
    saved, other = Collection(POSTMAN).calls()
    assert isinstance(saved, Call)
    assert isinstance(other, Call)
    assert (saved.host, saved.target) == ("api.example.com", f"/v1/orders/{UNKNOWN}?x=".encode())
    assert (saved.status, saved.response_body) == (200, b'{"id": 1}')
    assert (b"authorization", b"Bearer {{token}}") in saved.headers
    assert (other.host, other.target, other.status) == ("", f"/v1/parts/{UNKNOWN}".encode(), None)
    assert Part.RESPONSE in other.unseen


def test_postman_2_0() -> None:
    """Version 2.0 has authorization as an object and the URL in parts."""
    collection = {
        "info": {"name": "x", "schema": "https://schema.getpostman.com/json/collection/v2.0.0/collection.json"},
        "item": [
            {
                "request": {
                    "method": "post",
                    "auth": {"type": "apikey", "apikey": {"key": "x-key", "value": "v"}},
                    "url": {"protocol": "https", "host": ["api", "example", "com"], "path": ["v1", ":id"],
                            "query": [{"key": "q", "value": "1"}], "variable": [{"key": "id", "value": "7"}]},
                    "body": {"mode": "urlencoded", "urlencoded": [{"key": "a", "value": "b c"}]},
                }
            }
        ],
    }  # fmt: skip
    (call,) = Collection(collection).calls()
    assert isinstance(call, Call)
    assert (call.method, call.host, call.target, call.body) == (
        "POST",
        "api.example.com",
        b"/v1/7?q=1",
        b"a=b+c",
    )
    assert (b"x-key", b"v") in call.headers


def test_postman_folders_in_folders_end() -> None:
    """A collection that nests without end is a mistake and no endless loop."""
    inner: dict[str, Any] = {"request": "http://a.example/x"}
    for _ in range(200):
        inner = {"item": [inner]}
    (outcome,) = Collection(inner).calls()
    assert isinstance(outcome, Failure)


@pytest.mark.parametrize("made", [NEW_SPAN, OLD_SPAN])
def test_spans_in_both_conventions(made: dict[str, Any]) -> None:
    """The conventions of today and those before them give the same call, in JSON and in protobuf."""
    (from_json,) = otlp.of_json({"resourceSpans": [{"scopeSpans": [{"spans": [made]}]}]})
    (from_protobuf,) = otlp.of_protobuf(otlp_protobuf(made))
    assert from_json == from_protobuf
    assert isinstance(from_json, Call)
    assert (from_json.method, from_json.scheme, from_json.host) == ("GET", "https", "api.example.com")
    assert (from_json.target, from_json.status, from_json.address) == (
        b"/v1/orders/7?page=3",
        200,
        "192.0.2.9",
    )
    assert (from_json.time_us, from_json.duration_us) == (1650000000_000000, 100_000)


def test_spans_of_clients_and_of_databases_are_skipped() -> None:
    """A client's span is its server's call once more, and a span without HTTP is none."""
    client, database = {**NEW_SPAN, "kind": 3}, {**span(db__system="x"), "kind": 3}
    message = {"resourceSpans": [{"scopeSpans": [{"spans": [client, database]}]}]}
    assert list(otlp.of_json(message)) == [Skipped("not_a_server_span"), Skipped("not_http")]


def test_a_span_with_a_route_only_has_a_parameter() -> None:
    """Where a span names the route and no path, its parameters are values that nobody saw."""
    made = span(http__request__method="GET", http__route="/v1/orders/:id", server__address="a.example")
    (call,) = otlp.of_json({"resourceSpans": [{"scopeSpans": [{"spans": [made]}]}]})
    assert isinstance(call, Call)
    assert call.target == b"/v1/orders/{unknown}"


def test_tap() -> None:
    """A tap gives both messages, and says of a body that was cut that there was more."""
    (call,) = Taps().take(wrapper_of_json(TAP))
    assert isinstance(call, Call)
    assert (call.method, call.target, call.host, call.status) == (
        "GET",
        b"/v1/orders/7",
        "api.example.com",
        200,
    )
    assert (call.body, call.response_body, call.response_bytes, call.address) == (
        b"hi",
        b"hello",
        6,
        "192.0.2.7",
    )


def test_a_streamed_tap_is_put_together() -> None:
    """Segments of a streamed tap become one call, whatever stands between them."""
    taps = Taps()
    heads = TAP["http_buffered_trace"]
    segments: list[dict[str, Any]] = [
        {"trace_id": 1, "request_headers": {"headers": heads["request"]["headers"]}},
        {"trace_id": 2, "request_headers": {"headers": heads["request"]["headers"]}},
        {"trace_id": 1, "request_body_chunk": {"as_string": "a"}},
        {"trace_id": 1, "response_headers": {"headers": heads["response"]["headers"]}},
        {"trace_id": 1, "response_body_chunk": {"as_string": "b"}},
        {"trace_id": 1, "response_body_chunk": {"as_string": "c"}},
        {"trace_id": 9, "response_body_chunk": {"as_string": "of a call before the tap"}},
    ]
    early = [
        outcome
        for segment in segments
        for outcome in taps.take(wrapper_of_json({"http_streamed_trace_segment": segment}))
    ]
    first, second = taps.end()
    assert early == []
    assert isinstance(first, Call)
    assert isinstance(second, Call)
    assert (first.body, first.response_body, first.status) == (b"a", b"bc", 200)
    assert (second.status, Part.RESPONSE in second.unseen) == (None, True)


def test_a_call_from_tomorrow_is_a_mistake(tmp_path: Path) -> None:
    """A call whose time lies far in the future is not recorded."""
    file = tmp_path / "log"
    file.write_text(NGINX.replace("2020", "2220"))
    tally = Tally()
    assert list(read([file], Options(), tally)) == []
    assert (tally.failed, tally.calls) == (1, 0)


def test_a_host_is_filled_in_or_replaced(tmp_path: Path) -> None:
    """A host stands in where a file names none, and can replace the one that it names."""
    file = tmp_path / "log"
    file.write_text(NGINX)
    (call,) = (each.call for each in read([file], Options(host="a.example"), Tally()))
    assert call.host == "a.example"
    file.write_text(VHOST)
    (call,) = (each.call for each in read([file], Options(host="a.example"), Tally()))
    assert call.host == "api.example.com"
    (call,) = (each.call for each in read([file], Options(every_host="b.example"), Tally()))
    assert call == replace(call, host="b.example")


def test_a_limit_ends_the_reading(tmp_path: Path) -> None:
    """No more calls are read than asked for."""
    file = tmp_path / "log"
    file.write_text(NGINX * 10)
    assert len(list(read([file, file], Options(limit=4), Tally()))) == 4


def test_the_beginning_is_not_lost(tmp_path: Path) -> None:
    """What was looked at to recognise a file is read as well."""
    file = tmp_path / "any"
    file.write_bytes(SAMPLES["har, long"][0])
    with opened(file) as found:
        assert found.stream.read() == SAMPLES["har, long"][0]
