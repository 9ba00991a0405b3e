"""What the calls and answers of an API should look like, from documents, from traffic, or from both."""

from starfort.contracts.model import (
    Body,
    Contract,
    Encoding,
    Media,
    Operation,
    Parameter,
    Place,
    Requirement,
    Response,
    Schema,
    SecurityScheme,
    Server,
    ServerVariable,
    Source,
    Style,
)

__all__ = [
    "Body",
    "Contract",
    "Encoding",
    "Media",
    "Operation",
    "Parameter",
    "Place",
    "Requirement",
    "Response",
    "Schema",
    "SecurityScheme",
    "Server",
    "ServerVariable",
    "Source",
    "Style",
]
