"""Scraping: programs that copy what the read endpoints give."""

from __future__ import annotations

import datetime as dt
import random

import pytest

from starfort.signals.detector import Detector
from starfort.signals.model import Signal
from starfort.signals.query import Effort, run_once
from starfort.store import Store
from tests.support.callers import Row, address, builtin, hashed, keys, read, run, slot, spread

MINUTE = dt.timedelta(minutes=1)


@pytest.fixture(scope="module")
def scraping() -> Detector:
    """The built-in detector."""
    return builtin("scraping")


def crawl(start: dt.datetime, count: int, addresses: int = 1, **fields: object) -> list[Row]:
    """Reads a different product each time, at a constant pace, addresses in turn."""
    tool = {"fingerprint": "scraper000000000", "ja4": "t13d_scraper", "asn": 64999}
    return [
        read(time, f"/products/{i}", **({"address": address(i % addresses, "198.18")} | tool | fields))
        for i, time in enumerate(spread(start, 58, count))
    ]


def shoppers(start: dt.datetime, count: int, *, seed: int, **fields: object) -> list[Row]:
    """People of one app: bursts of a few reads each, popular products over and over."""
    chance = random.Random(seed)  # noqa: S311 (test data)
    rows = []
    for person in range(count):
        begin = start + dt.timedelta(seconds=chance.uniform(0, 50))
        mine = {
            "address": address(person, "203.0"),
            "session_hash": hashed(f"shopper-{seed}-{person}"),
        } | fields
        for click in range(chance.randint(3, 12)):
            time = begin + dt.timedelta(seconds=click * chance.uniform(0.1, 0.8))
            rows.append(read(time, f"/products/{int(chance.paretovariate(0.6)) % 2000}", **mine))
    return rows


def test_one_fast_client_is_signalled(store: Store, scraping: Detector) -> None:
    """600 different products in a minute from one address signal that address."""
    start = slot()
    found = run(store, scraping, crawl(start, 600) + shoppers(start, 50, seed=1), start + MINUTE)
    assert ("address", "198.18.0.0") in keys(found)
    assert not {key for kind, key in keys(found) if "people" in key}


def test_scraper_spread_over_addresses_is_signalled_by_tool(store: Store, scraping: Detector) -> None:
    """Over ten addresses of one network, each below a limit per address, tool and network are the key."""
    start = slot()
    found = run(store, scraping, crawl(start, 600, 10), start + MINUTE)
    assert keys(found) == {("campaign", "scraper000000000|t13d_scraper|64999")}


def test_steadier_and_wider_scores_higher(store: Store, scraping: Detector) -> None:
    """The score grows with volume."""
    first, second = slot(), slot()
    few = max(run(store, scraping, crawl(first, 260), first + MINUTE), key=lambda signal: signal.score)
    many = max(run(store, scraping, crawl(second, 2000), second + MINUTE), key=lambda signal: signal.score)
    assert many.score > few.score + 0.1


def test_blocked_scraper_holds_the_signal(store: Store, scraping: Detector) -> None:
    """Reads that Starfort stopped count."""
    start = slot()
    assert run(store, scraping, crawl(start, 600, action="block", status=403), start + MINUTE)


def test_app_with_one_fingerprint_is_not(store: Store, scraping: Detector) -> None:
    """500 people of one app on one carrier read some thousand products; nobody of them copies the shop."""
    start = slot()
    assert run(store, scraping, shoppers(start, 500, seed=2), start + MINUTE) == []


def test_people_behind_one_address_are_not(store: Store, scraping: Detector) -> None:
    """A carrier's NAT with 100 shoppers."""
    start = slot()
    assert run(store, scraping, shoppers(start, 100, seed=3, address="192.0.2.99"), start + MINUTE) == []


def test_good_bot_is_not(store: Store, scraping: Detector) -> None:
    """A search engine may crawl."""
    start = slot()
    assert run(store, scraping, crawl(start, 600, bot="good", bot_name="Googlebot"), start + MINUTE) == []


def test_polling_is_not(store: Store, scraping: Detector) -> None:
    """A monitor that asks for one page ten times a second copies nothing."""
    start = slot()
    rows = [read(time, "/health", address="192.0.2.5") for time in spread(start, 58, 600)]
    assert run(store, scraping, rows, start + MINUTE) == []


def test_one_scraper_among_people_is_signalled_alone(store: Store, scraping: Detector) -> None:
    """Its tool and network, which two hundred people share, are not."""
    start = slot()
    shared = {"fingerprint": "people0000000000", "ja4": "t13d_people", "asn": 64500}
    rows = crawl(start, 600, **shared) + shoppers(start, 200, seed=9)
    assert keys(run(store, scraping, rows, start + MINUTE)) == {("address", "198.18.0.0")}


def test_calls_that_stand_for_several_count_so(store: Store, scraping: Detector) -> None:
    """Of a scraper's 600 reads one in four was kept, which stands for four; people's reads likewise are none."""
    start, later = slot(), slot()
    found = run(store, scraping, crawl(start, 150, weight=4), start + MINUTE)
    (signal,) = [signal for signal in found if signal.key_type == "address"]
    assert signal.evidence[0]["requests"] == 600
    assert run(store, scraping, shoppers(later, 120, seed=4, weight=4), later + MINUTE) == []


@pytest.mark.parametrize("parts", [2, 4])
def test_shares_of_keys_find_what_all_find(store: Store, scraping: Detector, parts: int) -> None:
    """The shares together signal what one query signals, with the same figures."""
    start = slot()
    rows = [row for number in range(12) for row in crawl(start, 300, address=address(number, "198.19"))]
    whole = {signal.key: signal for signal in run(store, scraping, rows, start + MINUTE)}
    shares: list[Signal] = []
    for turn in range(parts):
        shares += run_once(store, scraping, start + MINUTE, Effort(parts, turn))[0]
    assert {signal.key: signal for signal in shares} == whole
    assert len(shares) == len(whole) >= 12
