"""Forms in which an attack arrives without looking like itself: `ALL`, entered by the modules of this package."""

from benchmarks.quality.mutations import (
    base64_hex,
    content_types,
    encodings,
    escapes,
    filler,
    graphql,
    keys,
    multipart,
    places,
    spellings,
    xml,
)  # isort: skip
from benchmarks.quality.mutations.forms import ALL, Mutation

__all__ = [
    "ALL",
    "Mutation",
    "base64_hex",
    "content_types",
    "encodings",
    "escapes",
    "filler",
    "graphql",
    "keys",
    "multipart",
    "places",
    "spellings",
    "xml",
]
