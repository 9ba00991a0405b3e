"""Compiles contracts, from documents or from traffic, into the bundle.

The engine gets schemas as JSON text, each once, without what only people read. What depends on the direction
(`readOnly`, `writeOnly`) and fields that no schema names are judged there, so no schema is there twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from starfort.bundle import contract as b
from starfort.contracts import model
from starfort.contracts.model import Contract, Schema

JsonValue: TypeAlias = Any
"""A value of JSON."""

MAX_SCHEMA_BYTES: Final = 32 << 20
"""The schemas of one API, as text without descriptions. GitHub's document, the largest in wide use, has 12 MB
with and 3 MB without them."""

MAX_DEPTH: Final = 100
"""Nesting of one schema; what is deeper takes any value. The deepest of 2,000 public documents has 40."""

_ONE: Final = frozenset(
    {
        "additionalProperties", "unevaluatedProperties", "items", "unevaluatedItems", "contains",
        "propertyNames", "not", "if", "then", "else",
    }
)  # fmt: skip
_LISTS: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_MAPS: Final = frozenset({"properties", "patternProperties", "dependentSchemas"})
_VALUES: Final = frozenset(
    {
        "$ref", "type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum", "minimum",
        "exclusiveMinimum", "maxLength", "minLength", "pattern", "maxItems", "minItems", "uniqueItems",
        "maxContains", "minContains", "maxProperties", "minProperties", "required", "dependentRequired",
        "format", "readOnly", "writeOnly", "contentEncoding", "contentMediaType", "x-starfort-characters",
        "x-starfort-hashes",
    }
)  # fmt: skip
"""Keywords that the engine reads (JSON Schema 2020-12, Validation, and the two of learned schemas)."""

_STYLES: Final[Mapping[str, b.ParameterStyle]] = {
    "matrix": b.ParameterStyle.MATRIX,
    "label": b.ParameterStyle.LABEL,
    "simple": b.ParameterStyle.SIMPLE,
    "form": b.ParameterStyle.FORM,
    "spaceDelimited": b.ParameterStyle.SPACE_DELIMITED,
    "pipeDelimited": b.ParameterStyle.PIPE_DELIMITED,
    "deepObject": b.ParameterStyle.DEEP_OBJECT,
    "cookie": b.ParameterStyle.COOKIE,
}

_NOT_PARAMETERS: Final = frozenset({"accept", "content-type", "authorization"})
"""Headers of which definitions are ignored (OpenAPI 3.1.0, Parameter Object, `name`)."""


class TooLargeError(Exception):
    """The schemas of an API are larger than the engine should hold."""


@dataclass(frozen=True)
class CompiledContract:
    """A contract without the endpoints that it is for, which depend on the whole configuration.

    Attributes:
        contract: what it was made of.
        bundle: with operations that have no places yet, and without settings.
        numbers: index of each operation by method and path.
    """

    contract: Contract
    bundle: b.ApiContract
    numbers: Mapping[tuple[str, str], int]


def compile_contract(contract: Contract) -> CompiledContract:
    """The schemas and operations of a contract as the engine reads them.

    Raises:
        TooLargeError: the schemas are larger than `MAX_SCHEMA_BYTES`.
    """
    known = _COMPILED.get(contract.api)
    # By identity: comparing two of 12 MB would cost what compiling does.
    if known is not None and known.contract is contract:
        return known
    compiled = _Compiler(contract).run()
    if len(_COMPILED) >= _MAX_COMPILED:
        _COMPILED.clear()
    _COMPILED[contract.api] = compiled
    return compiled


_COMPILED: Final[dict[str, CompiledContract]] = {}
"""The last one of each API, so that a reload compiles only what changed."""

_MAX_COMPILED: Final = 1000


class _Compiler:
    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._texts: dict[str, int] = {}
        self._schemes = {name: number for number, name in enumerate(contract.schemes)}
        self._used: set[str] = set()
        self._bytes = 0

    def run(self) -> CompiledContract:
        contract = self._contract
        operations = tuple(self._operation(one) for one in contract.operations)
        definitions = self._definitions()
        schemas = tuple(self._texts)
        schemes = tuple(_scheme(one) for one in contract.schemes.values())
        digest = hashlib.sha256(repr((definitions, schemas, schemes, operations)).encode()).hexdigest()[:32]
        made = b.ApiContract(0, digest, definitions, schemas, schemes, operations, ())
        numbers = {(one.method, one.path): number for number, one in enumerate(contract.operations)}
        return CompiledContract(contract, made, numbers)

    def _definitions(self) -> str:
        """The definitions that schemas lead to, in the order of their names."""
        found: dict[str, str] = {}
        waiting = sorted(self._used)
        while waiting:
            name = waiting.pop()
            if name not in found and name in self._contract.definitions:
                self._used = set()
                found[name] = self._text(self._contract.definitions[name])
                waiting += sorted(self._used - found.keys())
        listed = ",".join(f"{json.dumps(name)}:{found[name]}" for name in sorted(found))
        return f'{{"$defs":{{{listed}}}}}'

    def _text(self, schema: Schema) -> str:
        text = json.dumps(self._stripped(schema, MAX_DEPTH), separators=(",", ":"), sort_keys=True)
        self._bytes += len(text)
        if self._bytes > MAX_SCHEMA_BYTES:
            raise TooLargeError(f"has schemas of more than {MAX_SCHEMA_BYTES >> 20} MiB")
        return text

    def _stripped(self, schema: JsonValue, depth: int) -> JsonValue:
        """A schema without annotations."""
        if not isinstance(schema, Mapping) or depth == 0:
            return schema if isinstance(schema, bool) else True
        kept: dict[str, JsonValue] = {}
        for name, value in schema.items():
            if name in _VALUES:
                kept[name] = value
            elif name in _ONE:
                kept[name] = self._stripped(value, depth - 1)
            elif name in _LISTS and isinstance(value, list | tuple):
                kept[name] = [self._stripped(one, depth - 1) for one in value]
            elif name in _MAPS and isinstance(value, Mapping):
                kept[name] = {key: self._stripped(one, depth - 1) for key, one in value.items()}
        if isinstance(reference := kept.get("$ref"), str):
            self._used.add(reference.rpartition("/")[2])
        return kept

    def _schema(self, schema: Schema) -> int | None:
        """Index of a schema; None for one that takes everything."""
        if schema is True or schema == {}:
            return None
        text = self._text(schema)
        return None if text in ("{}", "true") else self._texts.setdefault(text, len(self._texts))

    def _operation(self, operation: model.Operation) -> b.ContractOperation:
        body = operation.body
        parameters = [
            self._parameter(one)
            for one in operation.parameters
            if one.place != "header" or one.name.lower() not in _NOT_PARAMETERS
        ]
        return b.ContractOperation(
            places=(),
            parameters=tuple(parameters),
            body=None
            if body is None
            else b.ContractBody(body.required, tuple(map(self._media, body.content))),
            responses=tuple(self._response(one) for one in operation.responses),
            security=self._security(operation.security),
            deprecated=operation.deprecated,
        )

    def _security(
        self, alternatives: tuple[model.Requirement, ...] | None
    ) -> tuple[tuple[int, ...], ...] | None:
        if alternatives is None:
            return None
        # No alternative at all and one that asks for nothing mean the same (OpenAPI 3.1.0, `security`).
        return tuple(
            tuple(self._schemes[name] for name in one if name in self._schemes)
            for one in alternatives or ({},)
        )

    def _parameter(self, parameter: model.Parameter) -> b.ContractParameter:
        return b.ContractParameter(
            name=parameter.name.lower() if parameter.place == "header" else parameter.name,
            place=b.ParameterPlace(parameter.place),
            required=parameter.required or parameter.place == "path",
            schema=self._schema(parameter.schema),
            style=_STYLES[parameter.style],
            explode=parameter.explode,
            allow_reserved=parameter.allow_reserved,
            allow_empty=parameter.allow_empty,
            media_type=parameter.media_type or None,
        )

    def _media(self, media: model.Media) -> b.ContractMedia:
        # The engine checks each document of a stream by itself.
        schema = self._schema(media.schema if media.item_schema is None else media.item_schema)
        encoding = tuple(
            b.PropertyEncoding(name, one.content_types, _STYLES[one.style], one.explode)
            for name, one in media.encoding.items()
        )
        return b.ContractMedia(media.type, schema, encoding)

    def _response(self, response: model.Response) -> b.ContractResponse:
        headers = tuple(
            replace(self._parameter(one), place=b.ParameterPlace.HEADER, name=one.name.lower())
            for one in response.headers
            if one.name.lower() != "content-type"
        )
        return b.ContractResponse(response.status, headers, tuple(map(self._media, response.content)))


def _scheme(scheme: model.SecurityScheme) -> b.SecurityScheme:
    made: b.SecurityScheme = b.OtherScheme()
    match scheme.kind, scheme.place:
        case "apiKey", "header":
            made = b.HeaderScheme(scheme.name.lower())
        case "apiKey", "query":
            made = b.QueryScheme(scheme.name)
        case "apiKey", "cookie":
            made = b.CookieScheme(scheme.name)
        case "http", _:
            made = b.AuthorizationScheme(scheme.scheme)
        case "oauth2" | "openIdConnect", _:
            # Servers take tokens with other words than `Bearer` as well (GitHub: `token`).
            made = b.AuthorizationScheme("")
        case "mutualTLS", _:
            made = b.MutualTlsScheme()
    return made


def merged(document: Contract, learned: Contract) -> Contract:
    """The contract of a document, with what was learned for endpoints that the document does not have.

    Args:
        document: its paths count from the root.
        learned: as `document`. Its definitions get names of their own.
    """
    known = {(one.method, one.path) for one in document.operations}
    more = tuple(one for one in learned.operations if (one.method, one.path) not in known)
    return replace(
        document,
        operations=document.operations + more,
        definitions={**learned.definitions, **document.definitions},
        schemes={**learned.schemes, **document.schemes},
        source="both",
    )
