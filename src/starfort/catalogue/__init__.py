"""Endpoints of every API: declared or learned from traffic, with what was seen of them.

Names are imported only when they are used: checking a configuration needs `seen`, and no catalogue.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starfort.catalogue.catalogue import Catalogue
    from starfort.catalogue.limits import CatalogueLimits
    from starfort.catalogue.model import ApiFacts, Declared, Endpoint, News, NewsKind, endpoint_id

__all__ = [
    "ApiFacts",
    "Catalogue",
    "CatalogueLimits",
    "Declared",
    "Endpoint",
    "News",
    "NewsKind",
    "endpoint_id",
]

_PLACES = {
    "ApiFacts": "model",
    "Catalogue": "catalogue",
    "CatalogueLimits": "limits",
    "Declared": "model",
    "Endpoint": "model",
    "News": "model",
    "NewsKind": "model",
    "endpoint_id": "model",
}


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    globals()[name] = found
    return found
