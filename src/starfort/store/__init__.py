"""ClickHouse SQL behind one module: chDB embedded, migrations, rollups."""

from starfort.store.clients import Limits
from starfort.store.errors import QueryError, QueryLimitError, StoreClosedError, StoreError, StoreOpenError
from starfort.store.retention import Retention
from starfort.store.store import Store

__all__ = [
    "Limits",
    "QueryError",
    "QueryLimitError",
    "Retention",
    "Store",
    "StoreClosedError",
    "StoreError",
    "StoreOpenError",
]
