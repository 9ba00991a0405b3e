"""Credential stuffing: what is signalled, at which key, and what never is."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import replace

import pytest

from starfort.questions.ask import bounded
from starfort.questions.sql import placeholders
from starfort.signals.detector import Detector
from starfort.signals.query import MAX_ROWS, run_once
from starfort.store import Store
from tests.support.callers import (
    Row,
    address,
    builtin,
    campaign,
    hashed,
    keys,
    login,
    people,
    run,
    slot,
    spread,
)
from tests.support.events import stream

TOOL = ("campaign", "tool000000000000|t13d_tool|64666")
HALF = dt.timedelta(seconds=30)


@pytest.fixture(scope="module")
def stuffing() -> Detector:
    """The built-in detector."""
    return builtin("credential_stuffing")


def test_fifty_slow_failures_are_a_campaign(store: Store, stuffing: Detector) -> None:
    """50 failures on 50 accounts from 50 addresses within 60 s signal their tool and network, above 0.8."""
    start = slot()
    rows = campaign(start, 50, 50) + people(start, 20)
    (signal,) = run(store, stuffing, rows, start + HALF)
    assert (signal.key_type, signal.key) == TOOL
    assert signal.score > 0.8
    assert signal.evidence[0]["failures"] == 50
    assert "50 failed log-ins" in signal.title


def test_twenty_nine_failures_are_not(store: Store, stuffing: Detector) -> None:
    """One failure below the threshold signals nothing."""
    start = slot()
    assert run(store, stuffing, campaign(start, 29, 29), start + HALF) == []


def test_setting_moves_the_threshold(store: Store, stuffing: Detector) -> None:
    """`min_failures: 20` signals at 20."""
    start = slot()
    detector = stuffing.with_settings({"min_failures": 20})
    assert keys(run(store, detector, campaign(start, 20, 20), start + HALF)) == {TOOL}


def test_few_leaked_passwords_that_work_do_not_hide_it(store: Store, stuffing: Detector) -> None:
    """A campaign whose every 20th log-in succeeds is still signalled."""
    start = slot()
    rows = campaign(start, 100, 100)
    rows += [
        login(
            time,
            f"hit-{i}",
            ok=True,
            fingerprint="tool000000000000",
            ja4="t13d_tool",
            asn=64666,
            address=address(i),
        )
        for i, time in enumerate(spread(start, 30, 5))
    ]
    assert keys(run(store, stuffing, rows, start + HALF)) == {TOOL}


def test_tool_over_many_networks_is_signalled_as_a_tool(store: Store, stuffing: Detector) -> None:
    """Spread over 30 networks, what is shared is the tool, so the fingerprint is the key."""
    start = slot()
    rows = [row | {"asn": 65000 + i % 30} for i, row in enumerate(campaign(start, 90, 90))]
    found = keys(run(store, stuffing, rows, start + HALF))
    assert ("fingerprint", "tool000000000000") in found
    assert not {key for kind, key in found if kind == "network"}


def test_people_with_the_same_browser_keep_logging_in(store: Store, stuffing: Detector) -> None:
    """A tool that sends a real browser's headers is signalled in its own networks only."""
    start = slot()
    browser = {"fingerprint": "people0000000000", "ja4": "t13d_people"}
    rows = campaign(start, 80, 80, **browser) + people(start, 60)
    assert keys(run(store, stuffing, rows, start + HALF)) == {
        ("campaign", "people0000000000|t13d_people|64666")
    }


def test_same_browser_over_many_networks_spares_the_peoples_network(store: Store, stuffing: Detector) -> None:
    """Behind a real browser's headers, only those networks in which nobody succeeds are signalled."""
    start = slot()
    browser = {"fingerprint": "people0000000000", "ja4": "t13d_people"}
    rows = [row | {"asn": 65000 + i % 12} for i, row in enumerate(campaign(start, 96, 96, **browser))]
    found = keys(run(store, stuffing, rows + people(start, 60), start + HALF))
    assert found == {("campaign", f"people0000000000|t13d_people|{65000 + i}") for i in range(12)}


def test_people_who_logged_in_earlier_protect_their_browser(store: Store, stuffing: Detector) -> None:
    """Successes of the last hour count: a popular browser's quiet minute does not give it to the campaign."""
    start = slot()
    browser = {"fingerprint": "people0000000000", "ja4": "t13d_people"}
    earlier = people(start - dt.timedelta(minutes=40), 400, seconds=1200)
    rows = [row | {"asn": 65000 + i % 12} for i, row in enumerate(campaign(start, 96, 96, **browser))]
    found = keys(run(store, stuffing, earlier + rows, start + HALF))
    assert ("fingerprint", "people0000000000") not in found
    assert ("ja4", "t13d_people") not in found
    assert len(found) == 12


def stopped(rows: list[Row]) -> list[Row]:
    """The same log-ins, answered by Starfort."""
    mine = {"action": "deceive", "upstream": "", "signals": ["credential_stuffing"]}
    return [row | mine for row in rows]


def probes(rows: list[Row]) -> list[Row]:
    """The same log-ins, let pass to see what becomes of them."""
    return [row | {"signals": ["probe:credential_stuffing"]} for row in rows]


def test_what_was_stopped_is_no_failure(store: Store, stuffing: Detector) -> None:
    """300 attempts that Starfort answered by itself neither raise a signal nor hold one."""
    start = slot()
    assert run(store, stuffing, stopped(campaign(start, 300, 100)), start + HALF) == []


def test_probes_that_fail_hold_the_signal(store: Store, stuffing: Detector) -> None:
    """Of 100 attempts 95 are stopped; that the other 5 fail is how the campaign is known to go on."""
    start = slot()
    attempts = campaign(start, 100, 50)
    rows = stopped([row for index, row in enumerate(attempts) if index % 20]) + probes(attempts[::20])
    found = run(store, stuffing, rows, start + HALF)
    assert keys(found) == {TOOL}
    assert found[0].score > 0.8


def test_probes_that_succeed_lift_the_signal(store: Store, stuffing: Detector) -> None:
    """When those who are let pass get in, they are people: the signal ends with this run, not with its TTL."""
    start = slot()
    attempts = campaign(start, 100, 50)
    passed = [row | {"status": 200} for row in probes(attempts[::10])]
    rows = stopped([row for index, row in enumerate(attempts) if index % 10]) + passed
    lifted = {(signal.key_type, signal.score) for signal in run(store, stuffing, rows, start + HALF)}
    assert ("campaign", 0.0) in lifted
    assert {score for _, score in lifted} == {0.0}


def test_one_account_that_is_tried_for_ever_holds_nothing(store: Store, stuffing: Detector) -> None:
    """A monitor with a wrong password that was stopped together with a campaign does not keep its signal alive."""
    start = slot()
    rows = [row | {"account_hash": hashed("monitor")} for row in campaign(start, 200, 1)]
    held = stopped(rows[20:]) + probes(rows[:20])
    assert run(store, stuffing, held, start + HALF) == []


@pytest.mark.parametrize("mark", ["known:address", "known:device"])
def test_known_people_who_fail_are_no_evidence(store: Store, stuffing: Detector, mark: str) -> None:
    """200 people whose account succeeded before from there fail: a service that fails, not a campaign."""
    start = slot()
    rows = [row | {"signals": [mark]} for row in campaign(start, 200, 200)]
    assert run(store, stuffing, rows, start + HALF) == []


def test_account_known_from_elsewhere_is_a_stranger(store: Store, stuffing: Detector) -> None:
    """That an account is used here makes whoever tries it from elsewhere no friend: leaked accounts are."""
    start = slot()
    rows = [row | {"signals": ["known:account", "known:network"]} for row in campaign(start, 50, 50)]
    assert keys(run(store, stuffing, rows, start + HALF)) == {TOOL}


def test_service_that_fails_for_known_people_accuses_nobody(store: Store, stuffing: Detector) -> None:
    """While three people fail from home and nobody from home gets in, strangers who fail are no campaign."""
    start = slot()
    rows = campaign(start, 120, 120)
    home = {"signals": ["known:address"], "address": "203.0.113.9"}
    rows += [
        login(time, f"regular-{i % 9}", ok=False, **home) for i, time in enumerate(spread(start, 30, 60))
    ]
    assert run(store, stuffing, rows, start + HALF) == []


def test_few_accounts_that_fail_on_purpose_excuse_no_campaign(store: Store, stuffing: Detector) -> None:
    """A campaign of 200 whose own four accounts, known from home, fail every 2 s beside it is a campaign."""
    start = slot()
    home = {"signals": ["known:address"], "address": "203.0.113.9"}
    rows = campaign(start, 200, 100)
    rows += [login(time, f"own-{i % 4}", ok=False, **home) for i, time in enumerate(spread(start, 30, 60))]
    assert keys(run(store, stuffing, rows, start + HALF)) == {TOOL}


def test_silence_after_many_successes_is_a_failing_service(store: Store, stuffing: Detector) -> None:
    """A log-in into which two people a second got for ten minutes, and nobody does now, fails by itself."""
    start = slot()
    before = people(start - dt.timedelta(minutes=11), 1320, seconds=655, endpoint_id="busy")
    rows = [row | {"endpoint_id": "busy"} for row in campaign(start, 90, 90)]
    assert run(store, stuffing, before + rows, start + HALF) == []


def test_people_of_the_last_hour_are_counted_as_people(store: Store, stuffing: Detector) -> None:
    """Ten accounts that get in again and again are ten."""
    start = slot()
    ten = [
        login(time, f"hit-{i % 10}", ok=True, fingerprint="tool000000000000", ja4="t13d_tool", asn=64666)
        for i, time in enumerate(spread(start - dt.timedelta(minutes=50), 1200, 600))
    ]
    failed = campaign(
        start - dt.timedelta(minutes=50), 1200, 200
    )  # so nobody takes the ten for those who use it
    failed = [
        row | {"time": time}
        for row, time in zip(failed, spread(start - dt.timedelta(minutes=50), 1200, 1200), strict=True)
    ]
    (signal,) = run(store, stuffing, ten + failed + campaign(start, 100, 100), start + HALF)
    assert signal.evidence[0]["people_last_hour"] == 10


def test_networks_that_are_too_many_are_signalled_as_strangers(store: Store, stuffing: Detector) -> None:
    """Over 80 networks behind a browser that people use, whoever nobody knows is signalled, and no browser."""
    start = slot()
    browser = {"fingerprint": "people0000000001", "ja4": "t13d_people1"}
    rows = [row | {"asn": 65000 + i % 80} for i, row in enumerate(campaign(start, 80, 80, **browser))]
    known = {"signals": ["known:address", "known:network"]}
    found = keys(run(store, stuffing, people(start, 20, **browser, **known) + rows, start + HALF))
    assert ("stranger", "fingerprint|people0000000001") in found
    assert not {key for kind, key in found if kind in {"fingerprint", "ja4"}}


def test_newcomers_who_get_in_are_not_signalled_as_strangers(store: Store, stuffing: Detector) -> None:
    """The same campaign while new people come from new networks: only networks that failed are signalled."""
    start = slot()
    browser = {"fingerprint": "people0000000002", "ja4": "t13d_people2"}
    rows = [row | {"asn": 65000 + i % 80} for i, row in enumerate(campaign(start, 80, 80, **browser))]
    new = [row | {"asn": 66000 + i} for i, row in enumerate(people(start, 20, fail_every=0, **browser))]
    found = keys(run(store, stuffing, new + rows, start + HALF))
    assert {kind for kind, _ in found} == {"campaign"}
    assert not {key for _, key in found if key.split("|")[2].startswith("66")}


def test_campaign_that_ended_is_not_raised_again(store: Store, stuffing: Detector) -> None:
    """14 s after the last attempt nothing is signalled, so with the TTL of 15 s it is over within 30 s."""
    start = slot()
    assert run(store, stuffing, campaign(start, 200, 200), start + HALF + dt.timedelta(seconds=14)) == []


@pytest.mark.parametrize("fail_every", [2, 3, 10])
def test_busy_browser_with_mistyping_people_is_no_campaign(
    store: Store, stuffing: Detector, fail_every: int
) -> None:
    """1,000 people a minute with one browser, up to every second of whom mistypes once, signal nothing."""
    start = slot()
    assert run(store, stuffing, people(start, 1000, fail_every=fail_every), start + HALF) == []


def test_address_shared_by_many_people_is_no_campaign(store: Store, stuffing: Detector) -> None:
    """A carrier's NAT: 300 people behind two addresses, a tenth mistype."""
    start = slot()
    rows = people(start, 300)
    rows = [row | {"address": rows[index % 2]["address"]} for index, row in enumerate(rows)]
    assert run(store, stuffing, rows, start + HALF) == []


def test_office_that_mistypes_is_no_campaign(store: Store, stuffing: Detector) -> None:
    """An office of 15 people after a forced password change: 90 failures, few accounts, one address."""
    start = slot()
    rows = [
        login(time, f"clerk-{index % 15}", ok=False, address="192.0.2.10", asn=64777)
        for index, time in enumerate(spread(start, 55, 90))
    ]
    assert run(store, stuffing, rows, start + HALF) == []


def test_mobile_app_is_no_campaign(store: Store, stuffing: Detector) -> None:
    """One fingerprint for all of a mobile app's 2,000 log-ins a minute, 5 % of which fail (100)."""
    start = slot()
    rows = people(start, 2000, fail_every=20, fingerprint="app0000000000000", ja4="t13d_app")
    assert run(store, stuffing, rows, start + HALF) == []


def test_outage_of_the_login_is_no_campaign(store: Store, stuffing: Detector) -> None:
    """When the upstream answers 500 nobody failed to prove who they are."""
    start = slot()
    rows = [row | {"status": 500} for row in people(start, 400, fail_every=0)]
    assert run(store, stuffing, rows, start + HALF) == []


def mixture(seed: int, start: dt.datetime) -> list[Row]:
    """A campaign of any size among people, in any state of being stopped."""
    draw = random.Random(seed)  # noqa: S311 (cases, no secrets)
    shared = {"fingerprint": "people0000000003", "ja4": "t13d_people3"}
    networks = draw.choice([1, 3, 12, 40, 90])
    tried = campaign(start, draw.choice([5, 28, 31, 90, 200]), draw.choice([1, 9, 11, 90]))
    rows = [row | {"asn": 65000 + i % networks} for i, row in enumerate(tried)]
    if draw.random() < 0.6:
        rows = [row | shared for row in rows]
    if draw.random() < 0.5:
        kinds = draw.choices(["stopped", "probe", "opened"], [8, draw.choice([0, 2]), 1], k=len(rows))
        made = {
            "stopped": lambda row: stopped([row])[0],
            "probe": lambda row: probes([row])[0],
            "opened": lambda row: probes([row])[0] | {"status": 200},
        }
        rows = [made[kind](row) for kind, row in zip(kinds, rows, strict=True)]
    return rows + people(start, draw.choice([0, 5, 60]), fail_every=draw.choice([0, 2, 10]), **shared)


@pytest.mark.parametrize("seed", range(12))
def test_gate_is_open_whenever_the_query_finds_something(store: Store, stuffing: Detector, seed: int) -> None:
    """Without its gate the detector finds the same, as campaigns come, are stopped and end."""
    start = slot()
    store.insert_arrow(stream(mixture(seed, start)))
    ungated = replace(stuffing, spec=stuffing.spec.model_copy(update={"gate": None}))
    for seconds in (8, 30, 44, 75):
        until = start + dt.timedelta(seconds=seconds)
        found = {(s.key_type, s.key): s.score for s in run_once(store, ungated, until)[0]}
        assert {(s.key_type, s.key): s.score for s in run_once(store, stuffing, until)[0]} == found


def test_derived_comparisons_change_no_answer(store: Store, stuffing: Detector) -> None:
    """What `optimize_and_compare_chain` would derive is dear to plan and finds nothing else."""
    found = 0
    for seed in range(12):
        start = slot()
        store.insert_arrow(stream(mixture(seed, start)))
        given = stuffing.parameters(start + HALF)
        asked = {name: value for name, value in given.items() if name in placeholders(stuffing.sql)}
        sql = bounded(stuffing.sql, MAX_ROWS + 1, "score DESC")
        off = "optimize_and_compare_chain = 0"
        assert off in sql
        rows = store.query(sql, asked)
        assert sorted(map(repr, rows)) == sorted(
            map(repr, store.query(sql.replace(off, "optimize_and_compare_chain = 1"), asked))
        )
        found += len(rows)
    assert found
