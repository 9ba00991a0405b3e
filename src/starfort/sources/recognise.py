"""Recognises the format of a file by its content, and reads it.

A reader yields outcomes: calls, what is of no interest, and mistakes with their place. It ends with a
`SourceError` only where the rest of the file cannot be read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from starfort.sources.errors import SourceError, UnknownFormatError
from starfort.sources.files import Input
from starfort.sources.formats import har, lines, otlp, tap
from starfort.sources.formats.lines import LineFormat
from starfort.sources.formats.outcome import Failure, Outcome
from starfort.sources.formats.postman import Collection

MAX_LINE_BYTES: Final = 1 << 20
"""Longest line. Servers limit the target and each header to some kilobytes."""

MAX_DOCUMENT_BYTES: Final = 256 << 20
"""Longest file that has to be in memory as a whole: JSON that is one document, and protobuf."""

Read = Callable[[BinaryIO], Iterator[Outcome]]


@dataclass(frozen=True, slots=True)
class Format:
    """The format of a file.

    Attributes:
        name: as people know it.
        source: the word for column `source` of events.
        read: yields what is in a file.
        has_time: whether its calls say when they were.
    """

    name: str
    source: str
    read: Read
    has_time: bool = True


def recognise(file: Input, log_format: LineFormat | None = None) -> Format:
    """The format of a file.

    Args:
        file: the file, open.
        log_format: the format of text that is no JSON document.

    Raises:
        UnknownFormatError: nothing that we know begins like it.
    """
    head = file.head
    if not head.strip():
        return Format("empty file", "access_log", lambda _: iter(()))
    text = _text(head)
    if text is None:
        return _binary(_whole(file.stream))
    if log_format is not None:
        return _lines(log_format)
    start = text.lstrip("\ufeff \t\r\n")
    if start.startswith(("{", "[")):
        found = _json(start)
        if found is not None:
            return found
    whole = text.splitlines()
    # The last line may be cut.
    format_ = lines.recognised(whole[:-1] if len(whole) > 1 else whole)
    if format_ is None:
        raise UnknownFormatError(
            f"the format of {file.name} is not known",
            "for an access log, give its format with --log-format, as your server's configuration has it",
        )
    return _lines(format_)


def _text(head: bytes) -> str | None:
    """The beginning of a file as text, `None` when it is binary."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", "replace")
    return (
        None
        if b"\0" in head or (head[:1] == b"\x0a" and _is_protobuf(head))
        else head.decode("utf-8", "replace")
    )


def _is_protobuf(head: bytes) -> bool:
    # Text may begin with an empty line, and messages of OTLP and taps begin with the same byte (field 1).
    control = sum(byte < 0x20 and byte not in b"\t\r\n" for byte in head[:512])  # noqa: PLR2004 (C0 controls)
    return control > 0


# ---- JSON


_OTLP_NAMES: Final = ("resourceSpans", "resource_spans")
_POSTMAN_NAMES: Final = ("schema.getpostman.com", "schema.postman.com", "_postman_id")


def _json(start: str) -> Format | None:
    """The format of JSON that is no access log; `None` for lines of one.

    Raises:
        UnknownFormatError: an old version of a format.
    """
    first = _first_object(start)
    if first is None:
        return _long_json(start[:65_536])
    log = first.get("log")
    if isinstance(log, dict) and "entries" in log:
        return _HAR
    if any(name in first for name in _OTLP_NAMES):
        return _OTLP_JSON
    if tap.is_json_message(first):
        return _TAP_JSON
    collection = first.get("collection", first)
    if isinstance(collection, dict) and "item" in collection and "info" in collection:
        return _POSTMAN
    if {"requests", "order"} <= first.keys():
        raise UnknownFormatError(
            "this is a Postman collection of version 1", "export it as v2.1 from Postman"
        )
    return None


def _long_json(probe: str) -> Format | None:
    """The format of a JSON document that is longer than the beginning that we have."""

    def has(*names: str) -> bool:
        return all(f'"{name}"' in probe for name in names)

    # What is in a call may hold any of these words, so the ones that stand first are looked for first.
    first = probe[:2_000]
    if any(f'"{name}"' in first for name in _OTLP_NAMES):
        return _OTLP_JSON
    if any(f'"{name}"' in first for name in tap.NAMES):
        return _TAP_JSON
    if any(name in probe for name in _POSTMAN_NAMES) or ('"info"' in first and has("item")):
        return _POSTMAN
    return _HAR if '"log"' in first else None


def _first_object(start: str) -> dict[str, object] | None:
    """The JSON object at the beginning, `None` when it does not end there."""
    try:
        value, _ = json.JSONDecoder().raw_decode(start)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _postman(document: object) -> Iterator[Outcome]:
    # A file that Postman's API gave has the collection in a member.
    if isinstance(document, dict) and isinstance(document.get("collection"), dict):
        document = document["collection"]
    return Collection(document).calls()


def _document(of: Callable[[object], Iterator[Outcome]]) -> Read:
    def read(stream: BinaryIO) -> Iterator[Outcome]:
        document = _loaded(_whole(stream))
        try:
            yield from of(document)
        except ValueError as error:
            raise SourceError(str(error)) from error

    return read


def _loaded(content: bytes) -> object:
    try:
        return json.loads(content)
    except json.JSONDecodeError as error:
        raise SourceError(f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise SourceError(f"it is no JSON: {str(error)[:200]}") from error


def _otlp_json(stream: BinaryIO) -> Iterator[Outcome]:
    yield from _values(stream, otlp.of_json)


def _tap_json(stream: BinaryIO) -> Iterator[Outcome]:
    taps = tap.Taps()
    yield from _values(stream, lambda value, _: taps.take(tap.wrapper_of_json(value)))
    yield from taps.end()


def _values(stream: BinaryIO, of: Callable[[object, str], Iterator[Outcome]]) -> Iterator[Outcome]:
    """The outcomes of JSON values that follow each other, one on each line or over several."""
    number, held, began = 0, bytearray(), 1
    for line in _raw_lines(stream):
        number += 1
        if isinstance(line, Failure):
            yield line
            held, began = bytearray(), number + 1
            continue
        held += line
        if not line.strip() and not held.strip():
            held, began = bytearray(), number + 1
            continue
        if len(held) > MAX_DOCUMENT_BYTES:
            raise SourceError(f"line {began}: a value has over {MAX_DOCUMENT_BYTES >> 20} MiB")
        # Only a line that ends like a value may complete one: to parse after each line takes quadratic time.
        if not line.rstrip().endswith(b"}") or line[:1] in b" \t":
            continue
        try:
            value = json.loads(held)
        except (ValueError, RecursionError):
            if line[:1] == b"}" or began == number:
                yield Failure(f"line {began}", "it is no JSON")
                held, began = bytearray(), number + 1
            continue
        yield from _guarded(of, value, began)
        held, began = bytearray(), number + 1
    if held.strip():
        yield from _last(held, of, began)


def _last(held: bytearray, of: Callable[[object, str], Iterator[Outcome]], began: int) -> Iterator[Outcome]:
    """What stands at the end of a file, after the last value that ended with its line."""
    try:
        values = list(tap.messages_of_json(held.decode("utf-8", "replace")))
    except ValueError:
        yield Failure(f"line {began}", "it is no JSON, or the file ends in the middle of it")
        return
    for value in values:
        yield from _guarded(of, value, began)


def _guarded(of: Callable[[object, str], Iterator[Outcome]], value: object, line: int) -> Iterator[Outcome]:
    try:
        yield from of(value, f"line {line}: ")
    except ValueError as error:
        yield Failure(f"line {line}", str(error))


_HAR: Final = Format("HAR", "har", _document(har.calls))
_POSTMAN: Final = Format("Postman collection", "postman", _document(_postman), has_time=False)
_OTLP_JSON: Final = Format("OpenTelemetry spans, JSON", "otlp", _otlp_json)
_TAP_JSON: Final = Format("Envoy tap, JSON", "tap", _tap_json)


# ---- lines


def _lines(format_: LineFormat) -> Format:
    def read(stream: BinaryIO) -> Iterator[Outcome]:
        for number, line in enumerate(_raw_lines(stream), 1):
            if isinstance(line, Failure):
                yield line
                continue
            # Other bytes than UTF-8 stay what they are.
            text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
            try:
                yield lines.outcome_of(format_, text.removeprefix("\ufeff"))
            except ValueError as error:
                yield Failure(f"line {number}", str(error))

    return Format(format_.name, "access_log", read)


def _raw_lines(stream: BinaryIO) -> Iterator[bytes | Failure]:
    number = 0
    while line := _readline(stream):
        number += 1
        if len(line) <= MAX_LINE_BYTES:
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = _readline(stream)
        yield Failure(f"line {number}", f"it has over {MAX_LINE_BYTES:,} bytes")


def _readline(stream: BinaryIO) -> bytes:
    try:
        return stream.readline(MAX_LINE_BYTES + 1)
    except OSError as error:
        raise SourceError(f"it cannot be read any further: {error}") from error


# ---- protobuf


def _binary(content: bytes) -> Format:
    """The format of a binary file, which is in memory as a whole.

    Raises:
        UnknownFormatError: it is none of ours.
    """
    for name, source, cut, of in (
        ("OpenTelemetry spans, protobuf with lengths", "otlp", _by_length, _otlp_message),
        ("OpenTelemetry spans, protobuf", "otlp", _at_once, _otlp_message),
        ("Envoy tap, protobuf with lengths", "tap", _by_varint, _tap_message),
        ("Envoy tap, protobuf", "tap", _at_once, _tap_message),
    ):
        if _begins(content, cut, of):
            return Format(name, source, _messages(content, cut, of))
    raise UnknownFormatError(
        "the file is binary, and neither OTLP nor a tap of Envoy",
        "gzip and Zstandard are undone; unpack other archives first",
    )


_Cut = Callable[[bytes], Iterator[bytes]]
_Of = Callable[[tap.Taps, bytes], Iterator[Outcome]]


def _begins(content: bytes, cut: _Cut, of: _Of) -> bool:
    """Whether the first message of a file is what these would read."""
    try:
        message = next(cut(content), b"")
        if of is _otlp_message:
            return _is_otlp(message)
        return bool(message) and tap.wrapper_of_protobuf(message).WhichOneof("trace") is not None
    except (SourceError, ValueError):
        return False


def _is_otlp(message: bytes) -> bool:
    # A tap's message has the same field number at the top, but no span with ids of 16 and 8 bytes.
    data = ExportTraceServiceRequest()
    try:
        data.ParseFromString(message)
    except DecodeError:
        return False
    spans = [
        span for one in data.resource_spans for two in one.instrumentation_library_spans for span in two.spans
    ]
    return bool(spans) and all(
        len(span.trace_id) in {0, 16} and span.start_time_unix_nano for span in spans[:10]
    )


def _messages(content: bytes, cut: _Cut, of: _Of) -> Read:
    def read(_: BinaryIO) -> Iterator[Outcome]:
        taps = tap.Taps()
        for number, message in enumerate(cut(content), 1):
            try:
                yield from of(taps, message)
            except ValueError as error:
                yield Failure(f"message {number}", str(error))
        yield from taps.end()

    return read


def _otlp_message(_: tap.Taps, message: bytes) -> Iterator[Outcome]:
    return otlp.of_protobuf(message)


def _tap_message(taps: tap.Taps, message: bytes) -> Iterator[Outcome]:
    return taps.take(tap.wrapper_of_protobuf(message))


def _at_once(content: bytes) -> Iterator[bytes]:
    yield content


def _by_length(content: bytes) -> Iterator[bytes]:
    """Messages with their length before them: four bytes, big endian (OTLP file exporter)."""
    at = 0
    while at < len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        if length == 0 or at + 4 + length > len(content):
            raise SourceError(f"byte {at}: the message there says that it has {length:,} bytes")
        yield content[at + 4 : at + 4 + length]
        at += 4 + length


def _by_varint(content: bytes) -> Iterator[bytes]:
    """Messages with their length before them as a varint (PROTO_BINARY_LENGTH_DELIMITED of taps)."""
    at = 0
    while at < len(content):
        length = shift = 0
        start = at
        while at < len(content):
            byte = content[at]
            at += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80 or shift > 35:  # noqa: PLR2004 (five bytes hold 32 bits)
                break
        if length == 0 or at + length > len(content):
            raise SourceError(f"byte {start}: the message there says that it has {length:,} bytes")
        yield content[at : at + length]
        at += length


def _whole(stream: BinaryIO) -> bytes:
    try:
        content = stream.read(MAX_DOCUMENT_BYTES + 1)
    except OSError as error:
        raise SourceError(f"it cannot be read any further: {error}") from error
    if len(content) > MAX_DOCUMENT_BYTES:
        raise SourceError(
            f"it has over {MAX_DOCUMENT_BYTES >> 20} MiB and has to be in memory as a whole", "split it"
        )
    return content
