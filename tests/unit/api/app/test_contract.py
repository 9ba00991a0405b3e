"""The API keeps what its OpenAPI document says, for whatever a caller sends (schemathesis)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from starfort.admin import limiter
from starfort.admin.audit import CLI
from starfort.admin.desk import Desk
from starfort.admin.errors import ConflictError
from starfort.admin.roles import Role
from starfort.api.app import create_app
from starfort.store import Store
from tests.support.estate import Estate

RANDOM = 2
"""Random requests an operation and kind, besides the systematic ones of the coverage phase (some 25 each)."""

JUDGED_BY_MEANING = [
    "GET /events",  # `before` is what an earlier page gave
    "GET /catalogue/openapi", "GET /catalogue/deviations",  # need `api` when there are several
    "POST /detectors/test", "POST /detectors/backtest", "POST /checks/test",  # a text of SQL, times in order
    "PUT /users/{name}/second-factor",  # codes
    "POST /users", "PATCH /users/{name}",  # common passwords
]  # fmt: skip
"""Operations that may refuse a value of the documented form."""


def configuration(headers: dict[str, str]) -> SchemathesisConfig:
    """Every check, the same requests in each run, no state from one to the next."""
    return SchemathesisConfig.from_dict(
        {
            "seed": 20_261_127,
            "headers": headers | {"Host": "starfort.test"},
            "generation": {"max-examples": RANDOM, "database": "none"},
            "phases": {"stateful": {"enabled": False}},
            "operations": [
                {"include-name": name, "checks": {"positive_data_acceptance": {"enabled": False}}}
                for name in JUDGED_BY_MEANING
            ],
        }
    )


def keep(desk: Desk, token_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the caller its token and its role, whatever it asks for: schemathesis tries what lists answer."""
    revoke, remove, set_role = desk.tokens.revoke, desk.accounts.remove, desk.accounts.set_role

    def revoke_another(wanted: int, *arguments: Any) -> None:
        revoke(wanted if wanted != token_id else 2**31 - 1, *arguments)

    def unless_admin(change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(name: str, *arguments: Any) -> Any:
            if name == "admin":
                raise ConflictError("it is the account that asks")
            return change(name, *arguments)

        return changed

    monkeypatch.setattr(desk.tokens, "revoke", revoke_another)
    monkeypatch.setattr(desk.accounts, "remove", unless_admin(remove))
    monkeypatch.setattr(desk.accounts, "set_role", unless_admin(set_role))


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("default")
def test_the_api_is_what_its_document_says(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status codes, `Allow`, content types, bodies, and refusal of what is invalid; nothing is a 500."""
    estate = Estate(tmp_path, 12, events=300, store=store)
    app = create_app(estate, with_dashboard=False)
    desk: Desk = app.state.desk
    made, token = desk.tokens.create("admin", "test", Role.ADMIN, None, CLI)
    keep(desk, made.id, monkeypatch)
    # Wrong credentials are part of what is sent, thousands of them.
    monkeypatch.setattr(limiter, "LIMITS", dict.fromkeys(limiter.LIMITS, 1_000_000))
    path = "/api/v1/openapi.json"
    schema = schemathesis.openapi.from_asgi(
        path,
        app,
        config=configuration({"Authorization": f"Bearer {token}"}),
        headers={"Host": "starfort.test"},
    )
    failures: dict[tuple[str, str], str] = {}
    sent: dict[str, int] = {}
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            failures["engine", repr(event)] = ""
        if not isinstance(event, events.ScenarioFinished) or event.label is None:
            continue
        sent[event.label] = sent.get(event.label, 0) + len(event.recorder.cases)
        for node in (node for checks in event.recorder.checks.values() for node in checks):
            if node.failure_info is not None:
                failure = node.failure_info.failure
                failures[event.label, f"{type(failure).__name__}: {failure.message}"] = (
                    node.failure_info.code_sample
                )
    assert desk.tokens.find(token) is not None, "a request revoked the token that all others need"
    desk.database.close()
    estate.close()
    report = "\n\n".join(f"{where}\n{what}\n{how}" for (where, what), how in failures.items())
    assert not failures, report
    operations = {
        f"{method.upper()} {where}" for where, item in schema.raw_schema["paths"].items() for method in item
    }
    assert operations <= set(sent)
    assert set(JUDGED_BY_MEANING) <= operations
    assert sum(sent.values()) > 15 * len(operations)
