"""Signals that let somebody pass: probes, and who succeeded before."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from starfort._engine import Engine
from tests.support.logins import browser, made_engine

NOW_MS = 1_800_000_000_000
TOOL = browser("Signals")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """One engine; cases use own accounts and tools."""
    return made_engine(tmp_path_factory.mktemp("engine"))


def tried(  # noqa: PLR0913, PLR0917 (what a log-in is made of)
    engine: Engine, account: str, address: str, tool: str = "Signals", status: int = 401, after_ms: int = 0
) -> dict[str, Any]:
    """What became of a log-in; `address` 10.X.Y.Z is of the network that X and Y name."""
    headers = [
        ("Host", "shop.example"),
        ("X-Forwarded-For", address),
        *((name, "x") for name in browser(tool)),
    ]
    told = engine.explain(
        {
            "method": "POST",
            "url": "https://shop.example/login",
            "headers": [*headers, ("Content-Type", "application/json")],
            "body": f'{{"email": {account}, "password": "x"}}',
            "response": {"status": status},
        },
        now_ms=NOW_MS + after_ms,
    )
    return dict(told)


def signal(engine: Engine, key_type: str, key: str, **more: Any) -> None:
    """Signal a key for a minute."""
    engine.signals(
        [
            {
                "kind": "credential_stuffing",
                "key_type": key_type,
                "key": key,
                "score": 0.9,
                "ttl_ms": 60_000,
                **more,
            }
        ],
        now_ms=NOW_MS,
    )


def fingerprint(engine: Engine, tool: str) -> str:
    """The fingerprint of a tool."""
    return str(tried(engine, '"nobody"', "10.0.0.1", tool)["client"]["fingerprint"])


def test_who_succeeded_before_from_there_is_not_met(engine: Engine) -> None:
    """The same account from the same address, or in the same network with the same tool, passes; from elsewhere not."""
    assert tried(engine, '"ann"', "10.0.1.7", "Spare", 200)["action"] == "allow"
    signal(engine, "fingerprint", fingerprint(engine, "Spare"), spare_known=True)
    home = tried(engine, '"ann"', "10.0.1.7", "Spare")
    assert home["action"] == "allow"
    assert set(home["event"]["signals"]) == {
        "spared:credential_stuffing", "known:address", "known:device", "known:account", "known:network",
    }  # fmt: skip
    assert tried(engine, '"ANN"', "10.0.1.200", "Spare")["action"] == "allow", "same network, same tool"
    far = tried(engine, '"ann"', "10.0.2.7", "Spare")
    assert far["action"] == "deceive"
    assert set(far["event"]["signals"]) == {"credential_stuffing", "known:account"}
    assert tried(engine, '"eve"', "10.0.1.7", "Spare")["action"] == "deceive", "another account from there"


def test_failures_and_answers_of_starfort_make_nobody_known(engine: Engine) -> None:
    """Only what the API answered with success is remembered."""
    tried(engine, '"bob"', "10.0.3.7", "Fail", 401)
    signal(engine, "fingerprint", fingerprint(engine, "Fail"), spare_known=True)
    for _ in range(2):
        assert tried(engine, '"bob"', "10.0.3.7", "Fail", 200)["action"] == "deceive"


def test_a_decoy_beside_a_known_account_spares_nobody(engine: Engine) -> None:
    """Of a log-in that names two accounts nobody can tell which one counts."""
    tried(engine, '"carl"', "10.0.4.7", "Decoy", 200)
    signal(engine, "fingerprint", fingerprint(engine, "Decoy"), spare_known=True)
    assert tried(engine, '"carl"', "10.0.4.7", "Decoy")["action"] == "allow"
    assert tried(engine, '"carl", "email": "victim"', "10.0.4.7", "Decoy")["action"] == "deceive"


def test_a_signal_that_spares_nobody_meets_all(engine: Engine) -> None:
    """Without `spare_known` and `probe` a signal applies to everybody with its key."""
    tried(engine, '"dora"', "10.0.5.7", "Strict", 200)
    signal(engine, "fingerprint", fingerprint(engine, "Strict"))
    outcomes = {tried(engine, f'"dora{i or ""}"', "10.0.5.7", "Strict")["action"] for i in range(100)}
    assert outcomes == {"deceive"}


def test_one_in_twenty_passes_as_a_probe_and_again_at_once_draws_the_same(engine: Engine) -> None:
    """The share is what the signal says; repeating is no way through within half a minute, and each account counts anew after."""
    signal(engine, "fingerprint", fingerprint(engine, "Probe"), probe=0.05)

    def passed(number: int, after_ms: int = 0) -> bool:
        told = tried(engine, f'"probe{number}"', "10.0.6.7", "Probe", after_ms=after_ms)
        assert told["event"]["signals"] == (
            ["probe:credential_stuffing"] if told["action"] == "allow" else ["credential_stuffing"]
        )
        return bool(told["action"] == "allow")

    first = {number for number in range(2000) if passed(number)}
    assert 60 <= len(first) <= 145, len(first)
    assert {number for number in range(300) if passed(number, 5_000)} == {n for n in first if n < 300}
    assert {number for number in range(2000) if passed(number, 31_000)} != first


def test_strangers_are_whom_nobody_knows(engine: Engine) -> None:
    """`stranger` meets those whose account did not succeed from there, in networks in which nobody did with that tool."""
    tried(engine, '"erin"', "10.0.7.7", "Stranger", 200)
    signal(engine, "stranger", f"fingerprint|{fingerprint(engine, 'Stranger')}")
    assert tried(engine, '"newcomer"', "10.0.7.99", "Stranger")["action"] == "allow", (
        "a network that is known"
    )
    assert tried(engine, '"newcomer"', "10.0.8.99", "Stranger")["action"] == "deceive"
    assert tried(engine, '"newcomer"', "10.0.8.99", "Other")["action"] == "allow", "another tool"


def test_what_the_store_tells_is_known(engine: Engine) -> None:
    """A new process begins with what others learned: hashes as the store makes them."""
    account = tried(engine, '"fred"', "10.0.9.7", "Told")["event"]["account_hash"]
    told = hashlib.sha256(f"address|{account}|10.0.9.7".encode()).digest()[:8]
    engine.known(told)
    assert "known:address" in tried(engine, '"fred"', "10.0.9.7", "Told")["event"]["signals"]
    assert tried(engine, '"fred"', "10.0.9.8", "Told")["event"]["signals"] == []
