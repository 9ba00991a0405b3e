"""Which versions are known, and which are new."""

from __future__ import annotations

from starfort.catalogue.model import Endpoint, VersionPlaces
from starfort.catalogue.version_log import VersionLog
from starfort.catalogue.versions import Version

PLACES = VersionPlaces()
MINUTE = 60_000_000


def _endpoints(*templates: str) -> list[Endpoint]:
    return [Endpoint(template, "shop", "*", "GET", template, "learned") for template in templates]


def _log(*templates: str, most: int = 32) -> VersionLog:
    log = VersionLog(most)
    log.know(_endpoints(*templates), PLACES)
    return log


def _new(log: VersionLog) -> list[tuple[str, list[str | None]]]:
    return [
        (one.version.name, [other.name if other else None for other in one.others]) for one in log.pending
    ]


def test_a_version_beside_another_is_new_once() -> None:
    """v2 beside v1 under the same path; the first version of an API is not new."""
    log = _log("/v1/orders")
    log.found(_endpoints("/v2/orders"), PLACES, MINUTE, first=False)
    log.found(_endpoints("/v2/carts", "/admin/v1/x"), PLACES, MINUTE, first=False)
    assert _new(log) == [("v2", ["v1"])]


def test_a_version_of_what_had_none_is_new() -> None:
    """`/v2/orders` beside `/orders`, which calls without a version; `/v2/else` is just another path."""
    log = _log("/orders")
    log.found(_endpoints("/v2/else"), PLACES, MINUTE, first=False)
    assert _new(log) == []
    log = _log("/orders")
    log.found(_endpoints("/v2/orders"), PLACES, MINUTE, first=False)
    assert _new(log) == [("v2", [None])]


def test_a_version_that_is_asked_for_is_new() -> None:
    """By header beside calls without one, and beside another; not with the first calls of an API."""
    log = _log()
    log.ask("", 1, 1, 5, 1)
    log.ask("header:2024-01", 1, 1, 5, 1)
    log.found([], PLACES, MINUTE, first=True)
    assert _new(log) == []
    log.ask("header:2025-06", 2, 2, 1, 1)
    log.found([], PLACES, MINUTE, first=False)
    assert _new(log) == [("2025-06", [None, "2024-01"])]
    assert log.names([], PLACES) == {"header": ["2024-01", "2025-06"]}


def test_somebody_who_tries_versions_is_told_a_few_times() -> None:
    """One caller makes three versions a day; a version that several ask for is told all the same."""
    log = _log()
    log.ask("", 1, 1, 5, 1)
    log.found([], PLACES, MINUTE, first=True)
    for number in range(20):
        log.ask(f"header:v{number}", 1, 1, 1, 1)
    log.found([], PLACES, MINUTE, first=False)
    assert len(log.pending) == 3
    log.ask("query:9", 1, 1, 2, 0b11)
    log.found([], PLACES, MINUTE, first=False)
    assert [one.version for one in log.pending][-1] == Version("query", "", "9")


def test_versions_are_bounded_by_evidence() -> None:
    """Names that one caller invents do not push out those that many ask for."""
    log = _log(most=8)
    log.ask("header:v1", 1, 1, 100, 0b1111)
    for number in range(1_000):
        log.ask(f"header:x{number}", 1, number, 1, 1)
    assert len(log.asked) == 8
    assert "header:v1" in log.asked
    assert log.dropped == 993


def test_what_is_known_survives_a_restart() -> None:
    """A version is not new again after it."""
    log = _log()
    log.ask("", 1, 1, 5, 1)
    log.ask("header:v1", 1, 1, 5, 1)
    log.found([], PLACES, MINUTE, first=True)
    again = VersionLog(32)
    again.load(log.kept())
    again.found([], PLACES, MINUTE, first=False)
    assert again.pending == []
    assert again.asked == log.asked
    assert again.plain
