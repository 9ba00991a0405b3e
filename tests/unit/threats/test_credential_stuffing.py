"""Credential stuffing: what is signalled, at which key, and what never is."""

from __future__ import annotations

import datetime as dt

import pytest

from starfort.signals import Detector
from starfort.store import Store
from tests.support.callers import address, builtin, campaign, keys, login, people, run, slot, spread

TOOL = ("campaign", "tool000000000000|t13d_tool|64666")
MINUTE = dt.timedelta(minutes=1)
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


def test_forty_nine_failures_are_not(store: Store, stuffing: Detector) -> None:
    """One failure below the threshold signals nothing."""
    start = slot()
    assert run(store, stuffing, campaign(start, 49, 49), start + HALF) == []


def test_setting_moves_the_threshold(store: Store, stuffing: Detector) -> None:
    """`min_failures: 30` signals at 30."""
    start = slot()
    detector = stuffing.with_settings({"min_failures": 30})
    assert keys(run(store, detector, campaign(start, 30, 30), start + HALF)) == {TOOL}


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


def test_stopped_attempts_hold_the_signal(store: Store, stuffing: Detector) -> None:
    """Once Starfort answers for the upstream the attempts still count: the campaign does not come and go."""
    start = slot()
    rows = [
        row | {"action": "deceive", "upstream": "", "signals": ["credential_stuffing"]}
        for row in campaign(start, 50, 50)
    ]
    (signal,) = run(store, stuffing, rows, start + HALF)
    assert (signal.key_type, signal.key) == TOOL
    assert signal.evidence[0]["stopped"] == 50


def test_campaign_that_ended_is_not_raised_again(store: Store, stuffing: Detector) -> None:
    """A window after the last attempt nothing is signalled, so the signal lapses with its TTL."""
    start = slot()
    assert run(store, stuffing, campaign(start, 200, 200), start + 2 * MINUTE) == []


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
