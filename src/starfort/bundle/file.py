"""Writes and reads bundle files.

A file is the magic, the format (u32), the payload's length (u64, both big endian), the payload's SHA-256 and
the payload: MessagePack, a map by field name. `crates/engine/src/bundle_file.rs` reads the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import struct
import types
from dataclasses import fields, is_dataclass, replace
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias, Union, get_args, get_origin, get_type_hints

import msgpack

from starfort.base.files import write_private
from starfort.bundle.model import Bundle
from starfort.bundle.variant import Variant

Plain: TypeAlias = Any
"""A value of MessagePack: a map, list, text, number, or bytes."""

Kind: TypeAlias = Any
"""A type annotation of a field of the bundle."""

MAGIC: Final = b"SFBUNDLE"
# The engine has the same number (`bundle.rs`) and refuses any other, so a filter never guesses at fields.
FORMAT: Final = 1
# Big endian, fixed width: the engine reads the head without a parser.
_HEAD: Final = struct.Struct(">8sIQ32s")

MAX_PAYLOAD_BYTES: Final = 512 << 20
"""The same limit as in `bundle_file.rs`. A million addresses take 32 MB, rules and templates a few more."""


class BundleError(ValueError):
    """The file is not a bundle, or it is damaged."""


def with_version(bundle: Bundle) -> Bundle:
    """The bundle with its version filled in.

    The version is a digest of everything except itself and the time of writing, so the same configuration has
    the same version on every node and after every restart.
    """
    digest = hashlib.sha256(_pack(replace(bundle, version="", created_ms=0))).hexdigest()
    return replace(bundle, version=digest[:16])


def encode(bundle: Bundle) -> bytes:
    """The bytes of a bundle file.

    Args:
        bundle: the bundle; if its version is "", it gets one.

    Raises:
        BundleError: it is larger than the engine allows.
    """
    # A bundle that has a version keeps it: when it is written anew, it must not look like another one.
    payload = _pack(bundle if bundle.version else with_version(bundle))
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise BundleError(f"the bundle has {len(payload)} bytes, the engine reads {MAX_PAYLOAD_BYTES}")
    return _HEAD.pack(MAGIC, FORMAT, len(payload), hashlib.sha256(payload).digest()) + payload


def decode(content: bytes) -> Bundle:
    """The bundle in a file's bytes.

    Raises:
        BundleError: they are no bundle of this format, or damaged.
    """
    if len(content) < _HEAD.size:
        raise BundleError(f"has {len(content)} bytes, a bundle has at least {_HEAD.size}")
    magic, format_, length, checksum = _HEAD.unpack_from(content)
    # Length and checksum are compared before anything is unpacked: a damaged file must not reach the parser.
    payload = content[_HEAD.size :]
    if magic != MAGIC:
        raise BundleError("is no bundle")
    if format_ != FORMAT:
        raise BundleError(f"has format {format_}, this is for format {FORMAT}")
    if length != len(payload) or length > MAX_PAYLOAD_BYTES:
        raise BundleError(f"has {len(payload)} bytes of payload, its head says {length}")
    if hashlib.sha256(payload).digest() != checksum:
        raise BundleError("is damaged: the checksum does not fit")
    try:
        bundle = _build(Bundle, msgpack.unpackb(payload))
    except (KeyError, TypeError, ValueError, msgpack.UnpackException) as error:
        raise BundleError(f"has a payload that cannot be read: {type(error).__name__}") from error
    assert isinstance(bundle, Bundle)  # noqa: S101 - what `_build` was asked for
    return bundle


def write(bundle: Bundle, path: Path) -> None:
    """Write a bundle with mode 0600, atomically: readers see the old file or the new one.

    Raises:
        OSError: it cannot be written; the old file is still there.
        BundleError: as `encode`.
    """
    write_private(path, encode(bundle))


def read(path: Path) -> Bundle:
    """Read a bundle file.

    Raises:
        OSError: it cannot be read.
        BundleError: as `decode`.
    """
    # The limit is checked before the file is in memory.
    if path.stat().st_size > MAX_PAYLOAD_BYTES + _HEAD.size:
        raise BundleError(f"is larger than {MAX_PAYLOAD_BYTES} bytes")
    return decode(path.read_bytes())


def _pack(bundle: Bundle) -> bytes:
    packed: bytes = msgpack.packb(bundle, default=_plain)
    return packed


def _plain(node: object) -> Plain:
    """The form that serde expects of a struct, or of a variant of an enum."""
    kind: Kind = type(node)
    names = _names(kind)
    if isinstance(node, Variant):
        if not names:
            return node.TAG
        # By serde, one unnamed field stands alone and several are a list (externally tagged enums).
        if node.NAMED:
            return {node.TAG: {name: getattr(node, name) for name in names}}
        values = [getattr(node, name) for name in names]
        return {node.TAG: values[0] if len(values) == 1 else values}
    if is_dataclass(node):
        # `class_` is `class` in Rust, which Python keeps for itself.
        return {name.rstrip("_"): getattr(node, name) for name in names}
    raise TypeError(f"{type(node).__name__} has no place in a bundle")


# Reflection on classes is slow and always gives the same result, so both are remembered.
@cache
def _names(kind: Kind) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()


@cache
def _hints(kind: Kind) -> dict[str, Kind]:
    return get_type_hints(kind)


def _build(kind: Kind, plain: Plain) -> Plain:
    """The reverse of `_plain`, according to the type annotations of the bundle's classes."""
    origin: Kind = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _build_union(get_args(kind), plain)
    if origin is tuple:
        inner = get_args(kind)
        kinds = [inner[0]] * len(plain) if inner[-1] is Ellipsis else inner
        return tuple(_build(one, value) for one, value in zip(kinds, plain, strict=True))
    if issubclass(kind, Variant):
        return _build_variant(kind, plain)
    if issubclass(kind, StrEnum):
        return kind(plain)
    if names := _names(kind):
        return kind(**{name: _build(_hints(kind)[name], plain[name.rstrip("_")]) for name in names})
    # A bool is an int in Python, but not for serde.
    if not isinstance(plain, kind) or (isinstance(plain, bool) and kind is not bool):
        raise TypeError(f"{type(plain).__name__} instead of {kind.__name__}")
    return plain


def _build_union(kinds: tuple[Kind, ...], plain: Plain) -> Plain:
    if plain is None and type(None) in kinds:
        return None
    # Tried in order: no two kinds of one union have the same plain form.
    for kind in kinds:
        if kind is not type(None):
            with contextlib.suppress(KeyError, TypeError, ValueError):
                return _build(kind, plain)
    raise TypeError("fits none of the kinds that may stand here")


def _build_variant(base: Kind, plain: Plain) -> Plain:
    tag, content = (plain, {}) if isinstance(plain, str) else next(iter(plain.items()))
    kind = {kind.TAG: kind for kind in base.__subclasses__()}[tag]
    names, hints = _names(kind), _hints(kind)
    if not kind.NAMED and isinstance(plain, dict):
        content = dict(zip(names, [content] if len(names) == 1 else content, strict=True))
    return kind(**{name: _build(hints[name], content[name]) for name in names})
