"""Endpoints of every API: declared or learned from traffic, with what was seen of them."""

from starfort.catalogue.catalogue import Catalogue, CatalogueLimits
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
