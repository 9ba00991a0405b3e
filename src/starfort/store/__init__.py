"""ClickHouse SQL behind one module: chDB embedded, migrations, rollups."""

from starfort.store.clickhouse import QueryLimits, Reader
from starfort.store.errors import (
    QueryError,
    QueryLimitError,
    StoreBusyError,
    StoreClosedError,
    StoreError,
    StoreOpenError,
)
from starfort.store.retention import Retention
from starfort.store.store import Store

__all__ = [
    "QueryError",
    "QueryLimitError",
    "QueryLimits",
    "Reader",
    "Retention",
    "Store",
    "StoreBusyError",
    "StoreClosedError",
    "StoreError",
    "StoreOpenError",
]
