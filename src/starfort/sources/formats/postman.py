"""Postman collections, versions 2.0 and 2.1, with their saved examples.

Source: https://schema.postman.com/collection/json/v2.1.0/draft-07/docs/index.html. A collection says what
somebody meant to send. A saved example also has an answer; a request without one is a call without response.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import quote, urlencode

from starfort.sources.call import Call, Headers, Part, header_pairs, split_url, to_bytes, value_of
from starfort.sources.formats.outcome import Failure, Outcome

MAX_DEPTH: Final = 64
"""Folders within folders."""

UNKNOWN: Final = "{unknown}"
"""What stands in a path for a variable without a value: braces are no letters of a word, so the learner takes
the segment for a value."""

_VARIABLE: Final = re.compile(r"\{\{([^{}]{1,200})\}\}")
_ROUNDS: Final = 5
"""A variable's value may name other variables; Postman itself goes on for as long as names are left."""

_SCHEMES: Final = {"digest": "Digest", "ntlm": "NTLM", "hawk": "Hawk", "awsv4": "AWS4-HMAC-SHA256"}
_LANGUAGES: Final = {"json": "application/json", "xml": "application/xml", "text": "text/plain",
                     "html": "text/html", "javascript": "application/javascript"}  # fmt: skip

Json = Mapping[str, object]


class Collection:
    """One collection.

    Args:
        document: the file's JSON.

    Raises:
        ValueError: it has no list of items.
    """

    def __init__(self, document: object) -> None:
        if not isinstance(document, dict) or not isinstance(document.get("item"), list):
            raise ValueError("it has no list of items; export the collection as v2.1")
        self._items = document["item"]
        self._auth = document.get("auth")
        self._variables = _variables(document.get("variable"))

    def calls(self) -> Iterator[Outcome]:
        """Every saved example, and every request that has none, in the order of the file."""
        # A stack and no recursion: a file may nest as deep as its author likes.
        stack: list[tuple[object, str, object, int]] = [
            (item, f"item[{index}]", self._auth, 0) for index, item in enumerate(self._items)
        ][::-1]
        while stack:
            item, where, auth, depth = stack.pop()
            if not isinstance(item, dict):
                yield Failure(where, "is no object")
                continue
            auth = item.get("auth") or auth
            inner = item.get("item")
            if isinstance(inner, list):
                if depth >= MAX_DEPTH:
                    yield Failure(where, f"is more than {MAX_DEPTH} folders deep")
                    continue
                stack += [
                    (each, f"{where}.item[{index}]", auth, depth + 1) for index, each in enumerate(inner)
                ][::-1]
                continue
            yield from self._of_item(item, where, auth)

    def _of_item(self, item: Json, where: str, auth: object) -> Iterator[Outcome]:
        examples = item.get("response")
        saved = [each for each in examples if isinstance(each, dict)] if isinstance(examples, list) else []
        found: list[tuple[str, object, Json | None]] = [
            (f"{where}.response[{index}]", each.get("originalRequest") or item.get("request"), each)
            for index, each in enumerate(saved)
        ] or [(where, item.get("request"), None)]
        for place, request, example in found:
            try:
                yield self._call(request, example, auth)
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                yield Failure(place, f"{error}" if isinstance(error, ValueError) else f"has no {error}")

    def _call(self, request: object, example: Json | None, auth: object) -> Call:
        # A request may be a URL alone.
        request = {"url": request} if isinstance(request, str) else request
        if not isinstance(request, dict):
            raise ValueError("has no request")
        scheme, host, target = self._url(request.get("url"))
        headers = self._pairs(request.get("header"))
        body, kind = self._body(request.get("body"))
        if kind and not value_of(headers, b"content-type"):
            headers = (*headers, (b"content-type", kind.encode()))
        shown, query = self._credentials(request.get("auth") or auth)
        if query:
            target += ("&" if "?" in target else "?") + query
        answered = self._pairs(example.get("header")) if example else ()
        code = example.get("code") if example else None
        text = example.get("body") if example else None
        status = code if isinstance(code, int) and 100 <= code <= 999 else None  # noqa: PLR2004 (RFC 9110, 15)
        has_credential = bool(
            shown or query or value_of(headers, b"authorization") or value_of(headers, b"cookie")
        )
        unseen = set() if has_credential else {Part.REQUEST_HEADERS}
        return Call(
            method=str(request.get("method") or "GET").upper(),
            target=to_bytes(target),
            host=host,
            scheme=scheme,
            headers=(*headers, *shown),
            body=body,
            status=status,
            # A saved body is what is left after decoding.
            response_headers=tuple(pair for pair in answered if pair[0] != b"content-encoding"),
            response_body=to_bytes(text) if isinstance(text, str) else b"",
            unseen=frozenset(unseen | (set() if status else {Part.RESPONSE})),
        )

    def _url(self, url: object) -> tuple[str, str, str]:
        """Scheme, host and target; host "" where it is a variable without a value."""
        raw = url.get("raw") if isinstance(url, dict) else url
        if not isinstance(raw, str):
            raw = _joined(url)
        named = _variables(url.get("variable")) if isinstance(url, dict) else {}
        text = self._filled(raw).strip()
        if text.startswith("{{"):
            # `{{baseUrl}}/orders`: only the path is known.
            text = text[text.find("}}") + 2 :] or "/"
            text = text if text.startswith(("/", "?")) else "/" + text
        if "://" not in text and not text.startswith(("/", "?")):
            text = f"http://{text}"
        scheme, host, target = split_url(text if not text.startswith("?") else "/" + text)
        path, mark, query = target.partition("?")
        segments = [_segment(segment, named) for segment in path.split("/")]
        return (
            scheme or "http",
            "" if "{{" in host else host,
            "/".join(segments) + mark + _VARIABLE.sub("", query),
        )

    def _filled(self, text: str) -> str:
        for _ in range(_ROUNDS):
            filled = _VARIABLE.sub(lambda found: self._variables.get(found[1].strip(), found[0]), text)
            if filled == text or len(filled) > 1 << 20:
                break
            text = filled
        return text

    def _pairs(self, headers: object) -> Headers:
        if not isinstance(headers, list):
            return ()
        return header_pairs(
            (str(header.get("key", "")), self._filled(str(header.get("value") or "")))
            for header in headers
            if isinstance(header, dict) and header.get("key") and not header.get("disabled")
        )

    def _body(self, body: object) -> tuple[bytes, str]:
        """A body and its type."""
        if not isinstance(body, dict):
            return b"", ""
        mode = body.get("mode")
        if mode == "raw":
            options = body.get("options")
            raw = options.get("raw") if isinstance(options, dict) else None
            language = raw.get("language") if isinstance(raw, dict) else None
            text = self._filled(str(body.get("raw") or ""))
            guessed = "application/json" if text.lstrip().startswith(("{", "[")) else ""
            return to_bytes(text), _LANGUAGES.get(str(language), guessed) if text else ""
        if mode == "graphql":
            return to_bytes(self._filled(_graphql(body.get("graphql")))), "application/json"
        if mode in {"urlencoded", "formdata"}:
            listed = body.get(mode)
            pairs = [
                (str(each.get("key", "")), self._filled(str(each.get("value") or "")))
                for each in (listed if isinstance(listed, list) else ())
                if isinstance(each, dict) and not each.get("disabled")
            ]
            if mode == "urlencoded":
                return urlencode(pairs, errors="replace").encode(), "application/x-www-form-urlencoded"
            return _multipart(pairs)
        return b"", ""

    def _credentials(self, auth: object) -> tuple[Headers, str]:
        """Headers and query that the chosen authorization adds."""
        kind = auth.get("type") if isinstance(auth, dict) else None
        if not isinstance(auth, dict) or not isinstance(kind, str):
            return (), ""
        values = {name: self._filled(value) for name, value in _variables(auth.get(kind)).items()}
        shown = _authorization(kind, values)
        if shown:
            return ((b"authorization", to_bytes(shown)),), ""
        if kind != "apikey":
            return (), ""
        key, value = values.get("key", "") or "x-api-key", values.get("value", "") or UNKNOWN
        if values.get("in") == "query":
            return (), urlencode({key: value}, errors="replace")
        return header_pairs([(key, value)]), ""


def _authorization(kind: str, values: Mapping[str, str]) -> str:
    """The header Authorization that a kind of authorization sends; "" when it sends none."""
    if kind in {"bearer", "oauth2", "jwt"}:
        return f"Bearer {values.get('token') or values.get('accessToken') or UNKNOWN}"
    if kind == "basic":
        pair = to_bytes(f"{values.get('username', '')}:{values.get('password', '')}")
        return f"Basic {base64.b64encode(pair).decode()}"
    return f"{_SCHEMES[kind]} {UNKNOWN}" if kind in _SCHEMES else ""


def _variables(listed: object) -> dict[str, str]:
    """Names and values of a list of variables; version 2.0 has objects where 2.1 has lists."""
    if isinstance(listed, dict):
        return {name: str(value) for name, value in listed.items() if isinstance(value, str | int | float)}
    if not isinstance(listed, list):
        return {}
    found = {}
    for each in listed:
        if isinstance(each, dict) and not each.get("disabled"):
            name, value = each.get("key") or each.get("id"), each.get("value")
            if isinstance(name, str) and isinstance(value, str | int | float):
                found[name] = str(value)
    return found


def _joined(url: object) -> str:
    """The text of a URL that is given in parts."""
    if not isinstance(url, dict):
        raise ValueError("has no url")
    host, path, query = url.get("host"), url.get("path"), url.get("query")
    name = ".".join(map(str, host)) if isinstance(host, list) else str(host or "")
    parts = (
        [str(part.get("value", "") if isinstance(part, dict) else part) for part in path]
        if isinstance(path, list)
        else [str(path or "").lstrip("/")]
    )
    pairs = [
        f"{each.get('key', '')}={each.get('value') or ''}"
        for each in (query if isinstance(query, list) else ())
        if isinstance(each, dict) and not each.get("disabled")
    ]
    protocol = url.get("protocol")
    port = f":{url['port']}" if url.get("port") else ""
    start = f"{protocol}://" if protocol else ""
    return f"{start}{name}{port}/{'/'.join(parts)}" + (f"?{'&'.join(pairs)}" if pairs else "")


def _segment(segment: str, named: Mapping[str, str]) -> str:
    """A segment of a path: `:id` is a parameter, whose value the collection may have."""
    if segment.startswith(":") and len(segment) > 1:
        value = named.get(segment[1:], "")
        return quote(value, safe="") if value and "{{" not in value else UNKNOWN
    return UNKNOWN if _VARIABLE.fullmatch(segment) else _VARIABLE.sub("0", segment)


def _graphql(value: object) -> str:
    if not isinstance(value, dict):
        return ""
    variables = value.get("variables")
    try:
        read = json.loads(variables) if isinstance(variables, str) and variables.strip() else {}
    except (ValueError, RecursionError):
        read = {}
    return json.dumps({"query": value.get("query", ""), "variables": read})


def _multipart(pairs: list[tuple[str, str]]) -> tuple[bytes, str]:
    """A form with parts (RFC 7578)."""
    mark = b"starfort-form"
    parts = [
        b"--" + mark + b'\r\nContent-Disposition: form-data; name="'
        + to_bytes(name).replace(b'"', b"%22").replace(b"\r", b"").replace(b"\n", b"")
        + b'"\r\n\r\n' + to_bytes(value) + b"\r\n"
        for name, value in pairs
    ]  # fmt: skip
    return b"".join(parts) + b"--" + mark + b"--\r\n", f"multipart/form-data; boundary={mark.decode()}"
