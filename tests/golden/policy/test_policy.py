"""Each action, enforced and observed: a configuration's policies, requests, and what the engine makes of them.

`starfort.yaml` has what a case adds to `HEAD`; policies without a `mode` get the mode that is tested. `request.yaml`
is a list of requests as `Engine.explain` takes them, in one engine one after the other; `after_ms` moves the clock
first, `signals` sets signals. `expected.yaml` has what came of each; `--update-golden` writes it anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from starfort import bundle
from starfort._engine import Engine
from starfort.compile import compile_config
from starfort.config import load
from starfort.config.action import Action

HERE = Path(__file__).parent
CASES = sorted(path.name for path in HERE.iterdir() if (path / "starfort.yaml").is_file())
MODES = ("enforce", "observe")
START_MS = 1_700_000_000_000
HEAD = """
version: 1
node: edge-1
listeners: [{name: public, address: 127.0.0.1:8080}]
upstreams: [{name: shop, addresses: [127.0.0.1:9001]}, {name: desk, addresses: [127.0.0.1:9002]}]
identity: {jwt: [{name: id, issuer: https://id.example.com, audiences: [shop], jwks_file: jwks.json}]}
apis:
  - name: shop
    hosts: [shop.example.com]
    upstream: shop
    authentication: [id]
    endpoints:
      - {match: POST /login, labels: [login], login: {username: email, password: password}}
      - {match: "GET /users/{id}"}
      - {match: POST /ofx}
"""


def engine(case: str, mode: str, folder: Path) -> Engine:
    """The engine of a case's configuration, whose policies have a mode."""
    config = yaml.safe_load(HEAD) | yaml.safe_load(
        (HERE / case / "starfort.yaml").read_text(encoding="utf-8")
    )
    config["policies"] = [{"mode": mode} | policy for policy in config["policies"]]
    config["data_dir"] = str(folder / "data")
    keys = {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}
    (folder / "jwks.json").write_text(json.dumps(keys), encoding="utf-8")
    file = folder / "starfort.yaml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    compiled = compile_config(load(file), hash_key=bytes(32), signal_kinds=["credential_stuffing"])
    return Engine(bundle.encode(compiled.bundle))


def play(engine: Engine, requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the engine makes of the requests, one after the other."""
    now_ms, told = START_MS, []
    for given in requests:
        request = dict(given)
        now_ms += request.pop("after_ms", 0)
        engine.signals(request.pop("signals", []), now_ms=now_ms)
        told.append(essence(dict(engine.explain(request, now_ms=now_ms))))
    return told


def essence(told: dict[str, Any]) -> dict[str, Any]:
    """What a case is about."""
    answer, masked = told["answer"], told["masked_body"]
    return {
        "action": told["action"],
        "policy": told["policy"],
        "policies": {trace["policy"]: said(trace) for trace in told["policies"]},
        "upstream": told["upstream"],
        "tags": dict(told["tags"]),
        "delay_ms": told["delay_ms"],
        "answer": answer and {**answer, "headers": dict(answer["headers"]), "body": answer["body"].decode()},
        "masked_body": masked and masked.decode(),
        "event": {
            key: told["event"][key]
            for key in ("status", "action", "policy", "tags", "observed", "findings", "sensitive_response")
        },
    }


def said(trace: dict[str, Any]) -> str:
    """What a policy said, in a word."""
    return f"{trace['outcome']}: {trace['error']}" if trace["error"] else trace["outcome"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", CASES)
def test_golden(case: str, mode: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The engine does what the golden file says."""
    requests = yaml.safe_load((HERE / case / "request.yaml").read_text(encoding="utf-8"))
    told = play(engine(case, mode, tmp_path), requests)
    file = HERE / case / "expected.yaml"
    expected = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if request.config.getoption("--update-golden"):
        text = yaml.safe_dump({**expected, mode: told}, sort_keys=False, width=110)
        file.write_text(text, encoding="utf-8")
        return
    assert told == expected[mode]


def test_every_action_has_its_case() -> None:
    """There is a case for each action, and none for what is no action."""
    assert set(CASES) == set(Action.model_fields)
    assert all((HERE / case / "expected.yaml").is_file() for case in CASES)


@pytest.mark.parametrize("case", CASES)
def test_observing_changes_nothing_for_the_client(case: str) -> None:
    """Where every policy observes, requests pass as if there were none, and the event says what would have been."""
    text = (HERE / case / "starfort.yaml").read_text(encoding="utf-8")
    if "mode: enforce" in text:
        pytest.skip("the case has policies that act in any case")
    observed = yaml.safe_load((HERE / case / "expected.yaml").read_text(encoding="utf-8"))["observe"]
    for told in observed:
        assert (told["action"], told["answer"], told["masked_body"]) == ("allow", None, None)
        assert (told["upstream"], told["tags"], told["delay_ms"]) == ("shop", {}, 0)
    assert any(told["event"]["observed"] for told in observed)
