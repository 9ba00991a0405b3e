"""Makes Envoy's protocol buffers from plain data; a field that Envoy does not have is an error here."""

from __future__ import annotations

from typing import Final

from google.protobuf import json_format
from google.protobuf.message import Message

from starfort.dataplane.json import Json

TYPE_PREFIX: Final = "type.googleapis.com/"


def build(kind: type[Message], value: Json) -> Json:
    """The resource `kind` with these fields, in protobuf's JSON form, names as in the `.proto` files.

    Args:
        kind: a class of `xds-protos`; the classes of packed messages inside must be imported, too.
        value: its fields; for a field of type `Any`, use what `packed` returns.

    Raises:
        json_format.ParseError: a field or value that `kind` does not have: an error of ours.
    """
    message = json_format.ParseDict(value, kind())
    return as_json(message)


def packed(kind: type[Message], value: Json | None = None) -> Json:
    """The resource that `build` makes, ready for a field of type `Any`."""
    return {"@type": type_url(kind), **build(kind, value or {})}


def extension(name: str, kind: type[Message], value: Json | None = None) -> Json:
    """A `TypedExtensionConfig`, or a filter or socket in the same form."""
    return {"name": name, "typed_config": packed(kind, value)}


def type_url(kind: type[Message]) -> str:
    """The URL that names a message type in an `Any`."""
    return TYPE_PREFIX + str(kind.DESCRIPTOR.full_name)


def as_json(message: Message) -> Json:
    """A message as plain data."""
    # Names as in the `.proto` files, because Envoy's documentation uses these too.
    result: Json = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return result


def seconds(value: float) -> str:
    """A duration as protobuf's JSON writes it, to the millisecond."""
    return f"{value:.3f}s"
