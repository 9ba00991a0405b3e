"""What enforcement of contracts does and would do, by endpoint."""

from __future__ import annotations

from collections.abc import Mapping

from starfort.admin import models
from starfort.admin.endpoints import Rows
from starfort.admin.window import RangeName, Window
from starfort.store.parameters import Value


async def contract_state(
    rows: Rows, name: RangeName, scope: Mapping[str, str], limit: int, offset: int
) -> models.Page[models.ContractState]:
    """The endpoints with calls that break a contract, those with the most calls at stake first.

    Args:
        rows: runs a bastion's query.
        name: the window.
        scope: `api` and `endpoint_id` to look at; "" stands for all.
        limit: the most endpoints to give.
        offset: how many to leave out before them.
    """
    parameters: dict[str, Value] = {
        "since": Window.of(name).since,
        "api": scope.get("api", ""),
        "endpoint_id": scope.get("endpoint_id", ""),
        "limit": limit,
        "offset": offset,
    }
    found = await rows("visibility", "contract_state", parameters)
    total = found[0]["total"] if found else 0
    items = []
    for row in found:
        fields = {key: value for key, value in row.items() if key not in ("total", "by_violation")}
        pairs = zip(fields.pop("violations"), fields.pop("counts"), strict=True)
        violations = [models.Counted(value=value, count=count) for value, count in pairs]
        items.append(models.ContractState(**fields, violations=violations))
    return models.Page[models.ContractState](items=items, total=total, limit=limit, offset=offset)
