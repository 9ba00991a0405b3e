"""The catalogue as files."""

import csv
import io
from datetime import UTC, datetime

import httpx
import pytest

from starfort.admin.columns import ENDPOINT_COLUMNS
from starfort.admin.desk import Desk
from starfort.admin.filters import EndpointFilter
from starfort.admin.models import EndpointSummary

FORMULA = "=HYPERLINK(1)"


@pytest.fixture
def _one_endpoint(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    row = EndpointSummary(
        id="ab", api="shop", host=FORMULA, method="GET", path="/a,b", first_seen=datetime.now(UTC),
        last_seen=None, documented=False, state="shadow", new=True, authenticated=None, labels=["x", "y"],
        sensitive=[], risk=58, risk_level="high",
    )  # fmt: skip

    async def every(wanted: EndpointFilter) -> list[EndpointSummary]:
        return [row] if wanted.api in ("", "shop") else []

    monkeypatch.setattr(desk.insight.endpoints, "every", every)


@pytest.mark.usefixtures("_one_endpoint")
async def test_an_export_is_a_table_or_a_list(
    client: httpx.AsyncClient, tokens: dict[str, dict[str, str]]
) -> None:
    """Both have state and risk, and no cell of the table is a formula."""
    path, headers = "/api/v1/catalogue/export", tokens["viewer"]
    table = await client.get(path, params={"format": "csv", "api": "shop"}, headers=headers)
    header, *rows = csv.reader(io.StringIO(table.text))
    assert tuple(header) == ENDPOINT_COLUMNS
    (found,) = [dict(zip(header, row, strict=True)) for row in rows]
    assert (found["state"], found["risk"], found["risk_level"]) == ("shadow", "58", "high")
    assert (found["path"], found["labels"], found["host"]) == ("/a,b", "x y", f"'{FORMULA}")
    listed = (await client.get(path, headers=headers)).json()
    assert [(row["id"], row["state"], row["host"]) for row in listed] == [("ab", "shadow", FORMULA)]
    assert (await client.get(path, params={"api": "other"}, headers=headers)).json() == []
