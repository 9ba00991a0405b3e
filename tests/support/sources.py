"""The same few calls as every kind of file that `starfort discover` reads."""

import json
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from starfort.sources.call import Call
from starfort.sources.formats import lines

NGINX = '203.0.113.9 - - [10/Oct/2020:13:55:36 -0700] "GET /v1/orders/7?page=1 HTTP/1.1" 200 2326 "-" "curl\\x22"\n'
VHOST = f"api.example.com:443 {NGINX}"
ENVOY = (
    '[2016-04-15T20:17:00.310Z] "POST /v1/locations HTTP/2" 204 - 154 0 226 100 "10.0.35.28" "nsq2http"'
    ' "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2" "api.example.com" "tcp://10.0.2.1:80"\n'
)
ALB = (
    "h2 2018-07-02T22:23:00.186641Z app/lb/50dc6c495c0c9188 10.0.1.252:48160 10.0.0.66:9000 0.000 0.002 0.000"
    ' 200 200 5 257 "GET https://10.0.2.105:773/v1/orders?page=2 HTTP/2.0" "curl/7.46.0"'
    " ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:1:targetgroup/t/7"
    ' "Root=1-58337327-72bd00b0343d75b906739c42" "api.example.com" "-" 1 2018-07-02T22:22:48.364000Z "forward"'
    ' "-" "-" "10.0.0.66:9000" "200" "-" "-" TID_1234\n'
)
ENVOY_JSON = {
    "start_time": "2024-01-02T03:04:05.678Z", "method": "POST", "path": "/v1/orders?a=1",
    "protocol": "HTTP/1.1", "response_code": 201, "bytes_received": 10, "bytes_sent": 20, "duration": 12,
    "x_forwarded_for": "192.0.2.1", "user_agent": "app", "request_id": "abc", "authority": "api.example.com",
    "upstream_host": "10.0.0.1:80",
}  # fmt: skip
CADDY: dict[str, Any] = {
    "level": "info", "ts": 1646861401.5241024, "logger": "http.log.access", "msg": "handled request",
    "request": {
        "remote_ip": "192.0.2.4", "client_ip": "192.0.2.4", "proto": "HTTP/2.0", "method": "GET",
        "host": "api.example.com", "uri": "/v1/orders/7",
        "headers": {"User-Agent": ["curl/7.82.0"], "Authorization": ["REDACTED"]}, "tls": {"resumed": False},
    },
    "bytes_read": 0, "duration": 0.000929675, "size": 10900, "status": 200,
    "resp_headers": {"Content-Type": ["application/json"]},
}  # fmt: skip


def line_of(text: str) -> Call:
    """The call of the first line of a text, in the format that is recognised."""
    format_ = lines.recognised(text.splitlines())
    assert format_ is not None
    call = format_.parse(text.rstrip("\n"))
    assert isinstance(call, Call)
    return call


def har(*entries: Any) -> dict[str, Any]:
    """A HAR file."""
    return {"log": {"version": "1.2", "creator": {"name": "test", "version": "1"}, "entries": list(entries)}}


HAR_ENTRY: dict[str, Any] = {
    "startedDateTime": "2022-01-01T00:00:00.000Z", "time": 12.5,
    "request": {
        "method": "POST", "url": "https://api.example.com/v1/orders?a=b#part", "httpVersion": "h2",
        "headers": [{"name": "Cookie", "value": "sid=1"}],
        "postData": {"mimeType": "application/json", "text": '{"item": 1}'},
    },
    "response": {
        "status": 201, "headers": [{"name": "Content-Encoding", "value": "gzip"}],
        "content": {"size": 9, "mimeType": "application/json", "text": "eyJpZCI6IDEyfQ==", "encoding": "base64"},
    },
}  # fmt: skip

POSTMAN: dict[str, Any] = {
    "info": {"name": "x", "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"},
    "variable": [{"key": "baseUrl", "value": "https://api.example.com"}],
    "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{token}}"}]},
    "item": [
        {
            "name": "orders",
            "item": [
                {
                    "name": "one",
                    "request": {
                        "method": "GET",
                        "url": {
                            "raw": "{{baseUrl}}/v1/orders/:id?x={{y}}",
                            "variable": [{"key": "id", "value": ""}],
                        },
                    },
                    "response": [
                        {
                            "code": 200,
                            "body": '{"id": 1}',
                            "header": [{"key": "Content-Type", "value": "application/json"}],
                        }
                    ],
                }
            ],
        },
        {"name": "host unknown", "request": "{{other}}/v1/parts/{{part}}"},
    ],
}


def span(**attributes: Any) -> dict[str, Any]:
    """A server's span as OTLP has it in JSON; dots of attributes are written as `__`."""
    listed = [
        {
            "key": name.replace("__", "."),
            "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value},
        }
        for name, value in attributes.items()
    ]
    return {
        "traceId": "0" * 31 + "1", "spanId": "0" * 15 + "1", "name": "span", "kind": 2,
        "startTimeUnixNano": "1650000000000000000", "endTimeUnixNano": "1650000000100000000",
        "attributes": listed,
    }  # fmt: skip


NEW_SPAN = span(
    http__request__method="GET", url__path="/v1/orders/7", url__query="page=3", url__scheme="https",
    server__address="api.example.com", http__response__status_code=200, client__address="192.0.2.9",
)  # fmt: skip
OLD_SPAN = span(
    http__method="GET", http__target="/v1/orders/7?page=3", http__scheme="https", http__host="api.example.com",
    http__status_code=200, http__client_ip="192.0.2.9",
)  # fmt: skip


def otlp(*spans: dict[str, Any]) -> dict[str, Any]:
    """An OTLP message in JSON."""
    return {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}


def otlp_protobuf(*spans: dict[str, Any]) -> bytes:
    """The same message in protobuf."""
    data = ExportTraceServiceRequest()
    for each in spans:
        made = data.resource_spans.add().instrumentation_library_spans.add().spans.add()
        made.trace_id, made.span_id = bytes.fromhex(each["traceId"]), bytes.fromhex(each["spanId"])
        made.kind, made.name = each["kind"], each["name"]
        made.start_time_unix_nano = int(each["startTimeUnixNano"])
        made.end_time_unix_nano = int(each["endTimeUnixNano"])
        for attribute in each["attributes"]:
            value = made.attributes.add(key=attribute["key"]).value
            if "intValue" in attribute["value"]:
                value.int_value = int(attribute["value"]["intValue"])
            else:
                value.string_value = attribute["value"]["stringValue"]
    return data.SerializeToString()


TAP: dict[str, Any] = {
    "http_buffered_trace": {
        "request": {
            "headers": [
                {"key": ":method", "value": "GET"}, {"key": ":path", "value": "/v1/orders/7"},
                {"key": ":authority", "value": "api.example.com"}, {"key": "x-forwarded-for", "value": "192.0.2.7"},
            ],
            "body": {"as_bytes": "aGk="},
        },
        "response": {"headers": [{"key": ":status", "value": "200"}], "body": {"truncated": True, "as_string": "hello"}},
    }
}  # fmt: skip

SAMPLES: dict[str, tuple[bytes, str, str]] = {
    "combined": (NGINX.encode() * 3, "access log, combined", "access_log"),
    "vhost": (VHOST.encode(), "access log, combined with host", "access_log"),
    "envoy": (ENVOY.encode(), "Envoy access log", "access_log"),
    "alb": (ALB.encode(), "AWS ALB access log", "access_log"),
    "envoy json": (json.dumps(ENVOY_JSON).encode() + b"\n", "access log, JSON lines", "access_log"),
    "caddy": (json.dumps(CADDY).encode() + b"\n", "access log, JSON lines", "access_log"),
    "har": (json.dumps(har(HAR_ENTRY)).encode(), "HAR", "har"),
    "har, indented": (json.dumps(har(HAR_ENTRY), indent=2).encode(), "HAR", "har"),
    "har, long": (json.dumps(har(*[HAR_ENTRY] * 1000)).encode(), "HAR", "har"),
    "postman": (json.dumps(POSTMAN, indent="\t").encode(), "Postman collection", "postman"),
    "otlp": (json.dumps(otlp(NEW_SPAN, OLD_SPAN)).encode(), "OpenTelemetry spans, JSON", "otlp"),
    "otlp, indented": (json.dumps(otlp(NEW_SPAN), indent=2).encode(), "OpenTelemetry spans, JSON", "otlp"),
    "otlp lines": ((json.dumps(otlp(NEW_SPAN)) + "\n").encode() * 3, "OpenTelemetry spans, JSON", "otlp"),
    "otlp protobuf": (otlp_protobuf(NEW_SPAN, OLD_SPAN), "OpenTelemetry spans, protobuf", "otlp"),
    "otlp protobuf lengths": (
        b"".join(
            len(message).to_bytes(4, "big") + message
            for message in (otlp_protobuf(NEW_SPAN), otlp_protobuf(OLD_SPAN))
        ),
        "OpenTelemetry spans, protobuf with lengths",
        "otlp",
    ),
    "tap": (json.dumps(TAP, indent=1).encode(), "Envoy tap, JSON", "tap"),
}
"""Content, name of the format, and word for the source."""
