"""Bodies and parameters as clients write them: JSON, forms, multipart, XML, text, bytes."""

from __future__ import annotations

import datetime as dt
import json
import random
import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape, quoteattr

import yaml

from benchmarks.quality import files
from benchmarks.quality.multipart import STYLES, Part, written

Follow = Callable[[Any], dict[str, Any]]
"""Gives the object that a reference of an OpenAPI document leads to, or the object itself."""

FORM: Final = "application/x-www-form-urlencoded"
_NAME: Final = re.compile(r"[^A-Za-z0-9_.-]")


def kind(content_type: str) -> str:
    """The sort of a media type, as the report counts it."""
    bare = content_type.partition(";")[0].strip().lower()
    if bare == FORM:
        return "form"
    if bare.startswith("multipart/"):
        return "multipart"
    if "json" in bare or bare == "*/*":
        return "json"
    return "xml" if "xml" in bare else "other"


def flat(value: Any) -> str:
    """A value as text, in the `simple` style (OpenAPI 3.0.3, Style Values)."""
    if isinstance(value, dict):
        return ",".join(f"{key},{flat(each)}" for key, each in value.items())
    if isinstance(value, list):
        return ",".join(map(flat, value))
    return plain(value)


def plain(value: Any) -> str:
    """A single value as text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def query_pairs(key: str, value: Any, parameter: dict[str, Any]) -> list[str]:
    """The pairs of a query that stand for a parameter in its style (OpenAPI 3.0.3, Style Values)."""
    style, explode = parameter.get("style", "form"), parameter.get("explode", True)
    name = quote(key, safe="[]$@:-._~")
    if isinstance(value, dict):
        if style == "deepObject":
            return [
                f"{name}[{quote(str(each))}]={quote(flat(inner), safe='')}" for each, inner in value.items()
            ]
        if explode:
            return [f"{quote(str(each))}={quote(flat(inner), safe='')}" for each, inner in value.items()]
    if isinstance(value, list):
        if explode:
            return [f"{name}={quote(flat(each), safe='')}" for each in value]
        between = {"spaceDelimited": "%20", "pipeDelimited": "|"}.get(str(style), ",")
        return [f"{name}=" + between.join(quote(flat(each), safe="") for each in value)]
    return [f"{name}={quote(flat(value), safe='/:' if len(key) % 2 else '')}"]


def encode(
    rng: random.Random,
    content_type: str,
    value: Any,
    follow: Follow | None = None,
    schema: dict[str, Any] | None = None,
) -> tuple[bytes, str]:
    """The body that stands for a value in a media type, with the `Content-Type` that is sent.

    Args:
        rng: chooses how it is written.
        content_type: as the document names it.
        value: what is sent.
        follow: follows references of the schema; without it no part of a multipart body is a file by its schema.
        schema: names of XML elements, and which parts of a multipart body are files.
    """
    sort = kind(content_type)
    if sort == "form":
        return _form(value).encode(), content_type
    if sort == "multipart":
        return multipart(rng, content_type, value, follow, schema)
    if sort == "json":
        return _json(rng, content_type, value)
    if sort == "xml":
        name = str(((schema or {}).get("xml") or {}).get("name") or "root")
        value = {f"{name}-item": value} if isinstance(value, list) else value  # XML has exactly one root
        given = isinstance(value, str) and value.lstrip().startswith("<")
        text = value if given else f'<?xml version="1.0" encoding="UTF-8"?>\n{xml(name, value)}'
        return text.encode(), content_type
    return _other(rng, content_type.partition(";")[0].strip().lower(), content_type, value)


def _form(value: Any) -> str:
    pairs = value.items() if isinstance(value, dict) else ()
    return "&".join(pair for key, each in pairs for pair in form_pairs(str(key), each)) or plain(value)


def _json(rng: random.Random, content_type: str, value: Any) -> tuple[bytes, str]:
    sent_type = "application/json" if "*" in content_type else content_type
    if any(several in content_type for several in ("ndjson", "json-seq", "jsonl")):
        values = value if isinstance(value, list) else [value]
        return b"".join(json.dumps(each, default=_text).encode() + b"\n" for each in values), sent_type
    if isinstance(value, str) and value.lstrip()[:1] in {"{", "["}:
        return value.encode(), sent_type
    return json_bytes(rng, value), sent_type


def _other(rng: random.Random, bare: str, content_type: str, value: Any) -> tuple[bytes, str]:
    sent_type = "application/octet-stream" if "*" in content_type else content_type
    if "yaml" in bare:
        return yaml.safe_dump(_simple(value)).encode(), content_type
    if bare.startswith("text/") and "csv" not in bare and value not in ("binary", ""):
        return (
            plain(value) if not isinstance(value, dict | list) else json.dumps(value, default=str)
        ).encode(), content_type
    if isinstance(value, str) and value != "binary" and bare.startswith("text/"):
        return value.encode(), content_type
    return files.content(rng, bare), sent_type


def json_bytes(rng: random.Random, value: Any) -> bytes:
    """JSON as one of four kinds of writers formats it: compact, spaced, ASCII only, indented."""
    style = rng.randrange(4)
    separators = (",", ":") if style in {0, 2} else None
    made = json.dumps(
        value, default=_text, ensure_ascii=style == 2, indent=2 if style == 3 else None, separators=separators
    )
    return made.encode("utf-8", "surrogatepass")


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _simple(value: Any) -> Any:
    return json.loads(json.dumps(value, default=_text))


def form_pairs(key: str, value: Any) -> list[str]:
    """Fields of a form. Nested values are named `a[b]`, as PHP, Rails and Stripe read them."""
    if isinstance(value, dict):
        return [pair for inner, each in value.items() for pair in form_pairs(f"{key}[{inner}]", each)]
    if isinstance(value, list):
        return [pair for each in value for pair in form_pairs(f"{key}[]", each)]
    return [f"{quote_plus(key)}={quote_plus(plain(value))}"]


def xml(name: str, value: Any, depth: int = 0) -> str:
    """A value as an XML element."""
    tag = _NAME.sub("_", name)
    tag = tag if tag[:1].isalpha() or tag[:1] == "_" else f"_{tag}"
    pad = "  " * depth
    if isinstance(value, dict):
        attributes = "".join(
            f" {_NAME.sub('_', key[1:])}={quoteattr(plain(each))}"
            for key, each in value.items()
            if key[:1] == "@"
        )
        inner = "".join(xml(str(key), each, depth + 1) for key, each in value.items() if key[:1] != "@")
        return f"{pad}<{tag}{attributes}>\n{inner}{pad}</{tag}>\n"
    if isinstance(value, list):
        return "".join(xml(name, each, depth) for each in value)
    return f"{pad}<{tag}>{escape(plain(value))}</{tag}>\n"


def multipart(
    rng: random.Random,
    content_type: str,
    value: Any,
    follow: Follow | None,
    schema: dict[str, Any] | None,
) -> tuple[bytes, str]:
    """A multipart body. What the schema calls binary becomes a file, everything else a field."""
    properties = (schema or {}).get("properties") or {}
    parts = []
    for key, each in value.items() if isinstance(value, dict) else (("file", value),):
        node = follow(properties.get(key)) if follow else {}
        inner = follow(node.get("items")) if follow and node.get("type") == "array" else node
        if (
            inner.get("format") in {"binary", "base64"}
            or each == "binary"
            or re.search(r"^(file|image|photo|avatar|attachment)s?$", str(key))
        ):
            parts.append(files.part(rng, str(key)))
        elif isinstance(each, dict | list):
            parts.append(Part(str(key), json_bytes(rng, each), content_type="application/json"))
        else:
            parts.append(Part(str(key), plain(each).encode()))
    made, sent_type = written(rng.choice(list(STYLES.values())), parts, rng)
    bare = content_type.partition(";")[0].strip()
    return made, sent_type.replace("multipart/form-data", bare) if "*" not in bare else sent_type
