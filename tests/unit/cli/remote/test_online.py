"""Commands that show and change what a running Starfort has."""

from __future__ import annotations

import dataclasses
import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from starfort.posture.finding import PostureFinding
from starfort.runtime import ReloadResult
from starfort.store import Store
from tests.support.events import event, stream
from tests.unit.cli.conftest import Run, Served


def test_status(run: Run, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A healthy one ends with 0; problems are told and end with 1, on stderr so that stdout stays data."""
    shown = run("status")
    assert shown.code == 0
    assert "healthy" in shown.out
    assert "credential_stuffing" in shown.out
    sick = dataclasses.replace(served.estate.status(), healthy=False, problems=["Envoy is backoff: killed"])
    monkeypatch.setattr(served.estate, "status", lambda: sick)
    result = run("status", "--json")
    assert result.code == 1
    assert json.loads(result.out)["problems"] == ["Envoy is backoff: killed"]
    assert "Envoy is backoff" in result.err


def test_reload(run: Run, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reload says what is in force; a refused one ends with 1 and says why."""
    assert "9f2c41d07ab3e815" in run("reload").err

    async def refused() -> ReloadResult:
        return ReloadResult(False, "old", ["starfort.yaml:3:1: no"], [], 3.0)

    monkeypatch.setattr(served.estate, "reload", refused)
    result = run("reload")
    assert result.code == 1
    assert "starfort.yaml:3:1: no" in result.err


def test_catalogue(run: Run, served: Served) -> None:
    """Endpoints are listed, filtered, shown and exported."""
    listed = run("catalogue", "list", "--api", "bank", "--json")
    rows = json.loads(listed.out)
    assert {row["path"] for row in rows} == {"/ofx", "/accounts/{id}/statement"}
    assert "/accounts/{id}/statement" in run("catalogue", "list").out
    assert (
        "POST bank.example.com/ofx"
        in run("catalogue", "show", next(r["id"] for r in rows if r["path"] == "/ofx")).out
    )
    for written in (
        "POST /ofx",
        "post bank.example.com/ofx",
        "/accounts/{any}/statement",
        "GET /accounts/:id/statement",
        "GET https://bank.example.com/accounts/17/statement?from=1",
    ):
        shown = run("catalogue", "show", written)
        assert shown.code == 0, shown.err
        assert "bank.example.com/" in shown.out
    unknown = run("catalogue", "show", "POST /ofxx")
    assert unknown.code == 1
    assert "did you mean 'POST /ofx'" in unknown.err
    assert "no endpoint 'DELETE /ofx'" in run("catalogue", "show", "DELETE /ofx").err
    assert "write its id, or method and path" in run("catalogue", "show", "GET notes").err
    missing = run("catalogue", "show", "00ff")
    assert missing.code == 4
    assert "there is no endpoint" in missing.err
    assert run("catalogue", "export", "--output", "all.json").code == 0
    assert len(json.loads(Path("all.json").read_text())) == 10
    document = json.loads(run("catalogue", "export", "--openapi", "--api", "bank").out)
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) == {"/ofx", "/accounts/{id}/statement"}
    assert "name one API of: bank, shop, social" in run("catalogue", "export", "--openapi").err
    assert run("catalogue", "export", "--openapi", "--api", "none").code == 4
    lines = run("catalogue", "export", "--format", "csv", "--api", "bank").out.splitlines()
    assert lines[0].startswith("id,api,method,host,path,documented")
    assert len(lines) == 3
    assert run("catalogue", "diff", "learned", "learned", "--api", "bank").code == 0
    assert run("catalogue", "diff", "learned", "2020-01-01", "--api", "bank").code == 1, (
        "nothing was called then"
    )
    assert "has no document" in run("catalogue", "diff", "document", "learned", "--api", "bank").err


MATCH = json.dumps(
    {"rule": 942100, "message": "SQL", "severity": "critical", "variable": "ARGS:q", "value": "9' or 9=9"}
)


def _rows(count: int, api: str, **fields: Any) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    base = {"api": api, "host": "cli.example", "path": "/cli", "method": "GET", "status": 200}
    return [
        event(**(base | {"time": now - timedelta(seconds=60 + count - n), "id": str(uuid.uuid4())} | fields))
        for n in range(count)
    ]


def test_events(run: Run, served: Served, store: Store) -> None:
    """Events come latest last, over pages, with filters, one JSON object a line; texts of attackers are harmless."""
    api = "cli-events"
    rows = _rows(250, api)
    rows += _rows(1, api, status=403, action="block", policy="p1", path="/\x1b[2J", time=datetime.now(UTC),
                  findings=["rule:942100"], evidence=[MATCH, "no JSON"])  # fmt: skip
    store.insert_arrow(stream(rows))
    found = [
        json.loads(line) for line in run("events", "--api", api, "--limit", "240", "--json").out.splitlines()
    ]
    assert len(found) == 240
    assert [each["id"] for each in found[-3:]] == [row["id"] for row in rows[-3:]]
    assert found[-1]["evidence"] == [
        {
            "rule": 942100,
            "message": "SQL",
            "severity": "critical",
            "variable": "ARGS:q",
            "value": "9' or 9=9",
            "weighed": False,
        }
    ]
    shown = run("events", "--id", rows[-1]["id"]).out
    for part in ("Matched rules", "942100", "critical", "ARGS:q", "9' or 9=9"):
        assert part in shown, part
    assert "Matched rules" not in run("events", "--id", rows[-2]["id"]).out
    line = run("events", "--api", api, "--action", "stopped").out
    assert "block:p1" in line
    assert "\x1b" not in line
    assert "No such event" in run("events", "--api", "no-such-api").err
    assert run("events", "--status", "9xx").code == 4


def test_events_follow(run: Run, served: Served, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Following shows what comes, each event once, and ends with Ctrl-C."""
    api, beats = "cli-follow", iter(range(3))
    store.insert_arrow(stream(_rows(2, api)))

    def beat(_: float) -> None:
        number = next(beats, None)
        if number is None:
            raise KeyboardInterrupt
        store.insert_arrow(stream(_rows(1, api, time=datetime.now(UTC))))

    monkeypatch.setattr("starfort.cli.events.time.sleep", beat)
    result = run("events", "--api", api, "--follow", "--json")
    ids = [json.loads(line)["id"] for line in result.out.splitlines()]
    assert len(ids) == len(set(ids)) == 5
    assert result.code == 130


def test_policy_list(run: Run, served: Served) -> None:
    """Policies come in order, with their conditions."""
    names = [row["name"] for row in json.loads(run("policy", "list", "--json").out)]
    assert names[:2] == ["allow-health-checks", "stop-stuffing"]
    assert "!endpoint.documented" in run("policy", "list").out


def test_findings(run: Run, served: Served) -> None:
    """What is wrong with the APIs is listed with what to do; nothing wrong is said and is no error."""
    served.estate.catalogue.findings = list
    assert "Nothing is wrong" in run("findings").err
    now = datetime.now(UTC)
    finding = PostureFinding(
        "open_sensitive", "high", "shop", "00ff", "GET /cards is open", {"calls": 4}, now, now
    )
    served.estate.catalogue.findings = lambda: [finding]
    assert "GET /cards is open" in run("findings", "--severity", "high").out
    (row,) = json.loads(run("findings", "--api", "shop", "--json").out)
    assert (row["code"], row["evidence"]) == ("open_sensitive", {"calls": 4})
    assert "Nothing" in run("findings", "--api", "bank").err


def test_alerts(run: Run, served: Served) -> None:
    """Alerts are listed, shown with evidence, and acknowledged."""
    rows = json.loads(run("alerts", "list", "--severity", "critical", "--json").out)
    assert [row["kind"] for row in rows] == ["credential_stuffing"]
    alert = rows[0]["id"]
    shown = run("alerts", "show", alert)
    assert "attempts" in shown.out
    assert "900" in shown.out
    assert run("alerts", "ack", alert).code == 0
    assert alert not in run("alerts", "list", "--open").out
    assert alert in run("alerts", "list").out
    assert run("alerts", "ack", "00ff").code == 4


def test_signals(run: Run, served: Served) -> None:
    """Signals are listed and lifted, one by its key or all of a kind."""
    assert len(json.loads(run("signals", "list", "--json").out)) == 14
    assert run("signals", "clear", "scraping", "address", "203.0.113.77").code == 0
    assert run("signals", "clear", "scraping", "address", "203.0.113.77").code == 4
    assert run("signals", "clear", "credential_stuffing").code == 2
    assert "Lifted 13" in run("signals", "clear", "credential_stuffing", "--all").err
    assert "No signal" in run("signals", "list").err
    assert run("signals", "clear", "credential_stuffing", "--all").code == 1


OWN = """/*
name: cli_own
kind: cli_own
title: "{hits} calls"
description: Calls of one API.
watches: calls
key_type: address
window: 10m
every: 1s
severity: low
ttl: 10m
score: always 0.5
*/
SELECT toString(address) AS key, 0.5 AS score, count() AS hits FROM events
WHERE time >= {since:DateTime64(6, 'UTC')} AND time <= {until:DateTime64(6, 'UTC')} AND api = 'cli-own'
GROUP BY key
"""


def test_detectors(run: Run, served: Served, store: Store) -> None:
    """Detectors are listed, shown, tested now and over the past, configured ones and files."""
    assert "86,120" in run("detectors", "list").out
    shown = run("detectors", "show", "credential_stuffing").out
    assert "min_failures" in shown
    assert "SELECT" in shown
    Path("own.sql").write_text(OWN)
    store.insert_arrow(stream(_rows(7, "cli-own", address="198.51.100.9")))
    tested = run("detectors", "test", "own.sql")
    assert "7 calls" in tested.out
    assert "cli_own is right" in tested.err
    found = json.loads(run("detectors", "backtest", "own.sql", "--since", "30m", "--json").out)
    (hit,) = found["hits"]
    assert hit["title"] == "7 calls"
    assert found["runs"] == 6
    Path("own.sql").write_text(OWN.replace("severity: low", "severity: huge"))
    wrong = run("detectors", "test", "own.sql")
    assert wrong.code == 4
    assert "own.sql:10" in wrong.err
    assert run("detectors", "backtest", "scraping", "--since", "ages").code == 2


OWN_CHECK = """/*
name: cli_check
title: "{subject} is called {calls|time|times}"
why: It should not be.
fix: Take it down.
severity: medium
*/
SELECT
    toString(e.api) AS api, '' AS endpoint_id, toString(e.api) AS subject,
    min(time) AS first_seen, max(time) AS last_seen, count() AS calls
FROM events AS e
WHERE time >= {since:DateTime64(6, 'UTC')} AND time <= {until:DateTime64(6, 'UTC')} AND e.api = 'cli-check'
GROUP BY api
"""


def test_checks(run: Run, served: Served, store: Store) -> None:
    """Checks are listed, shown and tested; a file of one's own with a mistake is refused with its place."""
    listed = {row["name"]: row for row in json.loads(run("checks", "list", "--json").out)}
    assert listed["open_endpoint"]["source"] == "query"
    assert "forgotten_endpoint" in run("checks", "list").out
    shown = run("checks", "show", "volume_to_caller").out
    assert "min_values" in shown
    assert "SELECT" in shown
    assert "Query" not in run("checks", "show", "new_endpoint").out
    Path("own.sql").write_text(OWN_CHECK)
    assert "It finds nothing now." in run("checks", "test", "own.sql").err
    store.insert_arrow(stream([event(api="cli-check")] * 2))
    tested = run("checks", "test", "own.sql")
    assert "cli-check is called 2 times" in tested.out
    assert "cli_check is right" in tested.err
    Path("own.sql").write_text(OWN_CHECK.replace("severity: medium", "severity: huge"))
    wrong = run("checks", "test", "own.sql")
    assert wrong.code == 4
    assert "own.sql:6:11" in wrong.err
    assert run("checks", "show", "none").code != 0


def test_backtest_joins_its_parts(
    run: Run, served: Served, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the API answers in parts the hits of all are one, with the first and last time of all."""
    monkeypatch.setattr("starfort.admin.trials.LONGEST", timedelta(seconds=-1))
    Path("own.sql").write_text(OWN.replace("cli-own", "cli-parts"))
    store.insert_arrow(stream(_rows(4, "cli-parts", address="198.51.100.8")))
    found = json.loads(
        run("detectors", "backtest", "own.sql", "--since", "20m", "--step", "4m", "--json").out
    )
    (hit,) = found["hits"]
    assert found["runs"] == 5
    assert hit["runs"] >= 1


def test_users(run: Run, served: Served) -> None:
    """Accounts are made, changed, listed and removed; passwords come by stdin, never as arguments."""
    made = run(
        "user", "add", "mira", "--role", "operator", "--password-stdin", stdin="correct horse battery\n"
    )
    assert made.code == 0, made.err
    assert run("user", "role", "mira", "admin").code == 0
    assert run("user", "password", "mira", "--password-stdin", stdin="another horse battery\n").code == 0
    weak = run("user", "password", "mira", "--password-stdin", stdin="short\n")
    assert weak.code == 4
    assert "short\n" not in weak.err
    assert run("user", "add", "noor").code == 2  # no terminal to ask
    rows = {row["name"]: row["role"] for row in json.loads(run("user", "list", "--json").out)}
    assert rows == {"admin": "admin", "mira": "admin"}
    assert run("user", "remove", "mira").code == 2
    assert run("user", "remove", "mira", "--yes").code == 0
    assert "mira" not in run("user", "list").out
    last = run("user", "remove", "admin", "--yes")
    assert last.code == 4
    assert "last administrator" in last.err


def test_second_factor_of_an_account(run: Run, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is on once the app's code was typed; stdout has the recovery codes alone; it can be turned off."""
    import pyotp

    secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    monkeypatch.setattr(pyotp, "random_base32", lambda: secret)
    assert run("user", "add", "lena", "--password-stdin", stdin="correct horse battery\n").code == 0
    wrong = run("user", "factor", "lena", stdin="12345\n")
    assert wrong.code == 4
    assert not any(row["second_factor"] for row in json.loads(run("user", "list", "--json").out))
    made = run("user", "factor", "lena", stdin=pyotp.TOTP(secret).now() + "\n")
    assert made.code == 0, made.err
    assert secret in made.err
    assert len(made.out.split()) == 10
    assert run("user", "factor", "lena", stdin="1\n").code == 4
    assert run("user", "factor", "lena", "--off").code == 0
    assert run("user", "remove", "lena", "--yes").code == 0


def test_tokens(run: Run, served: Served) -> None:
    """A token's text is all that stdout has; it is listed without its text, and revoked."""
    made = run("token", "create", "ci", "--role", "operator", "--days", "5")
    text = made.out.strip()
    assert text.startswith("sft_")
    assert text not in made.err
    (row,) = json.loads(run("token", "list", "--json").out)
    assert (row["name"], row["owner"], row["role"]) == ("ci", "admin", "operator")
    assert text not in run("token", "list").out
    assert run("token", "revoke", str(row["id"])).code == 0
    assert json.loads(run("token", "list", "--json").out) == []


def test_config_show(run: Run, served: Served) -> None:
    """The configuration in force is JSON."""
    assert json.loads(run("config", "show").out)["version"] == 1


def test_version(run: Run) -> None:
    """Versions of all parts are there."""
    assert set(json.loads(run("version", "--json").out)) == {
        "starfort",
        "engine",
        "envoy",
        "clickhouse",
        "python",
    }


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("events", "--action", "deny"), "block"),
        (("events", "--action", "Blocked"), "block"),
        (("events", "--action", "throttle"), "limit"),
        (("events", "--action", "deceve"), "deceive"),
        (("events", "--range", "1d"), "24h"),
        (("events", "--bot", "crawler"), "good"),
        (("alerts", "list", "--severity", "warning"), "medium"),
        (("findings", "--severity", "hgih"), "high"),
        (("catalogue", "list", "--show", "shadow"), "undocumented"),
        (("up", "--log-level", "warn"), "warning"),
        (("user", "add", "a", "--role", "reader"), "viewer"),
        (("events", "--action", "zzz"), ""),
    ],
)
def test_values_that_an_option_does_not_know(run: Run, arguments: tuple[str, ...], meant: str) -> None:
    """A usage error that says which value may be meant, and all that there are."""
    result = run(*arguments)
    assert result.code == 2
    assert f"there is no {arguments[-1]!r}" in result.err
    assert ("Did you mean" in result.err) == bool(meant)
    assert f"Did you mean {meant}?" in result.err or not meant
    assert "There are: " in " ".join(result.err.split())


def test_rule_sets_that_run(
    run: Run, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rules of the running Starfort are listed, those of another folder too; without one that is said."""
    monkeypatch.setenv("STARFORT_RULESETS", str(tmp_path / "none"))
    status = served.estate.status()
    monkeypatch.setattr(
        served.estate,
        "status",
        lambda: dataclasses.replace(
            status, config=dataclasses.replace(status.config, rules="starfort/1, OWASP_CRS/4.25.0")
        ),
    )
    listed = run("rules", "list")
    assert listed.code == 0, listed.err
    assert "OWASP_CRS" in listed.out
    assert "not in this folder" in listed.out
    assert "part of Starfort" in listed.out
    assert [row["in_force"] for row in json.loads(run("rules", "list", "--json").out)] == [True, True]
    monkeypatch.delenv("STARFORT_DATA_DIR")
    assert "No Starfort answers here" in run("rules", "list").err
    assert run("rules", "list", "--data-dir", str(tmp_path / "x")).code == 3


def test_former_names(run: Run, served: Served) -> None:
    """Names from before still work, and are not listed any more."""
    served.estate.catalogue.findings = list
    for former, present in (
        (("catalog", "list", "--json"), ("catalogue", "list", "--json")),
        (("endpoints", "list", "--json"), ("catalogue", "list", "--json")),
        (("posture", "--json"), ("findings", "--json")),
    ):
        assert run(*former).out == run(*present).out
        assert run(*former).code == 0
    words = run("--help").out.split()
    assert {"catalogue", "findings"} <= set(words)
    assert not {"catalog", "posture", "endpoints"} & set(words)
