"""The contract of an API: its operations, and the schemas of what they take and give.

Everything is data and nothing refers to a file, so one contract may come from a document and the next from
traffic. Schemas are JSON Schema 2020-12 whatever dialect a document had; see `Schema`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Schema: TypeAlias = Mapping[str, Any] | bool
"""A JSON Schema 2020-12 as JSON values.

`$ref` is only ever `#/$defs/NAME` and leads into `Contract.definitions`; such a name has the characters
`A-Za-z0-9._-`, so that no pointer has to be escaped. References may go in circles. `readOnly`, `writeOnly`,
`deprecated`, `title`, `description`, `default`, `format`, `discriminator` and `xml` are annotations, kept for
those who need them: properties with `readOnly` belong to answers only, those with `writeOnly` to requests.
`discriminator` always has a whole mapping (`{"propertyName": …, "mapping": {value: "#/$defs/NAME"}}`) and
does not change what is valid (OpenAPI 3.1.1, Discriminator Object).
"""

Place = Literal["path", "query", "header", "cookie"]
"""Where a parameter is (OpenAPI 3.1.0, Parameter Object, `in`)."""

Style = Literal[
    "matrix", "label", "simple", "form", "spaceDelimited", "pipeDelimited", "deepObject", "cookie"
]
"""How the value of a parameter becomes text (OpenAPI 3.2.0, Style Values)."""

Source = Literal["document", "learned", "both"]
"""Where a contract comes from."""

Requirement: TypeAlias = Mapping[str, tuple[str, ...]]
"""One way to be let in: each scheme that it asks for, by name, with its scopes. `{}` asks for nothing."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value in path, query, header or cookie; also a header of an answer.

    Attributes:
        name: as written; the names of headers match in any case. For a path it is the name in the template.
        place: where it is.
        required: whether each call has it.
        schema: of the value after its style was undone.
        style: how the value becomes text. Of no meaning with a `media_type`.
        explode: whether the parts of arrays and objects are parameters of their own.
        allow_reserved: whether reserved characters (RFC 3986, section 2.2) stand as they are.
        allow_empty: whether `?name=` and `?name` are right whatever the schema says (`allowEmptyValue`).
        media_type: of the text, lower case, when it is a whole document such as `application/json`; else "".
        deprecated: whether callers should leave it out.
    """

    name: str
    place: Place
    required: bool = False
    schema: Schema = True
    style: Style = "form"
    explode: bool = True
    allow_reserved: bool = False
    allow_empty: bool = False
    media_type: str = ""
    deprecated: bool = False


@dataclass(frozen=True, slots=True)
class Encoding:
    """How one property of a form or of a multipart body is written (OpenAPI 3.1.0, Encoding Object).

    Attributes:
        content_types: media types that its part may have, lower case; `()` leaves it to the schema.
        style: as for a query parameter.
        explode: as for a query parameter.
        headers: of its part.
    """

    content_types: tuple[str, ...] = ()
    style: Style = "form"
    explode: bool = True
    headers: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True)
class Media:
    """What a body is when it has one media type.

    Attributes:
        type: media type or range (`image/*`, `application/*+json`, `*/*`), lower case, without parameters.
        schema: of the whole body; `True` when nothing is known.
        item_schema: of each item of a stream (`application/jsonl`, `text/event-stream`), if it is one.
        encoding: of the properties of forms and multipart bodies, by name.
    """

    type: str
    schema: Schema = True
    item_schema: Schema | None = None
    encoding: Mapping[str, Encoding] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a request.

    Attributes:
        required: whether each call has one.
        content: what it may be, a type each; `()` when anything may come.
    """

    required: bool = False
    content: tuple[Media, ...] = ()


@dataclass(frozen=True, slots=True)
class Response:
    """The answers with one status or class of statuses.

    Attributes:
        status: `200`, `2XX` or `default`.
        headers: with `place="header"` and `style="simple"`.
        content: what the body may be; `()` when nothing is said about it.
    """

    status: str
    headers: tuple[Parameter, ...] = ()
    content: tuple[Media, ...] = ()


@dataclass(frozen=True, slots=True)
class SecurityScheme:
    """A way to show who calls.

    Attributes:
        kind: of OpenAPI 3.1.0, Security Scheme Object, or `unknown` for one that could not be read.
        place: where the key of an `apiKey` is; "" for other kinds.
        name: name of the header, parameter or cookie of an `apiKey`; "" for other kinds.
        scheme: of `http`, lower case: `bearer`, `basic`, `digest` (RFC 9110, section 11.1).
        bearer_format: of `http` with `bearer`, such as `JWT`; a hint only.
        scopes: that `oauth2` knows.
        url: of `openIdConnect`: where its discovery document is.
        deprecated: whether callers should leave it (OpenAPI 3.2).
    """

    kind: Literal["apiKey", "http", "oauth2", "openIdConnect", "mutualTLS", "unknown"]
    place: Literal["query", "header", "cookie", ""] = ""
    name: str = ""
    scheme: str = ""
    bearer_format: str = ""
    scopes: tuple[str, ...] = ()
    url: str = ""
    deprecated: bool = False


@dataclass(frozen=True, slots=True)
class ServerVariable:
    """A variable in the URL of a server: its default, and all its values when they are listed."""

    default: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Server:
    """Where an API is: a URL that may have variables (`https://{region}.example.com/v1`)."""

    url: str
    variables: Mapping[str, ServerVariable] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    Attributes:
        method: upper case, but as it is sent where a document names it under `additionalOperations`.
        path: template, starting with `/`, without query and fragment, relative to the servers' URLs.
        parameters: those of the path and of the operation, once each by place and name.
        body: of requests; `None` when nothing is said about one.
        responses: by status; `()` when nothing is said about them.
        security: alternatives, one of which a call must satisfy; `()` when none is needed; `None` when
            nothing is said.
        deprecated: whether callers should leave it.
        operation_id: a name of its own, or "".
        servers: of its own, instead of the contract's; `None` when it has none.
        location: where a document has it: a JSON pointer, after a `FILE#` when it is in another file;
            "" when it was learned.
        sunset: when it goes away (`x-sunset`), an ISO date, or "".
        stability: `x-stability-level`: `draft`, `alpha`, `beta` or `stable`, or "".
        internal: `x-internal`: not for callers outside.
        tags: words that group operations.
        confidence: from 0 to 1; 1 for what a document says.
        is_open: whether calls may have parameters and bodies that are not named: too little is known to say.
    """

    method: str
    path: str
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    responses: tuple[Response, ...] = ()
    security: tuple[Requirement, ...] | None = None
    deprecated: bool = False
    operation_id: str = ""
    servers: tuple[Server, ...] | None = None
    location: str = ""
    sunset: str = ""
    stability: str = ""
    internal: bool = False
    tags: tuple[str, ...] = ()
    confidence: float = 1.0
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Contract:
    """What the calls and answers of an API should look like.

    Attributes:
        api: name of the API in the configuration; "" while a document is read for none.
        operations: in the document's order, once each by method and path.
        definitions: the schemas that others refer to, by name.
        schemes: how callers show who they are, by the names that requirements use.
        servers: where the API is; `()` when nothing is said.
        source: where it comes from.
        confidence: from 0 to 1: how sure it is; 1 for a document.
        title: what the document calls the API, or "".
        version: the document's own version, or "".
    """

    api: str
    operations: tuple[Operation, ...] = ()
    definitions: Mapping[str, Schema] = field(default_factory=dict)
    schemes: Mapping[str, SecurityScheme] = field(default_factory=dict)
    servers: tuple[Server, ...] = ()
    source: Source = "document"
    confidence: float = 1.0
    title: str = ""
    version: str = ""
