"""Whether a call breaks a contract as it goes over the wire: a judge that is slow, plain, and not the engine.

schemathesis breaks values, and some broken values are right again once they are text: a number where the
query has a string, `null` in a path. A mutation counts as negative only when no reading of the text is right.
Bodies that are no JSON or form are not judged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

import jsonschema_rs

from benchmarks.contract.calls import Call
from starfort.contracts.model import Contract, Media, Operation, Parameter, Schema

Verdict = Literal["keeps", "breaks", "unjudged"]
Value: TypeAlias = Any

_SEPARATORS: Final = {"spaceDelimited": (" ", "%20"), "pipeDelimited": ("|",)}


class Oracle:
    """Judges calls of one contract.

    Args:
        contract: its paths are those of the calls.
    """

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._operations = {(one.method, one.path): one for one in contract.operations}
        self._validators: dict[int, Any] = {}

    def judge(self, call: Call) -> Verdict:
        """Whether a call keeps the contract."""
        operation = self._operations.get(call.operation)
        if operation is None or call.method != operation.method:
            return "breaks"
        url = urlsplit(call.target)
        path = _template(operation.path).fullmatch(url.path)
        if path is None:
            return "breaks"
        parts = [
            self._path(operation, path.groups()),
            self._query(operation, url.query),
            self._headers(operation, call),
            self._security(operation, call, url.query),
        ]
        if not all(parts):
            return "breaks"
        return self._body(operation, call)

    def _holds(self, schema: Schema, value: Value) -> bool:
        validator = self._validators.get(id(schema))
        if validator is None:
            whole = {"$defs": dict(self._contract.definitions), "allOf": [schema]}
            validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
            self._validators[id(schema)] = validator
        return bool(validator.is_valid(value))

    @cached_property
    def _definitions(self) -> dict[str, Schema]:
        return dict(self._contract.definitions)

    def _any(self, schema: Schema, readings: Iterable[Value]) -> bool:
        return any(self._holds(schema, one) for one in readings)

    # ---- parameters

    def _path(self, operation: Operation, values: tuple[str, ...]) -> bool:
        names = re.findall(r"\{([^{}]+)\}", operation.path)
        known = {one.name: one for one in operation.parameters if one.place == "path"}
        return all(
            name not in known or self._any(known[name].schema, readings(unquote(value), known[name]))
            for name, value in zip(names, values, strict=True)
        )

    def _query(self, operation: Operation, query: str) -> bool:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=10_000)
        known = [one for one in operation.parameters if one.place == "query"]
        keys = {one.name for one in self._contract.schemes.values() if one.place == "query"}
        left = {name for name, _ in pairs} - keys
        for parameter in known:
            values = [value for name, value in pairs if name == parameter.name]
            parts = {name: value for name, value in pairs if name.startswith(f"{parameter.name}[")}
            left -= {parameter.name, *parts}
            if not self._given(parameter, values, parts, pairs):
                return False
            if _spreads(parameter):
                return True  # its members may have any names
        return not left

    def _given(
        self, parameter: Parameter, values: list[str], parts: dict[str, str], pairs: list[tuple[str, str]]
    ) -> bool:
        if parts and parameter.style == "deepObject":
            return self._any(
                parameter.schema, _members({k.split("[", 1)[1].rstrip("]"): v for k, v in parts.items()})
            )
        if _spreads(parameter):
            return self._any(parameter.schema, _members(dict(pairs)))
        if not values:
            return not parameter.required
        if parameter.allow_empty and values == [""]:
            return True
        listed = [lists(values), lists(values, texts=True)] + ([[]] if values == [""] else [])
        one = readings(values[0], parameter) if len(values) == 1 else ()
        return self._any(parameter.schema, [*one, *listed])

    def _headers(self, operation: Operation, call: Call) -> bool:
        given = {name.lower(): value for name, value in call.headers}
        try:
            cookies = {name: one.value for name, one in SimpleCookie(given.get("cookie", "")).items()}
        except CookieError:
            cookies = {}
        for one in operation.parameters:
            if one.place not in ("header", "cookie") or one.name.lower() in (
                "accept",
                "content-type",
                "authorization",
            ):
                continue
            value = given.get(one.name.lower()) if one.place == "header" else cookies.get(one.name)
            if value is None:
                if one.required:
                    return False
            elif not self._any(one.schema, readings(value.strip(), one)):
                return False
        return True

    def _security(self, operation: Operation, call: Call, query: str) -> bool:
        if not operation.security:
            return True
        names = {name.lower() for name, _ in call.headers}
        asked = {name for name, _ in parse_qsl(query, keep_blank_values=True)}

        def there(name: str) -> bool:
            scheme = self._contract.schemes.get(name)
            if scheme is None or scheme.kind in ("unknown", "mutualTLS") or scheme.place == "cookie":
                return True
            if scheme.kind == "apiKey":
                return scheme.name in asked if scheme.place == "query" else scheme.name.lower() in names
            return "authorization" in names

        return any(all(map(there, one)) for one in operation.security)

    # ---- bodies

    def _body(self, operation: Operation, call: Call) -> Verdict:
        given = {name.lower(): value for name, value in call.headers}
        body = operation.body
        if not call.body:
            return "breaks" if body is not None and body.required else "keeps"
        if body is None or not body.content:
            return "keeps" if body is None else "unjudged"
        kind = given.get("content-type", "").partition(";")[0].strip().lower()
        media = next((one for one in body.content if _fits(one.type, kind)), None)
        if media is None:
            return "breaks"
        return self._content(media, kind, call.body)

    def _content(self, media: Media, kind: str, body: bytes) -> Verdict:
        if kind == "application/json" or kind.endswith("+json"):
            try:
                return "keeps" if self._holds(media.schema, json.loads(body)) else "breaks"
            except (ValueError, RecursionError):
                return "breaks"
        if media.schema is True:
            return "keeps"
        if kind == "application/x-www-form-urlencoded" and not media.encoding:
            pairs = parse_qsl(body.decode(errors="replace"), keep_blank_values=True)
            names = {name for name, _ in pairs}
            texts = {name: [value for other, value in pairs if other == name] for name in names}
            return "keeps" if self._any(media.schema, _forms(texts)) else "unjudged"
        return "unjudged"


def readings(text: str, parameter: Parameter) -> Iterator[Value]:
    """What a text may stand for: itself, a JSON value, and lists of its parts."""
    yield text
    if parameter.media_type:
        text = text or "null"
    try:
        value = json.loads(text)
        yield value
        if isinstance(value, float) and value.is_integer():
            yield int(value)
    except (ValueError, RecursionError):
        pass
    for separator in (",", *_SEPARATORS.get(parameter.style, ())):
        parts = text.split(separator)
        yield lists(parts)
        yield lists(parts, texts=True)
        if len(parts) % 2 == 0:
            yield dict(zip(parts[::2], lists(parts[1::2]), strict=True))
        if all("=" in part for part in parts):
            yield {name: _read(value) for name, _, value in (part.partition("=") for part in parts)}


def lists(values: list[str], *, texts: bool = False) -> list[Value]:
    """The values as a list, of texts or of what they can be read as."""
    return list(values) if texts else [_read(value) for value in values]


def _read(text: str) -> Value:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _members(texts: dict[str, str]) -> Iterator[Value]:
    yield dict(texts)
    yield {name: _read(value) for name, value in texts.items()}


def _forms(texts: dict[str, list[str]]) -> Iterator[Value]:
    for read in (str, _read):
        yield {
            name: [read(one) for one in values] if len(values) > 1 else read(values[0])
            for name, values in texts.items()
        }
        yield {name: [read(one) for one in values] for name, values in texts.items()}


def _spreads(parameter: Parameter) -> bool:
    """Whether the members of an object are parameters of their own names."""
    return (
        parameter.style == "form"
        and parameter.explode
        and isinstance(parameter.schema, dict)
        and (parameter.schema.get("type") == "object" or "properties" in parameter.schema)
    )


def _fits(wanted: str, kind: str) -> bool:
    return wanted in ("*/*", kind) or (wanted.endswith("/*") and kind.startswith(wanted[:-1]))


def _template(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{[^{}]+\}", path)
    return re.compile("([^/]+)".join(map(re.escape, parts)))
