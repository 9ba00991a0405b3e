"""The findings of all bastions: what is kept, what people are told, what survives."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from starfort.alerts.folding.findings import alerts_of_findings
from starfort.catalogue.model import ApiFacts, Endpoint
from starfort.posture.board import PostureBoard
from starfort.posture.checks import Checks
from starfort.posture.configured import Configured
from starfort.state.database import open_state
from starfort.store import Store
from starfort.visibility.catalogue_checks import CATALOGUE_CHECKS
from tests.support.checks import CHECKS
from tests.support.events import START, event, stream

NOW = START + dt.timedelta(minutes=1)
ALL = Checks(list(CHECKS.values()), CATALOGUE_CHECKS)
API = "board"


def test_a_finding_is_alerted_once_and_survives_a_restart(store: Store, tmp_path: Path) -> None:
    """Serious new findings are one alert; seen again they only get older; they go when nothing shows them."""
    engine = open_state(tmp_path / "state.db")
    rows = [
        event(api=API, endpoint_id=f"board{number}", template=f"/{number}", sensitive_response=["us_ssn"])
        for number in range(3)
    ]
    store.insert_arrow(stream(rows), token="board-1")
    endpoints = [
        Endpoint(
            f"board{number}", API, "h", "GET", f"/{number}", "learned", first_seen=START, last_seen=START
        )
        for number in range(3)
    ]
    board = PostureBoard(store, engine)
    board.declare(Configured(apis=(ApiFacts(API, documented=True),)), ALL)
    alerts = [
        alert
        for alert in alerts_of_findings(board.run(endpoints, NOW))
        if alert.kind == "severe_data_unmasked"
    ]
    mine = [alert for alert in alerts if "board" in alert.dedup_key]
    assert len(mine) == 1
    assert mine[0].severity == "critical"
    assert len(mine[0].evidence) == 3
    kept = [finding for finding in board.findings() if finding.api == API]
    assert {finding.code for finding in kept} >= {
        "severe_data_unmasked",
        "undocumented_endpoint",
        "new_endpoint",
    }
    assert kept[0].severity == "critical"
    assert {state.pace.failures for state in board.states()} == {0}

    again = PostureBoard(store, engine)
    assert [row for row in again.findings() if row.api == API] == kept
    again.declare(board.configured, ALL)
    later = again.run(endpoints, NOW + dt.timedelta(minutes=1))
    assert not [finding for finding in later if finding.api == API]
    again.run(endpoints, NOW + dt.timedelta(days=9))
    assert not [row for row in again.findings() if row.api == API and row.code == "severe_data_unmasked"]
    engine.dispose()


def test_what_a_policy_masks_makes_an_endpoint_no_more_urgent(store: Store, tmp_path: Path) -> None:
    """An undocumented endpoint is high for data that leaves it, and not for data that is masked each time."""
    engine = open_state(tmp_path / "state.db")
    api = "board-masked"
    rows = [
        event(
            api=api, endpoint_id="hidden", template="/hidden", sensitive_response=["iban"], tags=["mask:hide"]
        ),
        event(
            api=api, endpoint_id="partly", template="/partly", sensitive_response=["iban"], tags=["mask:hide"]
        ),
        event(api=api, endpoint_id="partly", template="/partly", sensitive_response=["iban"]),
    ]
    store.insert_arrow(stream(rows), token="board-masked")
    endpoints = [
        Endpoint(
            id_, api, "h", "GET", f"/{id_}", "learned", first_seen=START, last_seen=START, sensitive=("iban",)
        )
        for id_ in ("hidden", "partly")
    ]
    board = PostureBoard(store, engine)
    board.declare(Configured(apis=(ApiFacts(api, documented=True),), masked=("mask:hide iban",)), ALL)
    for later in (0, 10):
        board.run(endpoints, NOW + dt.timedelta(seconds=later))
        found = {
            row.endpoint_id: row.severity for row in board.findings() if row.code == "undocumented_endpoint"
        }
        assert found == {"hidden": "medium", "partly": "high"}
    engine.dispose()
