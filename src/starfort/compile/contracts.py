"""Compiles contracts, from documents or from traffic, into the bundle.

The engine gets schemas as JSON text, each once, without what only people read. What depends on the direction
(`readOnly`, `writeOnly`) and fields that no schema names are judged there, so no schema is there twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias, TypeVar

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

_DEFINITIONS: Final = "#/$defs/"

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


def compile_contract(api: str, contract: Contract) -> CompiledContract:
    """The schemas and operations of a contract as the engine reads them.

    Args:
        api: the API that it is for; the last contract of each is kept in its compiled form.
        contract: the contract.

    Raises:
        TooLargeError: the schemas are larger than `MAX_SCHEMA_BYTES`.
    """
    known = _COMPILED.get(api)
    # By identity: comparing two of 12 MB would cost what compiling does.
    if known is not None and known.contract is contract:
        return known
    compiled = _Compiler(contract).run()
    _keep(_COMPILED, api, compiled)
    return compiled


_MAX_KEPT: Final = 1000
"""How many APIs keep a compiled contract; with more, a reload compiles some again."""

_COMPILED: Final[dict[str, CompiledContract]] = {}
"""The last one of each API, so that a reload compiles only what changed."""

_MERGED: Final[dict[str, tuple[Contract, Contract, Contract]]] = {}
"""Of each API, the last document, the last learned contract, and what both come to."""

Kept = TypeVar("Kept")


def _keep(kept: dict[str, Kept], api: str, one: Kept) -> None:
    if len(kept) >= _MAX_KEPT and api not in kept:
        kept.clear()
    kept[api] = one


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
        # The first one counts: in a merged contract that is the document's.
        numbers: dict[tuple[str, str], int] = {}
        for number, one in enumerate(contract.operations):
            numbers.setdefault((one.method, one.path), number)
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


def merged(api: str, document: Contract, learned: Contract) -> Contract:
    """The contract of a document, with what was learned for endpoints that the document does not have.

    Args:
        api: the API that both are for.
        document: the document's.
        learned: what was learned. Its definitions get other names where the document has the same.

    Returns:
        The same object while both are the same.
    """
    last = _MERGED.get(api)
    if last is not None and last[0] is document and last[1] is learned:
        return last[2]
    names = _Names(document, learned)
    # Which endpoints are the document's depends on base paths and shapes. `EndpointTable.held` decides
    # that, and an operation of no endpoint is in nobody's way.
    made = replace(
        document,
        operations=document.operations + tuple(names.operation(one) for one in learned.operations),
        definitions={**document.definitions, **names.definitions()},
        schemes={**document.schemes, **names.schemes()},
        source="both",
    )
    _keep(_MERGED, api, (document, learned, made))
    return made


class _Names:
    """Gives the definitions and schemes of a learned contract names that a document's have not."""

    def __init__(self, document: Contract, learned: Contract) -> None:
        self._learned = learned
        taken = document.definitions.keys() | document.schemes.keys()
        mine = [*learned.definitions, *learned.schemes]
        self._prefix = "learned."
        while any(f"{self._prefix}{name}" in taken for name in mine):
            self._prefix += "."

    def definitions(self) -> dict[str, Schema]:
        return {f"{self._prefix}{name}": self._schema(one) for name, one in self._learned.definitions.items()}

    def schemes(self) -> dict[str, model.SecurityScheme]:
        return {f"{self._prefix}{name}": one for name, one in self._learned.schemes.items()}

    def operation(self, operation: model.Operation) -> model.Operation:
        security = operation.security
        body = operation.body
        return replace(
            operation,
            parameters=tuple(map(self._parameter, operation.parameters)),
            body=body and replace(body, content=tuple(map(self._media, body.content))),
            responses=tuple(
                replace(
                    one,
                    headers=tuple(map(self._parameter, one.headers)),
                    content=tuple(map(self._media, one.content)),
                )
                for one in operation.responses
            ),
            security=security
            and tuple({f"{self._prefix}{name}": scopes for name, scopes in one.items()} for one in security),
        )

    def _parameter(self, parameter: model.Parameter) -> model.Parameter:
        return replace(parameter, schema=self._schema(parameter.schema))

    def _media(self, media: model.Media) -> model.Media:
        items = media.item_schema
        return replace(
            media,
            schema=self._schema(media.schema),
            item_schema=items if items is None else self._schema(items),
        )

    def _schema(self, schema: Schema) -> Schema:
        text = json.dumps(schema)
        if '"$ref"' not in text:
            return schema
        # Every reference has this form (`Schema`).
        renamed: Schema = json.loads(text, object_hook=self._referring)
        return renamed

    def _referring(self, part: dict[str, JsonValue]) -> dict[str, JsonValue]:
        reference = part.get("$ref")
        if isinstance(reference, str) and reference.startswith(_DEFINITIONS):
            part["$ref"] = f"{_DEFINITIONS}{self._prefix}{reference.removeprefix(_DEFINITIONS)}"
        return part
