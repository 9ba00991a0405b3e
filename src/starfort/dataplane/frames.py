"""Encodes and reads frames of the control socket: length (u32, big endian), type (u8), payload.

The table of types is in `docs/design/interfaces.md`. Only `read_frame` does I/O, so the codec is tested
without sockets.
"""

from __future__ import annotations

import asyncio
import enum
import json
import math
import struct
from dataclasses import dataclass
from typing import Final

from starfort.dataplane.json import Json

MAX_FRAME_BYTES: Final = 64 * 1024 * 1024
"""Most bytes of type and payload together (interfaces.md). Only `events` may be that large."""

MAX_CONTROL_FRAME_BYTES: Final = 1024 * 1024
"""Most bytes of every frame except `events`: a `stats` frame has some hundred names of some dozen bytes."""

# Big endian and of fixed width, as in the filter's codec; JSON payloads need no order of bytes.
_LENGTH = struct.Struct(">I")
_SEQUENCE = struct.Struct(">Q")


class FrameType(enum.IntEnum):
    """What a frame carries; see interfaces.md for direction and payload."""

    HELLO = 1
    EVENTS = 2
    EVENTS_ACK = 3
    STATS = 4
    BUNDLE = 5
    BUNDLE_RESULT = 6
    SIGNALS = 7
    SIGNALS_ACK = 8
    PING = 9
    PONG = 10
    KNOWN = 11


class FrameError(Exception):
    """A peer sent bytes that are no frame of the protocol; the connection cannot go on."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame, as read.

    Attributes:
        type: what it carries.
        payload: the bytes after the type.
    """

    type: FrameType
    payload: bytes


def encode(frame_type: FrameType, payload: bytes) -> bytes:
    """The bytes of one frame.

    Raises:
        FrameError: the payload is over `MAX_FRAME_BYTES`.
    """
    length = len(payload) + 1
    if length > MAX_FRAME_BYTES:
        raise FrameError(f"frame of {length} bytes is over the limit of {MAX_FRAME_BYTES}")
    return _LENGTH.pack(length) + bytes([frame_type]) + payload


def encode_json(frame_type: FrameType, value: object) -> bytes:
    """The bytes of a frame whose payload is JSON."""
    # NaN and infinity are no JSON (RFC 8259, section 6), and serde in the filter would refuse the frame.
    return encode(frame_type, json.dumps(value, separators=(",", ":"), allow_nan=False).encode())


def encode_ack(sequence: int) -> bytes:
    """An `events_ack`: every batch up to `sequence` is on disk."""
    return encode(FrameType.EVENTS_ACK, _SEQUENCE.pack(sequence))


def split_events(payload: bytes) -> tuple[int, bytes]:
    """Sequence and Arrow stream of an `events` frame.

    Raises:
        FrameError: the payload is shorter than the sequence.
    """
    if len(payload) < _SEQUENCE.size:
        raise FrameError(f"events frame of {len(payload)} bytes has no sequence (8 bytes)")
    (sequence,) = _SEQUENCE.unpack_from(payload)
    return sequence, payload[_SEQUENCE.size :]


def decode_object(frame: Frame) -> Json:
    """The JSON object of a frame.

    Raises:
        FrameError: it is not JSON, not an object, or nested too deep.
    """
    try:
        value = json.loads(frame.payload)
    except (ValueError, RecursionError) as error:
        raise FrameError(f"{frame.type.name.lower()} frame is not JSON") from error
    if not isinstance(value, dict):
        raise FrameError(f"{frame.type.name.lower()} frame is not a JSON object")
    return value


def numbers(value: object, *, most: int) -> dict[str, float]:
    """The finite numbers of a JSON object, by name; everything else in it is left out.

    Args:
        value: what a peer sent where `{name: number}` belongs.
        most: names kept at most; a peer that sends more loses the rest.
    """
    if not isinstance(value, dict):
        return {}
    kept: dict[str, float] = {}
    for name, number in value.items():
        if len(kept) >= most:
            break
        # In Python a truth value is an integer, in JSON it is none.
        if isinstance(number, bool) or not isinstance(number, int | float) or len(name) > MAX_NAME_BYTES:
            continue
        try:
            # JSON allows integers of any length, and one of 400 digits fits in no float.
            as_float = float(number)
        except OverflowError:
            continue
        if math.isfinite(as_float):
            kept[name] = as_float
    return kept


MAX_NAME_BYTES: Final = 256
"""Longest name of a counter, which is made of a policy's name and words of our own."""


async def read_frame(reader: asyncio.StreamReader, *, body_timeout_s: float) -> Frame | None:
    """The next frame, or `None` when the peer closed between two frames.

    Args:
        reader: the connection.
        body_timeout_s: seconds for the rest of a frame once its length has come.

    Raises:
        FrameError: unknown type, length 0 or over the type's limit, or the peer closed inside a frame.
        TimeoutError: the rest of the frame did not come in time.
    """
    try:
        # No timeout here: between two frames a peer may be silent for as long as the caller allows.
        head = await reader.readexactly(_LENGTH.size)
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            return None
        raise FrameError("connection closed inside a frame") from error
    (length,) = _LENGTH.unpack(head)
    if length == 0 or length > MAX_FRAME_BYTES:
        raise FrameError(f"frame length {length} is not in 1..{MAX_FRAME_BYTES}")
    try:
        async with asyncio.timeout(body_timeout_s):
            # The type is read alone: only `events` may be large, and the rest is not read before that is
            # clear.
            kind = (await reader.readexactly(1))[0]
            frame_type = _checked_type(kind, length)
            payload = await reader.readexactly(length - 1)
    except asyncio.IncompleteReadError as error:
        raise FrameError("connection closed inside a frame") from error
    return Frame(frame_type, payload)


def _checked_type(kind: int, length: int) -> FrameType:
    try:
        frame_type = FrameType(kind)
    except ValueError:
        raise FrameError(f"frame type {kind} is unknown") from None
    if frame_type is not FrameType.EVENTS and length > MAX_CONTROL_FRAME_BYTES:
        raise FrameError(
            f"{frame_type.name.lower()} frame of {length} bytes is over {MAX_CONTROL_FRAME_BYTES}"
        )
    return frame_type
